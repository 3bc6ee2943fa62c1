package web

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/vision"
)

func (h *house) Strangers(context.Context) ([]StrangerView, error) {
	return []StrangerView{{ID: "s-1", Alerts: []string{"01J"}, Cameras: []frames.CameraID{"door"}}}, h.broken
}

func (h *house) Name(ctx context.Context, alert string, who Identity) (Named, error) {
	h.said = who
	if _, err := h.Get(ctx, alert); err != nil {
		return Named{}, err
	}
	return Named{Person: who.Person, Ignored: who.Ignored, Alerts: append([]string{alert}, who.Also...)}, nil
}

func (h *house) Undo(ctx context.Context, alert, _ string) (AlertView, error) {
	return h.Get(ctx, alert)
}

func (h *house) Similar(ctx context.Context, alert string) (SearchResult, error) {
	if _, err := h.Get(ctx, alert); err != nil {
		return SearchResult{}, err
	}
	return SearchResult{Threshold: 0.4, People: []vision.Likeness{{Person: "Ann", Score: 0.3}}, Alerts: []SimilarView{{Alert: "02J"}}}, nil
}

func (h *house) Search(_ context.Context, _ Photo, q AlertQuery) (SearchResult, error) {
	h.asked = q
	return SearchResult{}, nil
}

func (h *house) Snapshot(_ context.Context, camera frames.CameraID) ([]byte, error) {
	if camera != "door" {
		return nil, ErrNotFound
	}
	return jpegOf(8, 8), nil
}

func (h *house) Faces(_ context.Context, camera frames.CameraID) ([]Face, error) {
	if camera != "door" {
		return nil, ErrNotFound
	}
	return []Face{{Track: "door/e1/1-1", Decision: vision.Known, Person: "Ann", Box: vision.Box{X: 0.5, Y: 0.25, W: 0.1, H: 0.2}, Age: 0.5}}, nil
}

func (h *house) Drill(context.Context) (Drill, error) {
	return Drill{Passed: true, Steps: []DrillStep{{"a stranger raised an alert", 3.5}}}, nil
}

func (h *house) TryCamera(context.Context, CameraTestInput) (CameraTest, error) {
	return CameraTest{Detail: "nothing came"}, nil
}

func (h *house) Photo(_ context.Context, name, photo string) ([]byte, error) {
	if name != "Resident" || photo != "5a" {
		return nil, ErrNotFound
	}
	return jpegOf(8, 8), nil
}

func (h *house) RemovePhoto(_ context.Context, name, photo string) error {
	if name != "Resident" || photo != "5a" {
		return ErrNotFound
	}
	return nil
}

func (h *house) Health(context.Context) (HealthView, error) {
	return HealthView{People: 1, Photos: 1, Advice: []Advice{{Person: "Resident", Problem: TooFew, Text: "one photo"}}}, nil
}

func TestReviewsAndNotes(t *testing.T) {
	h, server, _, _ := start(t)
	token := h.give(Operator)
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "01J/review", `{"state":"seen","was":"new"}`, 200, `"review":{"state":"seen"`},
		{"PUT", "01J/review", `{"state":"dismissed"}`, 200, `"review":{"state":"dismissed","by":"operator []","at":"2`},
		{"PUT", "01J/review", `{"state":"seen","was":"new"}`, 200, `"review":{"state":"dismissed"`},
		{"PUT", "01J/review", `{"state":"gone"}`, 422, "gone"},
		{"PUT", "01J/review", `{"state":"seen","was":"gone"}`, 422, "gone"},
		{"PUT", "01J/review", `{}`, 422, "state is missing"},
		{"PUT", "none/review", `{"state":"seen"}`, 404, "alert none"},
		{"POST", "01J/notes", `{"text":"<b>postman</b>"}`, 201, `"text":"<b>postman</b>"`},
		{"POST", "01J/notes", `{"text":""}`, 422, "text"},
		{"POST", "01J/notes", `{"text":"` + strings.Repeat("x", maxNote+1) + `"}`, 422, "2001 bytes"},
		{"POST", "01J/notes", `{"text":"` + strings.Repeat("x", maxJSON) + `"}`, 413, ""},
		{"POST", "none/notes", `{"text":"x"}`, 404, "alert none"},
		{"GET", "01J", "", 200, `"notes":[{"at":"2`},
		{"POST", "01J/name", `{"person":" "}`, 422, "name"},
		{"POST", "01J/name", `{"person":"Ann\nEve"}`, 422, "cannot be seen"},
		{"POST", "01J/name", `{"person":"` + "\u202e" + `Ann"}`, 422, "cannot be seen"},
		{"POST", "01J/name", `{"person":"Zoë 👩‍🔧"}`, 200, "Zoë"},
		{"POST", "none/name", `{"person":"Ann"}`, 404, "alert none"},
		{"POST", "01J/ignore", `{"also":["02J"]}`, 200, `"ignored":true`},
		{"POST", "none/undo", "", 404, "alert none"},
	} {
		response, text := do(t, step.method, server.URL+"/api/v1/alerts/"+step.path, token, strings.NewReader(step.body))
		if response.StatusCode != step.status || !strings.Contains(text, step.want) {
			t.Errorf("%s %s: got %d %s, want %d and %s", step.method, step.path, response.StatusCode, text, step.status, step.want)
		}
	}
	if !slices.Equal(h.said.Also, []string{"02J"}) || h.said.By != "operator []" {
		t.Errorf("ignore: got %+v", h.said)
	}
	for range maxNotes {
		do(t, "POST", server.URL+"/api/v1/alerts/01J/notes", token, strings.NewReader(`{"text":"x"}`))
	}
	if response, text := do(t, "POST", server.URL+"/api/v1/alerts/01J/notes", token, strings.NewReader(`{"text":"x"}`)); response.StatusCode != 422 {
		t.Errorf("one note too many: got %d %s", response.StatusCode, text)
	}
}

