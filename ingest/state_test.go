package ingest

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames/framestest"
)

func TestStateRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{acts: []func(context.Context, Sink) error{plays(t, time.Minute, nil)}}
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: s})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		st := r.states.last()
		if st.Rate < 24 || st.Rate > 26 || st.Bitrate < 10_000 || st.Bitrate > 200_000 || time.Since(st.Updated) > 2*time.Second {
			t.Errorf("got %+v, want 25 pictures a second", st)
		}
		if since := time.Since(st.LastUnit); math.Abs(st.GOP-0.8) > 0.001 || st.Units < 450 || st.Units > 501 || st.Dropped != 0 || since > 2*time.Second {
			t.Errorf("got %+v, want a key frame every 0.8 s and 500 units, the last just now", st)
		}
		r.stop()
		if st := r.states.last(); st.Online || st.Rate != 0 {
			t.Errorf("stopped: got %+v", st)
		}
	})
}

func TestStateCountsLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{acts: []func(context.Context, Sink) error{func(ctx context.Context, sink Sink) error {
			sink.Lost(3)
			sink.Lost(4)
			return hangs(ctx, sink)
		}}}
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: s})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if st := r.states.last(); st.Lost != 7 {
			t.Errorf("got %+v, want 7 packets lost", st)
		}
		r.stop()
	})
}

// What cannot be decoded is known late: only the connection that still brings it ends, and the camera says why.
func TestUndecodable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{acts: []func(context.Context, Sink) error{plays(t, 25*time.Second, nil), plays(t, time.Hour, nil)}}
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: s})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		epoch := stored(t, r.log, "door")[0].Epoch
		r.Undecodable("door", "another")
		r.Undecodable("yard", epoch)
		synctest.Wait()
		if !r.states.last().Online {
			t.Fatal("a connection ended that brought nothing of it")
		}
		r.Undecodable("door", epoch)
		synctest.Wait()
		if st := r.states.last(); st.Online || st.LastError != ErrUndecodable.Error() {
			t.Errorf("got state %+v, want why it is offline", st)
		}
		time.Sleep(3 * time.Second)
		r.Undecodable("door", epoch) // is told again until the next key frame
		synctest.Wait()
		if !r.states.last().Online || len(s.waits()) != 1 {
			t.Errorf("got state %+v after %d attempts, want the second connection", r.states.last(), len(s.waits())+1)
		}
	})
}
