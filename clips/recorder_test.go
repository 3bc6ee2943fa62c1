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
	"slices"
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

func cutMP4(w io.Writer, fragments []*frames.Fragment, at time.Time) (clips.Facts, error) {
	facts, err := mp4.Write(w, fragments, at)
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

func TestClip(t *testing.T) {
	s := newScene(t)
	s.handle(t)
	c := s.wantClip(t)
	if !c.Start.Equal(captured) || !c.End.Equal(captured.Add(3*time.Second)) || c.Codec != frames.H264 || c.Width != 160 || c.Height != 90 {
		t.Errorf("got %+v, want 3 s of h264 at 160×90", c)
	}
	if c.Gaps == nil || len(c.Gaps) != 0 {
		t.Errorf("got gaps %v, want an empty list", c.Gaps)
	}
	file, err := mp4.Read(bytes.NewReader(s.read(t, clipKey)))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for u, err := range file.Units() {
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(u.NALUs, s.units[i].NALUs, bytes.Equal) {
			t.Fatalf("access unit %d is not what was recorded", i)
		}
		i++
	}
	if i != len(s.units) {
		t.Errorf("got %d access units, want %d", i, len(s.units))
	}
	if s.heard.done[0].ShotKey != shotKey || string(s.read(t, shotKey)) != "a picture" {
		t.Errorf("got shot %q, want the picture at %s", s.heard.done[0].ShotKey, shotKey)
	}
	var record struct {
		Alert struct{ Decision string }
		Clip  alerts.Clip
		Shot  string
	}
	if err := json.Unmarshal(s.read(t, recordKey), &record); err != nil {
		t.Fatal(err)
	}
	if record.Alert.Decision != "unknown" || record.Clip.SHA256 != c.SHA256 || record.Clip.Key != clipKey || record.Shot != shotKey {
		t.Errorf("got record %+v, want alert, clip and shot", record)
	}
	s.handle(t) // told again, it says the same
	s.wantClip(t)
}

func TestWaitsForTheWindow(t *testing.T) {
	s := newScene(t)
	all := s.video.fragments
	s.video.fragments, s.now = nil, captured.Add(time.Second)
	s.wantNotYet(t, 5*time.Second)
	s.video.fragments, s.now = all[:6], captured.Add(3*time.Second)
	s.wantNotYet(t, 500*time.Millisecond)
	s.video.fragments, s.now = all[:8], captured.Add(4*time.Second)
	s.wantNotYet(t, 500*time.Millisecond)
	s.video.fragments = all
	s.handle(t)
	s.wantClip(t)
}

func TestCameraAheadOfTheClock(t *testing.T) {
	s := newScene(t)
	s.now = captured.Add(-time.Hour)
	s.handle(t)
	s.wantClip(t)
}

func wantGaps(t *testing.T, got []alerts.ClipGap, want ...alerts.ClipGap) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got gaps %v, want %v", got, want)
	}
	for i := range want {
		near := got[i].From.Sub(want[i].From.Time).Abs() < time.Millisecond && got[i].To.Sub(want[i].To.Time).Abs() < time.Millisecond
		if !near || got[i].Reason != want[i].Reason {
			t.Errorf("got gap %v, want %v", got[i], want[i])
		}
	}
}

func gap(from, to time.Duration, reason string) alerts.ClipGap {
	return alerts.ClipGap{From: alerts.Time{Time: captured.Add(from)}, To: alerts.Time{Time: captured.Add(to)}, Reason: reason}
}

func TestCameraGone(t *testing.T) {
	s := newScene(t)
	s.video.fragments = s.video.fragments[:6]
	s.wantNotYet(t, time.Second)
	s.now = s.job.End.Add(6 * time.Second)
	s.handle(t)
	c := s.wantClip(t)
	wantGaps(t, c.Gaps, gap(2*time.Second, 3*time.Second, "no video recorded"))
}

