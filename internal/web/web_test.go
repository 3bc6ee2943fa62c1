package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/clips/retention"
	"vigil/frames"
	"vigil/vision"
)

// house is everything behind the console, in memory.
type house struct {
	cameras []CameraView
	alerts  []AlertView
	events  chan alerts.Event
	people  map[string]PersonView
	objects map[string][]byte
	broken  error
	dead    map[string]DeadView
	tokens  map[string]KeptToken
	said    Identity   // the latest
	asked   AlertQuery // the latest
	since   Since      // the latest

	storeBroken bool

	audit book
}

func (h *house) Play(_ context.Context, camera frames.CameraID, offer string) (session, answer string, err error) {
	switch {
	case camera != "door":
		return "", "", ErrNotFound
	case offer != "offer":
		return "", "", Refused{"want an offer"}
	}
	return "one", "answer", h.broken
}

func (h *house) AddCamera(_ context.Context, in CameraInput) (string, error) {
	if in.ID == "door" {
		return "", Conflict{"camera door is there already"}
	}
	return "secret", h.broken
}

func (h *house) RemoveCamera(_ context.Context, camera frames.CameraID) error {
	if camera != "yard" {
		return Conflict{"camera door is in the configuration"}
	}
	return h.broken
}

func (h *house) StopPlaying(_ context.Context, camera frames.CameraID, session string) error {
	if camera != "door" || session != "one" {
		return ErrNotFound
	}
	return h.broken
}

func (h *house) Cameras(context.Context) ([]CameraView, error) {
	return slices.Clone(h.cameras), h.broken
}

func (h *house) List(_ context.Context, q AlertQuery) (AlertPage, error) {
	h.asked = q
	page := AlertPage{}
	for _, view := range h.alerts {
		if len(q.Cameras) == 0 || slices.Contains(q.Cameras, view.Alert.Camera) {
			page.Alerts = append(page.Alerts, view)
		}
	}
	if len(page.Alerts) > q.Limit {
		page.Alerts, page.Next = page.Alerts[:q.Limit], page.Alerts[q.Limit-1].Alert.ID
	}
	return page, h.broken
}

func (h *house) Review(_ context.Context, id string, change func(Review) Review) (AlertView, error) {
	for i := range h.alerts {
		if v := &h.alerts[i]; v.Alert.ID == id {
			v.Review = change(v.Review)
			return *v, nil
		}
	}
	return AlertView{}, ErrNotFound
}

func (h *house) Get(_ context.Context, id string) (AlertView, error) {
	for _, view := range h.alerts {
		if view.Alert.ID == id {
			return view, nil
		}
	}
	return AlertView{}, ErrNotFound
}