func TestSharedLinks(t *testing.T) {
	h, server, links, token := start(t)
	view := &h.alerts[1]
	view.Alert.Nearest, view.Alert.BestShotURL = &alerts.Nearest{Person: "Resident"}, links.Shot("shots/2026/11/22/door/1.jpg")
	view.Clips = []alerts.Clip{{Key: clipKey, URL: links.Clip(clipKey), Piece: 1}}
	view.Clip, view.Review.Notes = &view.Clips[0], []Note{{Text: "secret"}}
	_, text := do(t, "POST", server.URL+"/api/v1/alerts/01J/share", token, strings.NewReader(`{"hours":1}`))
	var made ShareView
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	path := made.Path
	response, text := do(t, "GET", server.URL+path, "", nil)
	if response.StatusCode != 200 || strings.Contains(text, "Resident") || strings.Contains(text, "secret") || !strings.Contains(text, `"id":"01J"`) {
		t.Errorf("got %d %s, want the alert without names and notes", response.StatusCode, text)
	}
	link, err := url.Parse(strings.Split(strings.Split(text, `"clip":{"url":"`)[1], `"`)[0])
	if err != nil {
		t.Fatal(err)
	}
	if seconds, _ := parseUnix(link.Query().Get("expires")); time.Until(time.Unix(seconds, 0)) > time.Hour {
		t.Errorf("the clip's link opens longer than the share: %s", link)
	}
	if response, _ := do(t, "GET", server.URL+link.RequestURI(), "", nil); response.StatusCode != 200 {
		t.Errorf("the clip: got %d", response.StatusCode)
	}
	_, other := links.share("02J", time.Now().Add(time.Hour))
	for name, bad := range map[string]string{
		"another alert": strings.Replace(path, "01J", "02J", 1), "changed": path + "x", "not signed": "/api/v1/shared/01J",
		"another alert's": "/api/v1/shared/01J?" + strings.Split(other, "?")[1], "expired": sharedPath(time.Now().Add(-time.Second)),
		"a clip's": "/api/v1/shared/01J?" + link.RawQuery,
	} {
		if response, _ := do(t, "GET", server.URL+bad, token, nil); response.StatusCode != 403 {
			t.Errorf("%s: got %d, want 403", name, response.StatusCode)
		}
	}
	for _, hours := range []string{"0", "169", "-1"} {
		if response, _ := do(t, "POST", server.URL+"/api/v1/alerts/01J/share", token, strings.NewReader(`{"hours":`+hours+`}`)); response.StatusCode != 422 {
			t.Errorf("%s hours: got %d", hours, response.StatusCode)
		}
	}
}

func TestExport(t *testing.T) {
	h, server, links, token := start(t)
	h.alerts[1].Clips = []alerts.Clip{{Key: clipKey, URL: links.Clip(clipKey)}}
	h.objects[strings.Replace(clipKey, ".mp4", ".json", 1)] = []byte(`{"clip":{}}`)
	response, text := do(t, "GET", server.URL+"/api/v1/alerts/01J/export", token, nil)
	if response.StatusCode != 200 || response.Header.Get("Content-Disposition") != `attachment; filename="vigil-01J.zip"` {
		t.Fatalf("got %d %v", response.StatusCode, response.Header)
	}
	archive, err := zip.NewReader(bytes.NewReader([]byte(text)), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range archive.File {
		names = append(names, file.Name)
		if file.Name == "01J.mp4" {
			body, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(body); err != nil || string(data) != "0123456789" {
				t.Errorf("clip: got %q, %v", data, err)
			}
		}
	}
	if want := []string{"alert.json", "01J.mp4", "01J.json"}; !slices.Equal(names, want) { // the shot is deleted
		t.Errorf("got %v, want %v", names, want)
	}
	h.storeBroken = true
	in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/alerts/01J/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	in.Header.Set("Authorization", "Bearer "+token)
	if response, err := http.DefaultClient.Do(in); err == nil {
		if _, err = io.ReadAll(response.Body); err == nil {
			t.Error("an export that the store broke ended well")
		}
		_ = response.Body.Close()
	}
}
