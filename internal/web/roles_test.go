package web

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// openRoutes are all that somebody without a token gets an answer from. One more wants a reason.
var openRoutes = []string{
	"GET /healthz", "GET /readyz", // for whatever restarts the program; they name no camera and nobody
	"GET /api/v1/openapi.json",
	"GET /api/v1/shared/{id}", // to a link that is signed; see TestSharedLinks
	"POST /api/v1/session", "DELETE /api/v1/session",
}

// asking are those who try every route.
var asking = []struct {
	name string
	rank Role
	give func(h *house) string
}{
	{"nobody", Open, func(*house) string { return "" }},
	{"camera viewer", CameraViewer, func(h *house) string { return h.give(Viewer, "door") }},
	{"viewer", Viewer, func(h *house) string { return h.give(Viewer) }},
	{"operator", Operator, func(h *house) string { return h.give(Operator) }},
	{"admin", Admin, func(h *house) string { return h.give(Admin) }},
}

// TestEveryRouteByEveryRole holds each route to the table, and the table to the list above.
func TestEveryRouteByEveryRole(t *testing.T) {
	all := examples(t)
	for _, r := range New(Config{}).routes() {
		if (r.least == Open) != slices.Contains(openRoutes, r.pattern) {
			t.Errorf("%s: the least role is %s, which is not as listed here", r.pattern, r.least)
		}
		for _, who := range asking {
			h, server, _, _ := start(t)
			h.furnish()
			token := who.give(h)
			want := all[r.pattern].status
			switch {
			case who.rank >= r.least:
			case who.rank > Open || r.signed != nil:
				want = http.StatusForbidden
			default:
				want = http.StatusUnauthorized
			}
			method, _, _ := strings.Cut(r.pattern, " ")
			example := all[r.pattern]
			example.body = strings.ReplaceAll(example.body, "TOKEN", h.give(Viewer))
			if response, text := ask(t, method, server.URL, token, example); response.StatusCode != want {
				t.Errorf("%s by %s: got %d %s, want %d", r.pattern, who.name, response.StatusCode, text, want)
			}
			// The same for somebody who is logged in, on the console's own page.
			if token == "" {
				continue
			}
			cookie := logIn(t, server, token)
			if got := askWith(t, method, server.URL, example, "Cookie", cookie, "Sec-Fetch-Site", "same-origin"); got == 401 || (got == 403) != (want == 403) {
				t.Errorf("%s by %s with a session: got %d, want %d", r.pattern, who.name, got, want)
			}
			if got := askWith(t, method, server.URL, example, "Cookie", cookie, "Sec-Fetch-Site", "cross-site"); method != http.MethodGet && got != 403 {
				t.Errorf("%s by %s from another site: got %d, want 403", r.pattern, who.name, got)
			}
		}
	}
}

// askWith sends the example with headers, and returns the status.
func askWith(t *testing.T, method, server string, r request, headers ...string) int {
	t.Helper()
	if strings.HasSuffix(r.path, "/events") {
		r.path += "?from=noon" // which ends it
	}
	r.path = strings.Replace(r.path, "SHARED", sharedPath(time.Now().Add(time.Hour)), 1)
	response, _ := do(t, method, server+r.path, "", strings.NewReader(r.body), append(headers, "Content-Type", r.kind)...)
	return response.StatusCode
}

// TestOtherCamerasDoNotExist asks for what is of the camera door with a token for the camera yard, and for what is of
// both: what is told then is not of door.
func TestOtherCamerasDoNotExist(t *testing.T) {
	all := examples(t)
	for _, r := range New(Config{}).routes() {
		if r.least != CameraViewer || r.pattern == "GET /api/v1/session" || r.pattern == "GET /api/v1/events" {
			continue
		}
		h, server, _, _ := start(t)
		h.furnish()
		example := all[r.pattern]
		method, _, _ := strings.Cut(r.pattern, " ")
		response, text := ask(t, method, server.URL, h.give(Viewer, "yard"), example)
		if ofDoor := strings.Contains(example.path, "01J") || strings.Contains(example.path, "door/"); ofDoor && response.StatusCode != 404 {
			t.Errorf("%s: got %d %s, want 404", example.path, response.StatusCode, text)
		}
		if strings.Contains(text, `"door"`) {
			t.Errorf("%s tells of another camera: %s", example.path, text)
		}
	}
	h, server, _, _ := start(t)
	yard := h.give(Viewer, "yard")
	if _, text := do(t, "GET", server.URL+"/api/v1/alerts", yard, nil); !strings.Contains(text, `"02J"`) || strings.Contains(text, "01J") {
		t.Errorf("alerts: got %s, want those of the yard", text)
	}
	if _, text := do(t, "GET", server.URL+"/api/v1/alerts?camera=door&camera=gate", yard, nil); text != `{"alerts":[],"next":""}`+"\n" {
		t.Errorf("alerts of other cameras: got %s", text)
	}
}

const matrixFile = "../../docs/api.md"

// matrix is the table of routes and roles, in Markdown.
func matrix(t *testing.T) string {
	t.Helper()
	_, operations := described(t)
	var b strings.Builder
	b.WriteString("| route | does | nobody | camera viewer | viewer | operator | admin |\n|---|---|---|---|---|---|---|\n")
	for _, r := range New(Config{}).routes() {
		fmt.Fprintf(&b, "| `%s` | %s ", pathOf(r.pattern), operations[pathOf(r.pattern)].Summary)
		for _, who := range asking {
			switch {
			case who.rank >= r.least:
				b.WriteString("| yes ")
			case who.rank == Open && r.signed != nil:
				b.WriteString("| signed link ")
			default:
				b.WriteString("| – ")
			}
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// TestMatrixIsDocumented keeps the table of docs/api.md; with VIGIL_UPDATE=1 it writes it.
func TestMatrixIsDocumented(t *testing.T) {
	text, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- matrix -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s lacks %s or %s", matrixFile, begin, end)
	}
	want := matrix(t)
	if have == want {
		return
	}
	if os.Getenv("VIGIL_UPDATE") == "" {
		t.Fatalf("%s is not the table of routes: run VIGIL_UPDATE=1 go test ./internal/web -run Matrix", matrixFile)
	}
	if err := os.WriteFile(matrixFile, []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // it is public
		t.Fatal(err)
	}
}
