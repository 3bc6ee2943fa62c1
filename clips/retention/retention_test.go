package retention_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/clips"
	"vigil/clips/clipstest"
	"vigil/clips/retention"
)

const day = 24 * time.Hour

// house is a store, filled over days, with its sweeper.
type house struct {
	t     *testing.T
	store *clipstest.Memory
	*retention.Sweeper
	held  map[string]bool // names of files, without extension
	asked int             // how often it was asked what is held
	log   bytes.Buffer
}

func newHouse(t *testing.T, kinds ...retention.Kind) *house {
	h := &house{t: t, store: &clipstest.Memory{}, held: map[string]bool{}}
	h.Sweeper = &retention.Sweeper{
		Store: h.store, Kinds: func() []retention.Kind { return kinds }, Promise: 7 * day, Log: slog.New(slog.NewTextHandler(&h.log, nil)),
		Tell: func(context.Context, []retention.State) error { return nil },
		Held: func(context.Context) (func(string) bool, error) {
			h.asked++
			return func(key string) bool { return h.held[path.Base(retention.Name(key))] }, nil
		},
	}
	return h
}

func (h *house) put(key string, size int) {
	h.t.Helper()
	if err := h.store.Put(h.t.Context(), key, bytes.NewReader(make([]byte, size)), clips.PutOptions{}); err != nil {
		h.t.Fatal(err)
	}
}

// record stores an alert's clip, shot and record under today.
func (h *house) record(alert string) {
	for ext, size := range map[string]int{".mp4": 1000, ".jpg": 100, ".json": 10} {
		h.put(clips.KeyFor("door", alert, time.Now(), ext), size)
	}
}

func (h *house) keys() (names []string) {
	before := h.store.Before
	h.store.Before = nil // what fails for the sweeper does not for the test
	defer func() { h.store.Before = before }()
	for o, err := range h.store.List(h.t.Context(), "") {
		if err != nil {
			h.t.Fatal(err)
		}
		names = append(names, path.Base(o.Key))
	}
	return names
}

func (h *house) want(names ...string) {
	h.t.Helper()
	got := h.keys()
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		h.t.Errorf("got %v, want %v", got, names)
	}
}

func all(alerts ...string) (names []string) {
	for _, a := range alerts {
		names = append(names, a+".jpg", a+".json", a+".mp4")
	}
	return names
}

func TestByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, retention.Kind{Name: "clips", Prefix: "clips/", Age: 10 * day})
		h.put("clips/notes.txt", 1)           // of no day
		h.put("clips/2000/13/41/x.mp4", 1)    // nor this
		h.put("photos/1999/01/01/ann.jpg", 1) // another's
		for _, alert := range []string{"A", "B", "C"} {
			h.record(alert)
			time.Sleep(day)
		}
		foreign := []string{"notes.txt", "x.mp4", "ann.jpg"}

		time.Sleep(7*day - time.Second) // A is a second short of ten days
		if s := h.Sweep(t.Context())[0]; s.Deleted != 0 || s.Lag(time.Now()) != 0 || s.Ran.IsZero() || h.asked != 0 {
			t.Errorf("got %+v, asked %d times, want nothing due and nothing asked", s, h.asked)
		}
		h.want(append(foreign, all("A", "B", "C")...)...)
		time.Sleep(time.Second)
		if s := h.Sweep(t.Context())[0]; s.Deleted != 3 || s.DeletedBytes != 1110 || s.Failed != 0 || s.Error != "" || h.asked != 1 {
			t.Errorf("got %+v, asked %d times, want A's three objects gone", s, h.asked)
		}
		h.want(append(foreign, all("B", "C")...)...)
		h.held["B"] = true
		time.Sleep(5 * day)
		if s := h.Sweep(t.Context())[0]; s.Deleted != 6 || s.Lag(time.Now()) != 0 {
			t.Errorf("got %+v, want C gone, and B, which is held, no lag", s)
		}
		h.want(append(foreign, all("B")...)...)
		if !strings.Contains(h.log.String(), "msg=retention kind=clips deleted=3 bytes=1110") {
			t.Errorf("got the log %s", &h.log)
		}
	})
}

