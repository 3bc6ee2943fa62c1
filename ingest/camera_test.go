package ingest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/frames/framestest"
)

// camera is an admitted publisher of a camera that sends 25 pictures a second.
type camera struct {
	*rig
	*Session
	units []frames.AccessUnit
	sent  int64
}

func newCamera(t *testing.T, change func(*frames.Parameters)) *camera {
	t.Helper()
	c := &camera{rig: newRig(t, framestest.NewLog(), false, Camera{ID: "door", OpenPublish: true})}
	p, units := fixture(t, "plain")
	c.units = units
	if change != nil {
		change(&p)
	}
	var err error
	if c.Session, err = c.Admit(t.Context(), "door", "", "test"); err != nil {
		t.Fatal(err)
	}
	start(t, c, p)
	return c
}

// send sends for d; every tells the distance of key units, none for zero. It stops at the first refusal.
func (c *camera) send(d, every time.Duration) error {
	for range int(d / (40 * time.Millisecond)) {
		n := c.units[1].NALUs // not key
		if every > 0 && c.sent%int64(every/(40*time.Millisecond)) == 0 {
			n = c.units[0].NALUs
		}
		err := c.Unit(Unit{PTS: c.sent * 3600, Received: time.Now(), NALUs: n})
		c.sent++
		if err != nil {
			return err
		}
		time.Sleep(40 * time.Millisecond)
	}
	synctest.Wait()
	return nil
}

// A camera whose units come and cannot be recorded is away, however many come.
func TestNothingRecordedIsNotOnline(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*frames.Parameters)
		every  time.Duration
	}{
		"no key frame":      {nil, 0},
		"no parameter sets": {func(p *frames.Parameters) { p.SPS, p.PPS = nil, nil }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCamera(t, tt.change)
				from := time.Now()
				if err := c.send(KeyTimeout-time.Second, tt.every); err != nil {
					t.Fatal(err)
				}
				if st := c.states.last(); st.Online {
					t.Errorf("online without a fragment: %+v", st)
				}
				err := c.send(time.Minute, tt.every)
				within(t, "until it ended", time.Since(from), KeyTimeout)
				if !errors.Is(err, ErrNoKey) || !errors.Is(context.Cause(c.Context), ErrNoKey) {
					t.Errorf("got %v and cause %v, want %v", err, context.Cause(c.Context), ErrNoKey)
				}
				synctest.Wait()
				if st := c.states.last(); st.Online || st.LastError != ErrNoKey.Error() {
					t.Errorf("got state %+v", st)
				}
			})
		})
	}
}

// Cameras with distant key frames are no broken ones.
func TestDistantKeyFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(t, nil)
		c.sent = 1 // just after a key frame
		if err := c.send(9*time.Second, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if c.states.last().Online {
			t.Error("online before the first key frame")
		}
		if err := c.send(3*time.Minute, 10*time.Second); err != nil {
			t.Errorf("10 s apart: %v", err)
		}
		if err := c.send(4*time.Minute, 50*time.Second); err != nil {
			t.Errorf("50 s apart: %v", err)
		}
		if !c.states.last().Online {
			t.Error("not online")
		}
	})
}

func TestKeyFramesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(t, nil)
		if err := c.send(2*time.Second, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		if st := c.states.last(); !st.Online {
			t.Errorf("with fragments: %+v", st)
		}
		from := time.Now()
		if err := c.send(2*KeyGap, 0); !errors.Is(err, ErrKeysEnded) {
			t.Errorf("got %v, want %v", err, ErrKeysEnded)
		}
		if d := time.Since(from); d < KeyGap-3*time.Second || d > KeyGap {
			t.Errorf("ended after %v, want %v after the last key frame", d, KeyGap)
		}
		synctest.Wait()
		if st := c.states.last(); st.Online || st.LastError != ErrKeysEnded.Error() {
			t.Errorf("got state %+v", st)
		}
	})
}

// Units that come but are not recorded do not count as good video.
func TestGoodVideoIsRecordedVideo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(t, nil)
		c.sent = 1
		if err := c.send(11*time.Second, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := c.Sink.(*connection).goodFor(); got > 2*time.Second {
			t.Errorf("got %v of good video, want about one second", got)
		}
	})
}

// A unit in time keeps a connection alive, also one that waits for its key frame; silence ends it.
func TestStallBeforeKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCamera(t, nil)
		if err := c.send(2*time.Second, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(StallTimeout + time.Millisecond)
		if got := context.Cause(c.Context); !errors.Is(got, ErrStalled) {
			t.Errorf("got cause %v, want %v", got, ErrStalled)
		}
	})
}
