package client

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/frames"
	"vigil/internal/web"
)

// unasked are the methods that no test here asks.
type unasked interface {
	web.Alerts
	web.Cameras
	web.Explainer
	web.People
}

// house is everything behind the console.
type house struct {
	unasked

	people  map[string]web.PersonView
	from    time.Time
	notices []alerts.Event
	dead    []web.DeadView
}

func (h *house) Cameras(context.Context) ([]web.CameraView, error) {
	return []web.CameraView{{CameraState: frames.CameraState{Camera: "door", Online: true}}}, nil
}

func (h *house) List(_ context.Context, q web.AlertQuery) (page web.AlertPage, err error) {
	for i := range q.Limit {
		page.Alerts = append(page.Alerts, web.AlertView{Alert: alerts.Alert{ID: fmt.Sprint("01J", i)}})
	}
	return page, nil
}

func (h *house) Get(_ context.Context, id string) (web.AlertView, error) {
	if id != "01J" {
		return web.AlertView{}, web.ErrNotFound
	}
	return web.AlertView{Alert: alerts.Alert{ID: id}, Clip: &alerts.Clip{Key: clipKey}}, nil
}

// Events yields what there is and fails then.
func (h *house) Events(_ context.Context, since web.Since) iter.Seq2[alerts.Event, error] {
	h.from = since.From
	return func(yield func(alerts.Event, error) bool) {
		for _, e := range h.notices {
			if !yield(e, nil) {
				return
			}
		}
		yield(alerts.Event{}, errors.New("the bus is gone"))
	}
}

func (h *house) People(context.Context) (all []web.PersonView, err error) {
	for _, p := range h.people {
		all = append(all, p)
	}
	return all, nil
}

func (h *house) Enrol(_ context.Context, name string, photos []web.Photo, c web.Choices) (web.PersonView, error) {
	p := web.PersonView{Name: name, Source: "enrolled"}
	for _, photo := range photos {
		if photo.Name == "wall.jpg" {
			return web.PersonView{}, web.Refused{Reason: photo.Name + ": no face found"}
		}
		p.Photos = append(p.Photos, web.PhotoView{File: photo.Name, Used: true, Verdict: fmt.Sprintf("%s %d %t", photo.Data[len(photo.Data)-3:], c.Face, c.Force)})
	}
	h.people[name] = p
	return p, nil
}

func (h *house) Erase(_ context.Context, name string) (web.Receipt, error) {
	if _, ok := h.people[name]; !ok {
		return web.Receipt{}, web.ErrNotFound
	}
	delete(h.people, name)
	return web.Receipt{Person: name}, nil
}

const clipKey = "clips/2026/11/22/door/01J %2F?.mp4"

type media struct{ clips.Store }

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

func (media) Get(_ context.Context, key string) (io.ReadSeekCloser, clips.Object, error) {
	if key != clipKey {
		return nil, clips.Object{}, clips.ErrNotFound
	}
	return body{bytes.NewReader([]byte("video"))}, clips.Object{Key: key, Size: 5, ContentType: clips.TypeMP4}, nil
}

// photo is a JPEG that ends in text.
func photo(text string) []byte {
	var out bytes.Buffer
	_ = jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 8, 8)), nil)
	return append(out.Bytes(), text...)
}

func serve(t *testing.T) (*house, *Client) {
	t.Helper()
	h := &house{people: map[string]web.PersonView{}}
	token, hash := web.NewToken()
	server := httptest.NewServer(web.New(web.Config{
		Cameras: h, Alerts: h, Explain: h, Dead: h, Webhooks: h, People: h, Media: media{}, Links: web.NewLinks("https://vigil.example", []byte("key")),
		Fixed: []web.KeptToken{{Token: web.Token{Role: web.Admin}, Hash: hash}}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Checks: []web.Check{{Name: "bus", Probe: func(context.Context) error { return errors.New("no answer") }}},
	}).Handler())
	t.Cleanup(server.Close)
	return h, ask(t, Access{Server: server.URL + "/", Token: token})
}

func ask(t *testing.T, access Access) *Client {
	t.Helper()
	c, err := New(access)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

func TestAccessFile(t *testing.T) {
	dir := t.TempDir()
	want := Access{Server: "http://127.0.0.1:8080", Token: "vgl_x", Cert: "-----BEGIN"}
	remove, err := WriteAccess(dir, want)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.Stat(filepath.Join(dir, accessFile))
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for this user only", stat.Mode(), err)
	}
	if got, err := Find(dir); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	other := Access{Server: "http://127.0.0.1:8081", Token: "vgl_y"}
	removeOther, err := WriteAccess(dir, other)
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if got, err := Find(dir); err != nil || got != other {
		t.Errorf("after the first has gone: got %+v, %v, want the second", got, err)
	}
	removeOther()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFindSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "vigil serve") {
		t.Errorf("no vigil: got %v", err)
	}
	t.Chdir(dir)
	if _, err := Find("data"); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "data")) {
		t.Errorf("relative folder: got %v", err)
	}
	if err := os.WriteFile(accessFile, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, accessFile)) {
		t.Errorf("damaged file: got %v", err)
	}
	if _, err := WriteAccess(filepath.Join(dir, "none"), Access{}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("missing folder: got %v", err)
	}
}

func TestNewRefusesWhatIsNoServer(t *testing.T) {
	for _, server := range []string{"", "nonsense", "ftp://host", "http://", "://"} {
		if _, err := New(Access{Server: server}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", server)) {
			t.Errorf("%q: got %v", server, err)
		}
	}
	if _, err := New(Access{Server: "https://h", Cert: "nothing"}); err == nil || !strings.Contains(err.Error(), "https://h") {
		t.Errorf("certificate: got %v", err)
	}
}

