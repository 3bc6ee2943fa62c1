package framestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vigil/frames"
)

// patience is how long the contract waits for what must come.
const patience = 20 * time.Second

// Contract holds a log to what frames.Log says. newLog returns an empty log; expire makes it forget every fragment
// before a position, as age does.
func Contract(t *testing.T, newLog func(t *testing.T) (log frames.Log, expire func(pos uint64))) {
	for name, test := range map[string]func(*testing.T, frames.Log, func(uint64)){
		"append is idempotent":            appendTwice,
		"append refuses an ended ctx":     appendEnded,
		"fragments come back unchanged":   unchanged,
		"a large access unit":             large,
		"follow keeps the order":          order,
		"follow from a position":          followFrom,
		"follow from an expired position": followExpired,
		"follow waits":                    followWaits,
		"follow ends with ctx":            followEnds,
		"follow can be left":              followLeft,
		"cameras do not mix":              camerasApart,
		"between trims to the overlap":    betweenTrims,
		"between begins at a key":         betweenKey,
		"between with a long GOP":         betweenLongGOP,
		"between without the key":         betweenExpired,
		"between over a new epoch":        betweenEpochs,
		"between finds nothing":           betweenNothing,
		"between with a clock ahead":      betweenAhead,
	} {
		t.Run(name, func(t *testing.T) {
			log, expire := newLog(t)
			test(t, log, expire)
		})
	}
}

// follow reads n fragments.
func follow(t *testing.T, log frames.Log, camera frames.CameraID, from uint64, n int) []*frames.Fragment {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []*frames.Fragment
	for f, err := range log.Follow(ctx, camera, from) {
		if err != nil {
			t.Fatalf("follow %s from %d: %v", camera, from, err)
		}
		if got = append(got, f); len(got) == n {
			return got
		}
	}
	t.Fatalf("follow %s from %d: got %d fragments, want %d", camera, from, len(got), n)
	return nil
}

func same(t *testing.T, got, want []*frames.Fragment) {
	t.Helper()
	if !slices.EqualFunc(got, want, Equal) {
		t.Errorf("got %s, want %s", ids(got), ids(want))
		for i := range min(len(got), len(want)) {
			if !Equal(got[i], want[i]) {
				t.Errorf("first difference: got %s, want %s", describe(got[i]), describe(want[i]))
				break
			}
		}
	}
}

func describe(f *frames.Fragment) string {
	short := *f
	short.Payload = short.Payload[:min(len(short.Payload), 32)]
	return fmt.Sprintf("%+v with %d bytes", short, len(f.Payload))
}

func ids(fragments []*frames.Fragment) []string {
	var s []string
	for _, f := range fragments {
		s = append(s, f.ID())
	}
	return s
}

func between(t *testing.T, log frames.Log, camera frames.CameraID, start, end time.Time) []*frames.Fragment {
	t.Helper()
	got, err := log.Between(t.Context(), camera, start, end)
	if err != nil {
		t.Fatalf("between %s and %s: %v", start, end, err)
	}
	return got
}

func appendTwice(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start(), 3, 3)
	Append(t, log, f...)
	for _, again := range []*frames.Fragment{f[2], f[0], f[2]} {
		pos, err := log.Append(t.Context(), again)
		if err != nil || pos != again.Pos {
			t.Errorf("append %s again: got %d, %v, want %d", again.ID(), pos, err, again.Pos)
		}
	}
	more := Fragments("door", "f", Start(), 1, 1)
	Append(t, log, more...)
	same(t, follow(t, log, "door", 0, 4), append(f, more...))
}