// A clip that waited in the spool is younger than its day, and what belongs together goes together.
func TestAgeCountsFromStoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, retention.Kind{Name: "clips", Prefix: "clips/", Age: 10 * day})
		begun := time.Now()
		h.put(clips.KeyFor("door", "A", begun, ".mp4"), 1)
		time.Sleep(2 * day)
		h.put(clips.KeyFor("door", "A", begun, ".json"), 1)
		time.Sleep(9 * day)
		h.Sweep(t.Context())
		h.want("A.mp4", "A.json")
		var order []string
		h.store.Before = func(op, key string) error {
			if op == "delete" {
				order = append(order, path.Base(key))
			}
			return nil
		}
		time.Sleep(day)
		h.Sweep(t.Context())
		h.want()
		if !slices.Equal(order, []string{"A.json", "A.mp4"}) {
			t.Errorf("got %v, want the record gone first: where it is, the clip is", order)
		}
	})
}

func TestByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, retention.Kind{Name: "clips", Prefix: "clips/", Age: 30 * day, Bytes: 2500})
		for i := range 10 { // 1110 bytes each, two a day
			h.record(fmt.Sprint(i))
			time.Sleep(day / 2)
		}
		if s := h.Sweep(t.Context())[0]; s.Deleted != 0 || s.KeptBytes != 11_100 || s.Over != 8600 {
			t.Errorf("got %+v, want all of it promised for now", s)
		}
		if !strings.Contains(h.log.String(), "level=WARN") || !strings.Contains(h.log.String(), "bytes_over_limit=8600") {
			t.Errorf("got the log %s, want a warning", &h.log)
		}
		h.held["0"] = true
		h.Now = func() time.Time { return time.Now().Add(27 * day) } // 1 to 4 are old then, 5 to 8 beyond the limit
		if s := h.Preview(t.Context())[0]; s.Deleted != 24 || s.KeptBytes != 2220 || s.Over != 0 || len(h.keys()) != 30 {
			t.Errorf("in a month: got %+v of %d objects, want all but 0 and 9 to go, and nothing gone", s, len(h.keys()))
		}
		h.Now = time.Now
		time.Sleep(4 * day) // 0 to 4 are seven days old
		if s := h.Sweep(t.Context())[0]; s.Deleted != 12 || s.Kept != 18 || s.Over != 4160 {
			t.Errorf("got %+v", s)
		}
		h.want(all("0", "5", "6", "7", "8", "9")...)
		time.Sleep(5 * day)
		if s := h.Sweep(t.Context())[0]; s.Over != 0 || s.KeptBytes != 2220 {
			t.Errorf("got %+v, want the limit kept", s)
		}
		h.want(all("0", "9")...)

		listed := 0
		h.store.Before = func(op, _ string) error {
			if op == "list" {
				listed++
			}
			return nil
		}
		for range 12 { // an hour of runs
			h.Sweep(t.Context())
			time.Sleep(5 * time.Minute)
		}
		if listed != 12 { // one each, that ends with the first day
			t.Errorf("got %d listings, want 12", listed)
		}
	})
}

func TestKeptForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, retention.Kind{Name: "clips", Prefix: "clips/"})
		h.record("A")
		time.Sleep(3000 * day)
		h.store.Before = func(op, _ string) error { return errors.New("asked: " + op) }
		if s := h.Sweep(t.Context())[0]; s.Deleted != 0 || s.Error != "" {
			t.Errorf("got %+v, want the store not asked", s)
		}
	})
}