func TestGapsAreListed(t *testing.T) {
	s := newScene(t)
	s.video.fragments = append(s.video.fragments[:3:3], s.video.fragments[6:]...)
	s.job.Start = captured.Add(-4 * time.Second)
	s.handle(t)
	wantGaps(t, s.wantClip(t).Gaps,
		gap(-4*time.Second, 0, "no video recorded"), gap(time.Second, 2*time.Second, "fragments missing"))
}

func TestLongerThanAClip(t *testing.T) {
	s := newScene(t)
	s.job.End = captured.Add(90 * time.Second)
	s.now = captured.Add(66 * time.Second)
	s.handle(t)
	wantGaps(t, s.wantClip(t).Gaps,
		gap(3*time.Second, 60*time.Second, "no video recorded"), gap(60*time.Second, 90*time.Second, "longer than a clip may be"))
}

func TestNoClip(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*scene)
		reason string
	}{
		"nothing recorded": {func(s *scene) { s.video.fragments = nil }, "no video recorded between 2026-11-22T23:59:58.000Z and"},
		"nothing to begin with": {
			func(s *scene) { s.video.fragments = s.video.fragments[1:3] }, "cannot be cut",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			tt.change(s)
			s.now = s.job.End.Add(6 * time.Second)
			s.handle(t)
			if len(s.heard.done) != 1 || s.heard.done[0].Clip != nil || !strings.Contains(s.heard.done[0].Reason, tt.reason) {
				t.Errorf("got %+v, want no clip because %q", s.heard.done, tt.reason)
			}
		})
	}
}

func TestLogFails(t *testing.T) {
	s := newScene(t)
	s.video.err = errors.New("the log is away")
	var wait clips.NotYet
	if err := s.Handle(t.Context(), s.job); !errors.Is(err, s.video.err) || errors.As(err, &wait) {
		t.Errorf("got %v, want the log's error", err)
	}
	if len(s.heard.done) != 0 {
		t.Errorf("announced %+v, want nothing", s.heard.done)
	}
}

func TestBadJobs(t *testing.T) {
	for name, change := range map[string]func(*alerts.ClipJob){
		"no alert":          func(j *alerts.ClipJob) { j.Alert = "" },
		"alert is a path":   func(j *alerts.ClipJob) { j.Alert = "../../etc/passwd" },
		"bad camera":        func(j *alerts.ClipJob) { j.Camera = "../door" },
		"empty window":      func(j *alerts.ClipJob) { j.End = j.Start },
		"record is no JSON": func(j *alerts.ClipJob) { j.Record = json.RawMessage("{") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			change(&s.job)
			if err := s.Handle(t.Context(), s.job); !errors.Is(err, clips.ErrBadJob) {
				t.Errorf("got %v, want ErrBadJob", err)
			}
		})
	}
}

func TestShotComesLate(t *testing.T) {
	s := newScene(t)
	if err := s.store.Delete(t.Context(), s.job.ShotKey); err != nil {
		t.Fatal(err)
	}
	s.wantNotYet(t, time.Second)
	if err := s.store.Put(t.Context(), s.job.ShotKey, strings.NewReader("late"), clips.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	s.handle(t)
	s.wantClip(t)
	if s.heard.done[0].ShotKey != shotKey {
		t.Errorf("got shot %q, want %s", s.heard.done[0].ShotKey, shotKey)
	}
}

func TestShotNeverComes(t *testing.T) {
	s := newScene(t)
	if err := s.store.Delete(t.Context(), s.job.ShotKey); err != nil {
		t.Fatal(err)
	}
	s.wantNotYet(t, time.Second)
	s.now = s.now.Add(10 * time.Second)
	s.handle(t)
	s.wantClip(t)
	if s.heard.done[0].ShotKey != "" {
		t.Errorf("got shot %q, want none", s.heard.done[0].ShotKey)
	}
}

func TestKeyFor(t *testing.T) {
	late := time.Date(2026, 11, 23, 1, 30, 0, 0, time.FixedZone("east", 2*3600))
	if got, want := clips.KeyFor("door", "01J", late, ".mp4"), "clips/2026/11/22/door/01J.mp4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