func appendEnded(t *testing.T, log frames.Log, _ func(uint64)) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Append(ctx, Fragments("door", "e", Start(), 1, 1)[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func unchanged(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start().Add(123*time.Nanosecond), 2, 2)
	f[0].Gap = &frames.Gap{
		From: f[0].Start.Add(-time.Minute), To: f[0].Start, Reason: "camera \"away\",\r\nfor äges",
	}
	f[0].Codec, f[0].Duration, f[0].Loss = frames.H265, 33_366_666*time.Nanosecond, true
	f[1].Payload = make([]byte, frames.MaxFragmentBytes)
	_, _ = rand.Read(f[1].Payload)
	Append(t, log, f...)
	same(t, follow(t, log, "door", 0, 2), f)
	same(t, between(t, log, "door", f[0].Start, f[1].End()), f)
}

func large(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start(), 8, 4)
	for i, size := range map[int]int{0: frames.MaxFragmentBytes + 1, 4: frames.MaxUnitBytes, 5: 3 * frames.MaxFragmentBytes, 7: 1 << 20} {
		f[i].Payload = make([]byte, size)
		_, _ = rand.Read(f[i].Payload)
	}
	other := Fragments("yard", "e", Start(), 1, 1)
	Append(t, log, f[:4]...)
	Append(t, log, other...)
	Append(t, log, f[4:]...)
	for _, again := range []*frames.Fragment{f[7], f[0]} {
		if pos, err := log.Append(t.Context(), again); err != nil || pos != again.Pos {
			t.Errorf("append %s again: got %d, %v, want %d", again.ID(), pos, err, again.Pos)
		}
	}
	same(t, follow(t, log, "door", 0, len(f)), f)
	same(t, follow(t, log, "door", f[4].Pos, 4), f[4:])
	same(t, follow(t, log, "door", f[4].Pos+1, 3), f[5:])
	same(t, between(t, log, "door", f[0].Start, f[7].End()), f)
	same(t, between(t, log, "door", f[5].Start, f[5].End()), f[4:6])
	same(t, between(t, log, "door", f[0].Start, f[0].End()), f[:1])
	same(t, follow(t, log, "yard", 0, 1), other)
}

func order(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start(), 100, 10)
	Append(t, log, f...)
	got := follow(t, log, "door", 0, len(f))
	same(t, got, f)
	if !slices.IsSortedFunc(got, func(a, b *frames.Fragment) int { return int(a.Pos) - int(b.Pos) }) {
		t.Error("positions do not rise")
	}
}

func followFrom(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start(), 5, 5)
	Append(t, log, f...)
	same(t, follow(t, log, "door", f[2].Pos, 3), f[2:])
}

func followExpired(t *testing.T, log frames.Log, expire func(uint64)) {
	f := Fragments("door", "e", Start(), 5, 5)
	Append(t, log, f...)
	expire(f[3].Pos)
	same(t, follow(t, log, "door", f[1].Pos, 2), f[3:])
	same(t, follow(t, log, "door", 0, 2), f[3:])
}

func followWaits(t *testing.T, log frames.Log, _ func(uint64)) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f := Fragments("door", "e", Start(), 3, 3)
	Append(t, log, f[0])
	seen := make(chan *frames.Fragment)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(seen)
		for f, err := range log.Follow(ctx, "door", 0) {
			if err != nil {
				t.Errorf("follow: %v", err)
				return
			}
			select {
			case seen <- f:
			case <-ctx.Done():
				return
			}
		}
	})
	same(t, []*frames.Fragment{<-seen}, f[:1])
	for _, f := range f[1:] {
		f.KeyPos = 1
		pos, err := log.Append(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		f.Pos = pos
		got := <-seen
		if got == nil {
			t.Fatal("follow ended")
		}
		same(t, []*frames.Fragment{got}, []*frames.Fragment{f})
	}
	cancel()
	wg.Wait()
}

func followEnds(t *testing.T, log frames.Log, _ func(uint64)) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := Fragments("door", "e", Start(), 2, 2)
	Append(t, log, f...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range log.Follow(ctx, "door", 0) {
		if err != nil {
			t.Fatalf("got %v, want no error when ctx ends", err)
		}
		if n++; n == len(f) {
			cancel()
		}
	}
	if n != len(f) {
		t.Errorf("got %d fragments, want %d", n, len(f))
	}
	for f, err := range log.Follow(ctx, "door", 0) {
		t.Errorf("got %v, %v after ctx ended", f, err)
	}
}

func followLeft(t *testing.T, log frames.Log, _ func(uint64)) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := Fragments("door", "e", Start(), 3, 3)
	Append(t, log, f...)
	same(t, follow(t, log, "door", 0, 1), f[:1])
}