func TestTrouble(t *testing.T) {
	away := errors.New("the store is away")
	for _, c := range []struct {
		name    string
		spoil   func(h *house)
		left    []string
		failed  int64
		lag     time.Duration // two days after the first two were due
		healthy bool
	}{
		{"no listing", func(h *house) { h.fail("list", "", away) }, all("A", "B", "C"), 0, 2 * day, false},
		{"what is held is not known", func(h *house) {
			h.Held = func(context.Context) (func(string) bool, error) { return nil, away }
		}, all("A", "B", "C"), 0, 2 * day, false},
		{"no deletion", func(h *house) { h.fail("delete", "", away) }, all("A", "B", "C"), 3, day + time.Hour, true},
		{"one object stays", func(h *house) { h.fail("delete", "B.mp4", away) }, []string{"B.mp4"}, 1, day, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, retention.Kind{Name: "clips", Prefix: "clips/", Age: 10 * day})
				for _, alert := range []string{"A", "B", "C"} {
					h.record(alert)
					time.Sleep(time.Hour)
				}
				time.Sleep(9*day - 3*time.Hour)
				h.Sweep(t.Context()) // complete, a day before A is due
				c.spoil(h)
				time.Sleep(2*day + time.Hour)
				s := h.Sweep(t.Context())[0]
				h.want(c.left...)
				if s.Failed != c.failed || (s.Error == "") != c.healthy {
					t.Errorf("got %+v, want %d failures", s, c.failed)
				}
				if lag := s.Lag(time.Now()); lag < c.lag || lag > c.lag+2*time.Hour {
					t.Errorf("lag: got %v, want about %v", lag, c.lag)
				}
				h.store.Before = nil
				h.Held = newHouse(t).Held
				if s := h.Sweep(t.Context())[0]; s.Lag(time.Now()) != 0 || s.Error != "" {
					t.Errorf("when it is over: got %+v", s)
				}
				h.want()
			})
		})
	}
}

// fail makes one operation fail for the keys that end in suffix.
func (h *house) fail(op, suffix string, err error) {
	h.store.Before = func(o, key string) error {
		if o == op && strings.HasSuffix(key, suffix) {
			return err
		}
		return nil
	}
}

// A store that refuses everything is not asked for everything.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, retention.Kind{Name: "shots", Prefix: "shots/", Age: 10 * day})
		for i := range 100 {
			h.put(fmt.Sprintf("shots/2000/01/01/door/%03d.jpg", i), 1)
		}
		time.Sleep(11 * day)
		h.fail("delete", "", errors.New("access denied"))
		if s := h.Sweep(t.Context())[0]; s.Failed != 5 || !strings.Contains(s.Error, "access denied") {
			t.Errorf("got %+v, want five attempts", s)
		}
	})
}

// A run that takes too long ends, and the next goes on: more than a run can do is done in several.
func TestRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, retention.Kind{Name: "shots", Prefix: "shots/", Age: 10 * day})
		for i := range 100 {
			h.put(fmt.Sprintf("shots/2000/01/01/door/%03d.jpg", i), 1)
		}
		time.Sleep(11 * day)
		h.store.Before = func(op, _ string) error {
			if op == "delete" {
				time.Sleep(5 * time.Second)
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		var told []retention.State
		h.Tell = func(_ context.Context, states []retention.State) error {
			if told = append(told, states[0]); len(told) == 3 {
				cancel()
			}
			return errors.New("nobody listens")
		}
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
		h.want()
		if len(told) != 3 || told[0].Deleted < 40 || told[0].Error == "" || told[0].Lag(time.Now()) == 0 ||
			told[2].Deleted != 100 || told[2].Error != "" || !told[2].Due.IsZero() {
			t.Errorf("got %+v", told)
		}
	})
}

// A program that ends says nothing of a store that it did not ask.
func TestCancelled(t *testing.T) {
	h := newHouse(t, retention.Kind{Name: "clips", Prefix: "clips/", Age: 10 * day})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); err != nil || h.log.Len() > 0 {
		t.Errorf("got %v and the log %s", err, &h.log)
	}
}
