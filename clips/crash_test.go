package clips_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips"
)

var errCrash = errors.New("crash")

// crashes makes step number at fail, before or after it has had its effect. A failed step stops the call it is in, and
// the job is handled again by a recorder that knows nothing: as after a crash.
type crashes struct {
	at, step int
	hit      bool
}

func (c *crashes) next(string, string) error {
	if c.step++; c.step == c.at {
		c.hit = true
		return errCrash
	}
	return nil
}

// crashing announces with steps around.
type crashing struct {
	heard         *heard
	before, after func(op, key string) error
}

// Publish implements clips.Announcer.
func (c crashing) Publish(ctx context.Context, done alerts.ClipDone) error {
	if err := c.before("publish", done.Alert); err != nil {
		return err
	}
	if err := c.heard.Publish(ctx, done); err != nil {
		return err
	}
	return c.after("publish", done.Alert)
}

// TestCrashAtEveryStep fails each step with the store and the announcement once, before and after its effect, and
// wants the same end. The video is kept no longer after the first cut.
func TestCrashAtEveryStep(t *testing.T) {
	never := func(string, string) error { return nil }
	for _, when := range []string{"before", "after"} {
		for at := 1; ; at++ {
			reached := false
			t.Run(fmt.Sprintf("%s step %d", when, at), func(t *testing.T) {
				s := newScene(t)
				c := &crashes{at: at}
				before, after := c.next, never
				if when == "after" {
					before, after = never, c.next
				}
				s.store.Before, s.store.After = before, after
				s.Done = crashing{s.heard, before, after}
				for range 3 {
					err := s.Handle(t.Context(), s.job)
					if err == nil {
						break
					}
					var wait clips.NotYet
					if !errors.Is(err, errCrash) && !errors.As(err, &wait) {
						t.Fatalf("got %v, want the crash", err)
					}
					s.video.fragments = nil
					s.now = s.now.Add(time.Minute)
				}
				s.store.Before, s.store.After = nil, nil
				s.wantClip(t)
				if len(s.heard.done) > 2 {
					t.Errorf("announced %d times, want at most twice", len(s.heard.done))
				}
				reached = c.hit
			})
			if !reached {
				if at < 7 {
					t.Fatalf("only %d steps, want the clip, its check, shot, record and announcement", at-1)
				}
				break
			}
		}
	}
}

// TestCrashAroundTheSpool finds the spool as a crash between two of its writes leaves it.
func TestCrashAroundTheSpool(t *testing.T) {
	spooled := func(t *testing.T) *scene {
		s := newScene(t)
		s.store.Before = func(op, _ string) error {
			if op == "put" {
				return errCrash
			}
			return nil
		}
		s.wantNotYet(t, time.Minute)
		s.store.Before = nil
		return s
	}
	for name, damage := range map[string]func(t *testing.T, video, note string){
		"nothing wrong": func(*testing.T, string, string) {},
		"only the video": func(t *testing.T, _, note string) {
			if err := os.Remove(note); err != nil {
				t.Fatal(err)
			}
		},
		"only the note": func(t *testing.T, video, _ string) {
			if err := os.Remove(video); err != nil {
				t.Fatal(err)
			}
		},
		"half a video": func(t *testing.T, video, _ string) {
			if err := os.Truncate(video, 100); err != nil {
				t.Fatal(err)
			}
		},
		"half a note": func(t *testing.T, _, note string) {
			if err := os.Truncate(note, 10); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := spooled(t)
			s.now = s.now.Add(time.Minute)
			damage(t, filepath.Join(s.Spool, "01JALERT.mp4"), filepath.Join(s.Spool, "01JALERT.json"))
			s.handle(t)
			s.wantClip(t)
		})
	}
}

func TestStoreIsAway(t *testing.T) {
	s := newScene(t)
	s.store.Before = func(string, string) error { return errCrash }
	s.wantNotYet(t, time.Minute)
	s.video.fragments = nil // FRAMES keeps them no longer
	for range 5 {
		s.now = s.now.Add(time.Hour)
		s.wantNotYet(t, time.Minute)
	}
	s.store.Before, s.now = nil, s.now.Add(time.Minute)
	s.handle(t)
	s.wantClip(t)
}