func camerasApart(t *testing.T, log frames.Log, _ func(uint64)) {
	start := Start()
	door, porch := Fragments("door", "e", start, 4, 2), Fragments("porch", "e", start, 4, 2)
	for i := 0; i < 4; i += 2 {
		Append(t, log, door[i:i+2]...)
		Append(t, log, porch[i:i+2]...)
	}
	same(t, follow(t, log, "door", 0, 4), door)
	same(t, follow(t, log, "porch", 0, 4), porch)
	same(t, between(t, log, "porch", start, start.Add(time.Hour)), porch)
}

func betweenTrims(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start(), 8, 1)
	Append(t, log, f...)
	same(t, between(t, log, "door", f[2].Start, f[4].Start), f[2:4])
	same(t, between(t, log, "door", f[2].End().Add(-1), f[4].Start.Add(1)), f[2:5])
	same(t, between(t, log, "door", f[0].Start.Add(-time.Hour), f[0].End()), f[:1])
	same(t, between(t, log, "door", f[7].Start, f[7].End().Add(time.Hour)), f[7:])
}

func betweenKey(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start(), 8, 4)
	Append(t, log, f...)
	same(t, between(t, log, "door", f[2].Start, f[5].Start), f[:5])
	same(t, between(t, log, "door", f[6].Start, f[6].End()), f[4:7])
}

func betweenLongGOP(t *testing.T, log frames.Log, _ func(uint64)) {
	// The key fragment is a minute and a half before the window.
	f := Fragments("door", "e", Start().Add(-2*time.Minute), 200, 200)
	Append(t, log, f...)
	same(t, between(t, log, "door", f[180].Start, f[190].Start), f[:190])
}

func betweenExpired(t *testing.T, log frames.Log, expire func(uint64)) {
	f := Fragments("door", "e", Start(), 8, 4)
	Append(t, log, f...)
	expire(f[1].Pos)
	same(t, between(t, log, "door", f[2].Start, f[6].Start), f[4:6])
	if got, err := log.Between(t.Context(), "door", f[2].Start, f[3].End()); !errors.Is(err, frames.ErrNotFound) {
		t.Errorf("got %s, %v, want %v for what cannot be decoded", ids(got), err, frames.ErrNotFound)
	}
}

func betweenEpochs(t *testing.T, log frames.Log, _ func(uint64)) {
	first := Fragments("door", "e1", Start(), 3, 3)
	second := Fragments("door", "e2", first[2].End().Add(3*time.Second), 3, 3)
	second[0].Gap = &frames.Gap{From: first[2].End(), To: second[0].Start, Reason: "reconnected"}
	Append(t, log, first...)
	Append(t, log, second...)
	same(t, between(t, log, "door", first[1].Start, second[1].End()), append(first, second[:2]...))
}

func betweenNothing(t *testing.T, log frames.Log, _ func(uint64)) {
	f := Fragments("door", "e", Start(), 3, 3)
	Append(t, log, f...)
	for name, w := range map[string]struct {
		camera     frames.CameraID
		start, end time.Time
	}{
		"before":         {"door", f[0].Start.Add(-time.Hour), f[0].Start},
		"after":          {"door", f[2].End(), f[2].End().Add(time.Hour)},
		"another camera": {"porch", f[0].Start, f[2].End()},
		"empty window":   {"door", f[1].End(), f[1].Start},
	} {
		if got, err := log.Between(t.Context(), w.camera, w.start, w.end); !errors.Is(err, frames.ErrNotFound) {
			t.Errorf("%s: got %s, %v, want %v", name, ids(got), err, frames.ErrNotFound)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := log.Between(ctx, "door", f[0].Start, f[2].End()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v: not looked is not nothing found", err, context.Canceled)
	}
}

func betweenAhead(t *testing.T, log frames.Log, _ func(uint64)) {
	// The camera's clock is an hour ahead of the log's.
	f := Fragments("door", "e", Start().Add(time.Hour), 4, 2)
	Append(t, log, f...)
	same(t, between(t, log, "door", f[2].Start, f[3].End()), f[2:])
}
