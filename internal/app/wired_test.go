//go:build !nocv

package app

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"vigil/internal/web"
)

// TestEveryReadingRouteIsWired asks a running program for all of the description that can be asked without an id: a part
// that nobody gave to the console would end the connection.
func TestEveryReadingRouteIsWired(t *testing.T) {
	noLeak(t)
	a, end := begin(t, onFreePorts(t))
	defer end()
	var described struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(web.Description, &described); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for path, methods := range described.Paths {
		if methods["get"] == nil || strings.HasSuffix(path, "/events") {
			continue
		}
		want := []int{http.StatusOK, http.StatusUnprocessableEntity} // where a parameter is wanted
		if strings.Contains(path, "{") {
			want = []int{http.StatusNotFound, http.StatusForbidden}
		}
		path = strings.NewReplacer("{key}", "clips/x", "{id}", "none", "{name}", "none", "{photo}", "none").Replace(path)
		if got := status(t, a, http.MethodGet, path, "", nil); !slices.Contains(want, got) {
			t.Errorf("%s: got %d, want one of %v", path, got, want)
		}
		asked++
	}
	if asked < 20 {
		t.Errorf("only %d routes were asked", asked)
	}
	var photo bytes.Buffer
	form := multipart.NewWriter(&photo)
	part, err := form.CreateFormFile("photo", "grey.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(part, image.NewGray(image.Rect(0, 0, 200, 200)), nil); err != nil {
		t.Fatal(err)
	}
	_ = form.Close()
	if got := status(t, a, http.MethodPost, "/api/v1/search", form.FormDataContentType(), &photo); got != http.StatusUnprocessableEntity {
		t.Errorf("search by a photo without a face: got %d, want 422", got)
	}
	for _, path := range []string{"name", "ignore", "undo", "notes", "review"} {
		body, method := strings.NewReader(`{}`), http.MethodPost
		switch path {
		case "name":
			body = strings.NewReader(`{"person":"Ann"}`)
		case "notes":
			body = strings.NewReader(`{"text":"x"}`)
		case "review":
			body, method = strings.NewReader(`{"state":"seen"}`), http.MethodPut
		}
		if got := status(t, a, method, "/api/v1/alerts/none/"+path, "application/json", body); got != http.StatusNotFound {
			t.Errorf("%s of no alert: got %d, want 404", path, got)
		}
	}
	if got := status(t, a, http.MethodPost, "/api/v1/cameras/test", "application/json", strings.NewReader(`{"url":"file:///etc/passwd"}`)); got != http.StatusOK {
		t.Errorf("test of a camera: got %d", got)
	}
}

// status asks as the admin of the first start.
func status(t *testing.T, a *App, method, path, kind string, body io.Reader) int {
	t.Helper()
	in, err := http.NewRequestWithContext(t.Context(), method, a.Addresses().Console+path, body)
	if err != nil {
		t.Fatal(err)
	}
	in.Header.Set("Authorization", "Bearer "+a.AdminToken())
	in.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(in)
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}
