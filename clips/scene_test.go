package clips_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/clips/clipstest"
	"vigil/clips/mp4"
	"vigil/frames"
)

var captured = time.Date(2026, 11, 22, 23, 59, 58, 0, time.UTC)

// recording is a frames.Log of one camera whose fragments are given.
type recording struct {
	fragments []*frames.Fragment
	err       error
}

// Append implements frames.Log.
func (r *recording) Append(context.Context, *frames.Fragment) (uint64, error) {
	return 0, errors.ErrUnsupported
}

// Follow implements frames.Log.
func (r *recording) Follow(context.Context, frames.CameraID, uint64) iter.Seq2[*frames.Fragment, error] {
	return func(func(*frames.Fragment, error) bool) {}
}

// Between implements frames.Log.
func (r *recording) Between(_ context.Context, camera frames.CameraID, start, end time.Time) ([]*frames.Fragment, error) {
	if r.err != nil {
		return nil, r.err
	}
	first, last := -1, -1
	for i, f := range r.fragments {
		if f.Camera == camera && f.Start.Before(end) && f.End().After(start) {
			if last = i; first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		return nil, frames.ErrNotFound
	}
	for first > 0 && !r.fragments[first].Key {
		first--
	}
	return r.fragments[first : last+1], nil
}

// record reads one of the test streams, 3 s at 15 pictures a second, as fragments of a third of a second.
func record(t *testing.T, name string) (frames.Parameters, []frames.AccessUnit, *recording) {
	t.Helper()
	f, err := os.Open(filepath.Join("mp4", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	file, err := mp4.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	var units []frames.AccessUnit
	for u, err := range file.Units() {
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u)
	}
	const size, tick = 5, frames.ClockRate / 15
	all := &recording{}
	for i := 0; i < len(units); i += size {
		part := units[i : i+size]
		end := part[size-1].DTS + tick
		payload, err := frames.Pack(file.Parameters, part[0].Key, uint64(i/size), part, end)
		if err != nil {
			t.Fatal(err)
		}
		all.fragments = append(all.fragments, &frames.Fragment{
			Camera: "door", Epoch: "a", Seq: uint64(i / size), Key: part[0].Key, Codec: file.Parameters.Codec,
			Start: captured.Add(frames.Duration(part[0].DTS - units[0].DTS)), Duration: frames.Duration(end - part[0].DTS),
			Payload: payload,
		})
	}
	return file.Parameters, units, all
}

// heard is a clips.Announcer that remembers.
type heard struct {
	done []alerts.ClipDone
	err  error
}

// Publish implements clips.Announcer.
func (h *heard) Publish(_ context.Context, done alerts.ClipDone) error {
	if h.err != nil {
		return h.err
	}
	h.done = append(h.done, done)
	return nil
}

// scene is a recorder with everything around it.
type scene struct {
	*clips.Recorder
	units []frames.AccessUnit
	video *recording
	store *clipstest.Memory
	heard *heard
	now   time.Time
	job   alerts.ClipJob
}

func cutMP4(w io.Writer, fragments, tail []*frames.Fragment, at time.Time) (clips.Facts, error) {
	facts, err := mp4.Write(w, fragments, tail, at)
	return clips.Facts(facts), err
}

const (
	clipKey   = "clips/2026/11/22/door/01JALERT.mp4"
	recordKey = "clips/2026/11/22/door/01JALERT.json"
	shotKey   = "clips/2026/11/22/door/01JALERT.jpg"
)

func newScene(t *testing.T) *scene {
	t.Helper()
	_, units, video := record(t, "bframes.mp4")
	s := &scene{units: units, video: video, store: &clipstest.Memory{}, heard: &heard{}, now: captured.Add(3500 * time.Millisecond)}
	s.job = alerts.ClipJob{
		Alert: "01JALERT", Camera: "door", Start: captured, End: captured.Add(3 * time.Second), ShotKey: "shots/door/1.jpg",
		Record: json.RawMessage(`{"id":"01JALERT","decision":"unknown","opened_at":"2026-11-22T23:59:59.000Z"}`),
	}
	if err := s.store.Put(t.Context(), s.job.ShotKey, strings.NewReader("a picture"), clips.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Recorder = &clips.Recorder{
		Video: video, Cut: cutMP4, Store: s.store, Done: s.heard, Spool: filepath.Join(t.TempDir(), "spool"),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: func() time.Time { return s.now },
	}
	return s
}

func (s *scene) handle(t *testing.T) {
	t.Helper()
	if err := s.Handle(t.Context(), s.job); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) wantNotYet(t *testing.T, longest time.Duration) {
	t.Helper()
	err := s.Handle(t.Context(), s.job)
	var wait clips.NotYet
	if !errors.As(err, &wait) || wait.After <= 0 || wait.After > longest {
		t.Fatalf("got %v, want NotYet of at most %v", err, longest)
	}
	if len(s.heard.done) != 0 {
		t.Fatalf("announced %+v, want nothing yet", s.heard.done)
	}
}

func (s *scene) read(t *testing.T, key string) []byte {
	t.Helper()
	body, _, err := s.store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantClip checks that the clip is announced, always as the same, is what was announced, and that nothing is left.
func (s *scene) wantClip(t *testing.T) alerts.Clip {
	t.Helper()
	if len(s.heard.done) == 0 {
		t.Fatal("nothing was announced")
	}
	first, err := json.Marshal(s.heard.done[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.heard.done {
		if b, err := json.Marshal(d); err != nil || !bytes.Equal(b, first) {
			t.Fatalf("announced %s, then %s, %v", first, b, err)
		}
	}
	done := s.heard.done[0]
	if done.Alert != s.job.Alert || done.Camera != "door" || done.Clip == nil || done.Reason != "" {
		t.Fatalf("announced %s, want a clip", first)
	}
	b := s.read(t, clipKey)
	object, err := s.store.Stat(t.Context(), clipKey)
	if err != nil {
		t.Fatal(err)
	}
	c := *done.Clip
	if c.Key != clipKey || c.Bytes != int64(len(b)) || c.SHA256 != object.SHA256 || object.ContentType != clips.TypeMP4 || c.URL != "" {
		t.Errorf("announced %+v, stored %+v", c, object)
	}
	if _, err := mp4.Read(bytes.NewReader(b)); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(s.Spool); err != nil || len(left) != 0 {
		t.Errorf("left in the spool: %v, %v", left, err)
	}
	return c
}