func TestReads(t *testing.T) {
	_, c := serve(t)
	if got, err := c.Cameras(t.Context()); err != nil || len(got) != 1 || got[0].Camera != "door" {
		t.Errorf("cameras: got %+v, %v", got, err)
	}
	if got, err := c.Alerts(t.Context(), 7); err != nil || len(got) != 7 || got[6].Alert.ID != "01J6" {
		t.Errorf("alerts: got %+v, %v", got, err)
	}
	if _, err := c.Alerts(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "1 to 500") {
		t.Errorf("no alerts: got %v", err)
	}
	view, err := c.Alert(t.Context(), "01J")
	if err != nil || view.Clip == nil {
		t.Fatalf("alert: got %+v, %v", view, err)
	}
	var video strings.Builder
	if err := c.Media(t.Context(), view.Clip.Key, &video); err != nil || video.String() != "video" {
		t.Errorf("media: got %q, %v", video.String(), err)
	}
	if err := c.Media(t.Context(), "clips/none.mp4", io.Discard); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("missing media: got %v", err)
	}
	if _, err := c.Alert(t.Context(), "a/b"); err == nil || err.Error() != "alert a/b: not found" {
		t.Errorf("missing alert: got %v", err)
	}
	status, text, err := c.Ready(t.Context())
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(text), "no answer") {
		t.Errorf("ready: got %d %s, %v", status, text, err)
	}
}

func TestEvents(t *testing.T) {
	h, c := serve(t)
	long := strings.Repeat("ü&<", 5000)
	for _, id := range []string{"a", "b"} {
		h.notices = append(h.notices, alerts.Event{Type: alerts.Opened, Data: alerts.Data{Alert: alerts.Alert{ID: id, Stranger: long}}})
	}
	from := time.Date(2026, 11, 22, 20, 15, 31, 204_000_000, time.FixedZone("", 3600))
	var got []string
	for event, err := range c.Events(t.Context(), from) {
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), c.access.Server) {
				t.Errorf("end: got %v", err)
			}
			got = append(got, "error")
			continue
		}
		if event.Data.Alert.Stranger != long {
			t.Errorf("got %d bytes, want %d", len(event.Data.Alert.Stranger), len(long))
		}
		got = append(got, event.Data.Alert.ID)
	}
	if strings.Join(got, " ") != "a b error" {
		t.Errorf("got %q", got)
	}
	if !h.from.Equal(from) {
		t.Errorf("from: got %s, want %s", h.from, from)
	}
	for event, err := range c.Events(t.Context(), time.Time{}) {
		if err != nil || event.Data.Alert.ID != "a" {
			t.Errorf("got %v, %v", event, err)
		}
		break
	}
}

func TestEventsEndWithTheirContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, ": hello\n\nevent: alert.opened\ndata: {\"type\":\"alert.opened\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for event, err := range ask(t, Access{Server: server.URL}).Events(ctx, time.Time{}) {
		if n++; err != nil || event.Type != alerts.Opened {
			t.Errorf("got %v, %v", event, err)
		}
		cancel()
	}
	if n != 1 {
		t.Errorf("got %d steps, want the one event", n)
	}
}

func TestOddAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"problem": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"type":"about:blank","detail":"limit is wrong"}`)
		}, "limit is wrong"},
		"a proxy's page": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html>")
		}, "502 Bad Gateway"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "answer of http://"},
		"half":    {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "100") }, "answer of http://"},
	} {
		server := httptest.NewServer(test.answer)
		if _, err := ask(t, Access{Server: server.URL}).Cameras(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		server.Close()
		if _, err := ask(t, Access{Server: server.URL}).Cameras(t.Context()); err == nil || !strings.Contains(err.Error(), "no vigil answers at "+server.URL) {
			t.Errorf("%s: after its end: got %v", name, err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "data: {\n\ndata: {}\n\n")
	}))
	defer server.Close()
	n := 0
	for _, err := range ask(t, Access{Server: server.URL}).Events(t.Context(), time.Time{}) {
		if n++; err == nil {
			t.Error("an event that is no JSON: got no error")
		}
	}
	if n != 1 {
		t.Errorf("got %d steps, want the error only", n)
	}
}

func TestWrongToken(t *testing.T) {
	_, c := serve(t)
	c.access.Token = "vgl_wrong"
	if _, err := c.Cameras(t.Context()); err == nil || err.Error() != "wrong token" {
		t.Errorf("got %v", err)
	}
	for _, err := range c.Events(t.Context(), time.Time{}) {
		if err == nil || err.Error() != "wrong token" {
			t.Errorf("events: got %v", err)
		}
	}
}

func TestOwnCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	if _, err := ask(t, Access{Server: server.URL, Cert: pemOf(server)}).Cameras(t.Context()); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	if _, err := ask(t, Access{Server: server.URL}).Cameras(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without: got %v", err)
	}
}

func pemOf(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// FuzzEvents reads streams that no vigil writes.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(": hello\n\nid: a\nevent: alert.opened\ndata: {\"type\":\"alert.opened\",\"timestamp\":\"2026-11-22T20:15:31.204Z\"}\n\n"))
	f.Add([]byte("data: {\r\n\r\ndata: null\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := &Client{access: Access{Server: "http://h"}, http: &http.Client{Transport: canned(stream)}}
		ended := false
		for _, err := range c.Events(t.Context(), time.Time{}) {
			if ended {
				t.Error("an event after the error")
			}
			ended = err != nil
		}
		if !ended {
			t.Error("the end of the connection is no error")
		}
	})
}

// canned answers every request alike.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c)), Request: r}, nil
}