func TestStoreIsAwayWithTheOnlyCopy(t *testing.T) {
	s := newScene(t)
	s.handle(t)
	s.video.fragments, s.now = nil, s.now.Add(time.Hour)
	s.store.Before = func(string, string) error { return errCrash }
	announced := s.heard.done
	s.heard.done = nil
	s.wantNotYet(t, time.Minute) // and does not say that there is no video
	s.store.Before, s.now = nil, s.now.Add(time.Minute)
	s.heard.done = announced
	s.handle(t)
	s.wantClip(t)
}

func TestStoredClipDiffers(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, s *scene){
		"left by an attempt nobody was told of": func(_ *testing.T, s *scene) {
			s.store.Damage(clipKey, []byte("other"), false)
		},
		"damaged after it was announced": func(t *testing.T, s *scene) {
			s.handle(t)
			s.store.Damage(clipKey, []byte("other"), false)
		},
		"its record is damaged": func(t *testing.T, s *scene) {
			s.handle(t)
			s.store.Damage(recordKey, []byte("{"), false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			damage(t, s)
			s.handle(t)
			c := s.wantClip(t)
			if object, err := s.store.Stat(t.Context(), clipKey); err != nil || object.SHA256 != c.SHA256 {
				t.Errorf("got %+v, %v, want the clip again", object, err)
			}
		})
	}
}

func TestStoreCutsTheClipShort(t *testing.T) {
	s := newScene(t)
	damaged := false
	s.store.Before = func(op, key string) error { // just before it is looked at
		if op == "stat" && key == clipKey && !damaged {
			damaged = true
			s.store.Damage(clipKey, []byte("short"), false)
		}
		return nil
	}
	s.handle(t)
	s.wantClip(t)
}

func TestChecksumUnknownToTheStore(t *testing.T) {
	s := newScene(t)
	var reference bytes.Buffer
	if _, err := cutMP4(&reference, s.video.fragments, nil, captured); err != nil {
		t.Fatal(err)
	}
	same := bytes.Clone(reference.Bytes())
	same[len(same)-1] ^= 1 // of the same length
	s.store.Damage(clipKey, same, false)
	s.handle(t)
	s.wantClip(t)
}

// TestAnotherRecorderWasFirst has a clip that was announced already by a recorder with another spool.
func TestAnotherRecorderWasFirst(t *testing.T) {
	s := newScene(t)
	s.store.Before = func(op, _ string) error {
		if op == "put" {
			return errCrash
		}
		return nil
	}
	s.wantNotYet(t, time.Minute) // this one has its clip in the spool
	s.store.Before, s.now = nil, s.now.Add(time.Minute)

	other := newScene(t)
	other.video.fragments = other.video.fragments[3:]
	other.Store, other.Done = s.store, s.heard
	other.handle(t)
	first := *s.heard.done[0].Clip

	s.handle(t)
	if c := s.wantClip(t); c.SHA256 != first.SHA256 {
		t.Errorf("got %+v, want the first one's %+v", c, first)
	}
}

func TestSpoolIsBounded(t *testing.T) {
	s := newScene(t)
	if err := os.MkdirAll(s.Spool, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name string, size int64, age time.Duration) {
		path := filepath.Join(s.Spool, name)
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, s.now, s.now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	write("old.mp4", 1, 25*time.Hour)
	write("half.mp4.1.tmp", 1, 26*time.Hour)
	write("first.mp4", 600, 3*time.Hour)
	write("second.mp4", 600, 2*time.Hour)
	write("third.mp4", 300, time.Hour)
	s.SpoolSize = 1000
	s.handle(t)
	entries, err := os.ReadDir(s.Spool)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if fmt.Sprint(left) != "[second.mp4 third.mp4]" {
		t.Errorf("got %v, want the newest within the bounds", left)
	}
}

func TestSpoolFails(t *testing.T) {
	s := newScene(t)
	s.Spool = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(s.Spool, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var wait clips.NotYet
	if err := s.Handle(t.Context(), s.job); err == nil || errors.As(err, &wait) {
		t.Errorf("got %v, want the disk's error", err)
	}
	if len(s.heard.done) != 0 {
		t.Errorf("announced %+v, want nothing", s.heard.done)
	}
}

func TestCancelled(t *testing.T) {
	s := newScene(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Handle(ctx, s.job); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	s.handle(t)
	s.wantClip(t)
}