func (h *house) Events(ctx context.Context, since Since) iter.Seq2[alerts.Event, error] {
	h.since = since
	return func(yield func(alerts.Event, error) bool) {
		for {
			select {
			case event := <-h.events:
				if !yield(event, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func (h *house) People(context.Context) ([]PersonView, error) {
	var all []PersonView
	for _, p := range h.people {
		all = append(all, p)
	}
	return all, nil
}

func (h *house) Enrol(_ context.Context, name string, photos []Photo, c Choices) (PersonView, error) {
	if strings.HasPrefix(photos[0].Name, "nobody") {
		return PersonView{}, Refused{"no photo can be used\n  " + photos[0].Name + ": no face found"}
	}
	verdict := fmt.Sprintf("face %d, force %t", c.Face, c.Force)
	h.people[name] = PersonView{Name: name, Source: "enrolled", Photos: []PhotoView{{File: photos[0].Name, Used: true, Verdict: verdict}}}
	return h.people[name], nil
}

func (h *house) Erase(_ context.Context, name string) (Receipt, error) {
	if _, ok := h.people[name]; !ok {
		return Receipt{}, ErrNotFound
	}
	delete(h.people, name)
	return Receipt{Person: name, Photos: 1, Kept: []Kept{{What: "events"}}}, nil
}

func (h *house) Calibration(context.Context) (vision.Report, error) {
	return vision.Report{
		Model: "m@1", People: len(h.people), Threshold: 0.5, Single: []string{}, Alike: []vision.Alike{}, Outliers: []vision.Outlier{},
	}, nil
}

func (h *house) Retention(context.Context) (RetentionView, error) {
	return RetentionView{Last: []retention.State{{Kind: "clips", Deleted: 3}}}, h.broken
}

func (h *house) Rules(context.Context) ([]RuleView, error) {
	return []RuleView{{Name: "strangers", Who: []string{"unknown"}, Active: true, Raised: 2}}, h.broken
}

// media is a store that can only be read.
type media struct {
	clips.Store
	house *house
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

func (m media) Get(_ context.Context, key string) (io.ReadSeekCloser, clips.Object, error) {
	data, ok := m.house.objects[key]
	if m.house.storeBroken {
		return nil, clips.Object{}, errors.New("the store is away")
	}
	if !ok {
		return nil, clips.Object{}, clips.ErrNotFound
	}
	return body{bytes.NewReader(data)}, clips.Object{Key: key, Size: int64(len(data)), ContentType: clips.TypeMP4, Modified: time.Unix(1, 0)}, nil
}

const clipKey = "clips/2026/11/22/door/01J.mp4"

func houseLinks() *Links { return NewLinks("https://vigil.example", []byte("0123456789abcdef")) }

func start(t *testing.T) (*house, *httptest.Server, *Links, string) {
	t.Helper()
	h := &house{
		cameras: []CameraView{{CameraState: frames.CameraState{Camera: "door", Online: true}, From: FromConfiguration}, {CameraState: frames.CameraState{Camera: "yard"}, From: FromPublisher}},
		alerts: []AlertView{
			{Alert: alerts.Alert{ID: "02J", Camera: "yard", Decision: vision.Unknown}, Clips: []alerts.Clip{}},
			{Alert: alerts.Alert{ID: "01J", Camera: "door", Decision: vision.Unknown, ConsoleURL: "/?a&b"}, Clips: []alerts.Clip{}},
		},
		tokens:  map[string]KeptToken{},
		events:  make(chan alerts.Event, 8),
		people:  map[string]PersonView{},
		dead:    map[string]DeadView{},
		objects: map[string][]byte{clipKey: []byte("0123456789"), "people/1/2": []byte("photo")},
	}
	token, hash := NewToken()
	links := houseLinks()
	server := httptest.NewServer(New(Config{
		Cameras: h, Alerts: h, Explain: h, Strangers: h, Search: h, Dead: h, Drill: h, Webhooks: h, People: h, Keeps: h, Rules: h, Media: media{house: h}, Links: links, Tokens: h, Audit: &h.audit,
		Fixed: []KeptToken{{Token: Token{ID: "admin", Name: "admin", Role: Admin}, Hash: hash}}, Settings: []byte(`{"http":{}}`),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		}),
		Checks: []Check{
			{"bus", func(context.Context) error { return h.broken }},
			{"vision", func(context.Context) error { return Notice("engine classic") }},
		},
		Version: "test", Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}).Handler())
	t.Cleanup(server.Close)
	return h, server, links, token
}

func do(t *testing.T, method, link, token string, in io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, link, in)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestRoutes(t *testing.T) {
	_, server, _, token := start(t)
	for _, test := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/api/v1/cameras", 200, `"camera":"door"`},
		{"GET", "/api/v1/alerts", 200, `"id":"01J"`},
		{"GET", "/api/v1/alerts?limit=many", 422, "limit"},
		{"GET", "/api/v1/alerts/01J", 200, `"clip":null`},
		{"GET", "/api/v1/alerts/01J", 200, `"/?a&b"`},
		{"GET", "/api/v1/alerts/other", 404, "alert other"},
		{"GET", "/api/v1/explain?id=01J", 200, `"alert":{"id":"01J"`},
		{"GET", "/api/v1/explain?id=door/e1/90-1", 200, `"track":"door/e1/90-1"`},
		{"GET", "/api/v1/explain?id=other", 404, "explain other"},
		{"GET", "/api/v1/explain", 422, "id is missing"},
		{"GET", "/api/v1/people", 200, `"people":[]`},
		{"GET", "/api/v1/people/calibration", 200, `"threshold":0.5`},
		{"GET", "/api/v1/retention", 200, `"deleted":3`},
		{"GET", "/api/v1/retention", 200, `"preview":[]`},
		{"GET", "/api/v1/rules", 200, `"zones":[]`},
		{"DELETE", "/api/v1/people/Nobody", 404, "Nobody"},
		{"GET", "/api/v1/system", 200, `"version":"test"`},
		{"GET", "/api/v1/other", 404, "/api/v1/other"},
		{"GET", "/media/" + clipKey, 200, "0123456789"},
	} {
		response, text := do(t, test.method, server.URL+test.path, token, nil)
		if response.StatusCode != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%s %s: got %d %s, want %d and %q", test.method, test.path, response.StatusCode, text, test.status, test.want)
		}
		if response.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: no content security policy", test.path)
		}
		if test.path == "/api/v1/other" {
			continue
		}
		if response, _ := do(t, test.method, server.URL+test.path, "", nil); response.StatusCode < 401 || response.StatusCode > 403 {
			t.Errorf("%s %s without a token: got %d", test.method, test.path, response.StatusCode)
		}
	}
}

func TestOpenRoutes(t *testing.T) {
	h, server, _, _ := start(t)
	for path, want := range map[string]string{
		"/": "<title>Vigil</title>", "/healthz": "ok",
		"/readyz": `"ready":true`,
	} {
		if response, text := do(t, "GET", server.URL+path, "", nil); response.StatusCode != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: got %d %.80s, want %q", path, response.StatusCode, text, want)
		}
	}
	_, text := do(t, "GET", server.URL+"/", "", nil)
	for _, asset := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(text, -1) {
		response, _ := do(t, "GET", server.URL+asset, "", nil)
		if response.StatusCode != 200 || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: got %d, %v", asset, response.StatusCode, response.Header)
		}
	}
	if response, _ := do(t, "GET", server.URL+"/assets/web.go", "", nil); response.StatusCode != 404 {
		t.Errorf("a file that is not the page's: got %d", response.StatusCode)
	}
	h.broken = errors.New("no answer")
	if response, text := do(t, "GET", server.URL+"/readyz", "", nil); response.StatusCode != 503 || !strings.Contains(text, `"name":"bus","ok":false`) {
		t.Errorf("readyz: got %d %s", response.StatusCode, text)
	}
	h.broken = nil
}

