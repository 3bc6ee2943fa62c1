package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/frames/framestest"
)

// flaky is a log that fails in both ways: nothing stored, or stored but reported failed.
type flaky struct {
	*framestest.Log
	mu    sync.Mutex
	away  bool // nothing is stored
	lies  int  // so many times more it is stored and an error returned
	tries int
}

var errAway = errors.New("no bus")

func (f *flaky) set(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *flaky) Append(ctx context.Context, fr *frames.Fragment) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.away {
		return 0, errAway
	}
	pos, err := f.Log.Append(ctx, fr)
	if f.lies > 0 {
		f.lies--
		return 0, errAway
	}
	return pos, err
}

func publisher(t *testing.T, log frames.Log) (p *Publisher, stop func()) {
	t.Helper()
	p = NewPublisher(log, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return p, stop
}

// wantDecodable checks that every fragment names its key fragment.
func wantDecodable(t *testing.T, fs []*frames.Fragment) {
	t.Helper()
	var key uint64
	for _, f := range fs {
		switch {
		case f.Key:
			key = f.Pos
			if f.KeyPos != 0 {
				t.Errorf("%s: key fragment with key position %d", f.ID(), f.KeyPos)
			}
		case f.KeyPos != key || key == 0:
			t.Errorf("%s: got key position %d, want %d", f.ID(), f.KeyPos, key)
		}
	}
}

func TestPublisherRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &flaky{Log: framestest.NewLog(), lies: 3}
		p, stop := publisher(t, log)
		log.set(true)
		fs := framestest.Fragments("door", "e", framestest.Start(), 40, 8)
		for _, f := range fs {
			p.Publish(f)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		log.mu.Lock()
		if log.tries < 5 || log.tries > 15 {
			t.Errorf("got %d tries in 20 s, want a back-off up to 5 s", log.tries)
		}
		log.mu.Unlock()
		log.set(false)
		time.Sleep(6 * time.Second)
		stop()
		got := stored(t, log, "door")
		if len(got) != len(fs) || p.Dropped() != 0 {
			t.Fatalf("got %d fragments, %d dropped, want all %d", len(got), p.Dropped(), len(fs))
		}
		wantDecodable(t, got)
	})
}

func TestPublisherDropsWholeGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &flaky{Log: framestest.NewLog(), away: true}
		p, stop := publisher(t, log)
		start := framestest.Start()
		fs := framestest.Fragments("door", "e", start, 2000, 7)
		var length time.Duration
		for _, f := range fs {
			length += f.Duration
			p.Publish(f)
		}
		if length <= RingDuration+10*time.Second {
			t.Fatalf("the fragments last only %v", length)
		}
		synctest.Wait() // no attempt with what was dropped is under way
		log.set(false)
		time.Sleep(6 * time.Second)
		stop()
		got := stored(t, log, "door")
		wantDecodable(t, got)
		first := got[0]
		if !first.Key || first.Gap == nil || first.Gap.Reason != GapBusAway ||
			!first.Gap.From.Equal(fs[0].Start) || !first.Gap.To.Equal(first.Start) {
			t.Errorf("got %s, key %v, gap %+v", first.ID(), first.Key, first.Gap)
		}
		if kept := got[len(got)-1].End().Sub(first.Start); kept > RingDuration || kept < RingDuration-5*time.Second {
			t.Errorf("kept %v, want nearly %v", kept, RingDuration)
		}
		if n := len(got) + int(p.Dropped()); n != len(fs) {
			t.Errorf("stored and dropped are %d, want %d", n, len(fs))
		}
		for _, f := range got[1:] {
			if f.Gap != nil {
				t.Errorf("%s: gap %+v", f.ID(), f.Gap)
			}
		}
	})
}

// A group of pictures longer than the ring is given up as a whole, up to the next key fragment.
func TestPublisherDropsLongGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &flaky{Log: framestest.NewLog(), away: true}
		p, stop := publisher(t, log)
		fs := framestest.Fragments("door", "e", framestest.Start(), 1000, 900)
		fs[0].Gap = &frames.Gap{From: fs[0].Start.Add(-time.Minute), To: fs[0].Start, Reason: GapAway}
		from := fs[0].Gap.From
		for _, f := range fs {
			p.Publish(f)
		}
		log.set(false)
		time.Sleep(6 * time.Second)
		stop()
		got := stored(t, log, "door")
		if len(got) != 100 || !got[0].Key || got[0].Gap == nil || !got[0].Gap.From.Equal(from) ||
			got[0].Gap.Reason != GapAway+", "+GapBusAway {
			t.Fatalf("got %d fragments, the first with gap %+v", len(got), got[0].Gap)
		}
		wantDecodable(t, got)
	})
}

func TestPublisherDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &flaky{Log: framestest.NewLog(), away: true}
		p, stop := publisher(t, log)
		for _, f := range framestest.Fragments("door", "e", framestest.Start(), 4, 2) {
			p.Publish(f)
		}
		began := time.Now()
		stop()
		if d := time.Since(began); d > DrainTimeout {
			t.Errorf("stopping took %v, want at most %v", d, DrainTimeout)
		}
	})
}