func TestErrorsInsideStayInside(t *testing.T) {
	h, server, _, token := start(t)
	h.broken = errors.New("password hunter2 refused")
	response, text := do(t, "GET", server.URL+"/api/v1/cameras", token, nil)
	if response.StatusCode != http.StatusInternalServerError || strings.Contains(text, "hunter2") || response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
}

func TestMediaLinks(t *testing.T) {
	_, server, links, _ := start(t)
	link := server.URL + links.Local(links.Clip(clipKey))
	response, text := do(t, "GET", link, "", nil, "Range", "bytes=2-4")
	if response.StatusCode != http.StatusPartialContent || text != "234" || response.Header.Get("Content-Type") != clips.TypeMP4 {
		t.Errorf("range: got %d %q %v", response.StatusCode, text, response.Header)
	}
	for name, bad := range map[string]string{
		"other key":     strings.Replace(link, "01J.mp4", "02J.mp4", 1),
		"later expiry":  strings.Replace(link, "expires=", "expires=9", 1),
		"no signature":  strings.Split(link, "&signature")[0],
		"session's use": server.URL + "/media/" + clipKey + "?expires=" + strings.ReplaceAll(links.session(KeptToken{}, time.Now().Add(time.Hour)), ".", "&signature="),
	} {
		if response, _ := do(t, "GET", bad, "", nil); response.StatusCode != 403 {
			t.Errorf("%s: got %d, want 403", name, response.StatusCode)
		}
	}
	links.now = func() time.Time { return time.Now().Add(LinkLife + time.Second) }
	if response, _ := do(t, "GET", link, "", nil); response.StatusCode != 403 {
		t.Errorf("expired: got %d, want 403", response.StatusCode)
	}
}

func TestPhotosOfPeopleNeverOpen(t *testing.T) {
	_, server, links, token := start(t)
	for _, link := range []string{"/media/people/1/2", links.Local(links.Clip("people/1/2")), "/media/clips/..%2fpeople/1/2", "/media/clips/none.mp4"} {
		if response, text := do(t, "GET", server.URL+link, token, nil); response.StatusCode != 404 {
			t.Errorf("%s: got %d %s, want 404", link, response.StatusCode, text)
		}
	}
}

func TestEventsStream(t *testing.T) {
	h, server, _, token := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	h.events <- alerts.Event{Type: alerts.Opened, Data: alerts.Data{Alert: alerts.Alert{ID: "01J", ConsoleURL: "/?a&b"}}}
	var got strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(got.String(), "\n\n: ") && !strings.Contains(got.String(), "}\n\n") {
		n, err := response.Body.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(buffer[:n])
	}
	if !strings.Contains(got.String(), "id: 01J-alert-opened\nevent: alert.opened\ndata: {") ||
		!strings.Contains(got.String(), "/?a&b") {
		t.Errorf("got %q", got.String())
	}
}
