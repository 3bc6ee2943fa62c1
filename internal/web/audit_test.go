package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"vigil/internal/audit"
)

// book is an audit log in memory.
type book struct {
	mu      sync.Mutex
	entries []audit.Entry
	broken  error
}

// Append implements Audit.
func (b *book) Append(_ context.Context, e audit.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, e)
	return b.broken
}

// List implements Audit.
func (b *book) List(_ context.Context, before uint64, limit int) ([]audit.Kept, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []audit.Kept
	for i := len(b.entries); i > 0 && len(all) < limit; i-- {
		if seq := uint64(i); before == 0 || seq < before {
			all = append(all, audit.Kept{Seq: seq, Entry: b.entries[i-1]})
		}
	}
	return all, b.broken
}

// Check implements Audit.
func (b *book) Check(context.Context) (audit.Checked, error) {
	return audit.Checked{Entries: 1, First: 1, Last: 1}, b.broken
}

// noted ends the server, and with it all requests, and returns a line for each entry of the log.
func (h *house) noted(server *httptest.Server) (lines []string) {
	server.Close()
	for _, e := range h.audit.entries {
		lines = append(lines, fmt.Sprintf("%s %s|%s|%s|%d", e.By, e.Role, e.Action, e.Object, e.Status))
	}
	return lines
}

func TestAuditTellsWhoDidWhat(t *testing.T) {
	h, server, _, token := start(t)
	viewer := h.give(Viewer)
	for _, ask := range []struct{ method, path, token, body string }{
		{"GET", "/api/v1/alerts", token, ""},
		{"PUT", "/api/v1/alerts/01J/review", token, `{"state":"seen"}`},
		{"PUT", "/api/v1/alerts/01J/review", viewer, `{"state":"seen"}`},
		{"PUT", "/api/v1/alerts/01J/review", "vgl_wrong", `{"state":"seen"}`},
		{"PUT", "/api/v1/alerts/01J/review", "", `{"state":"seen"}`},
		{"DELETE", "/api/v1/people/Ann", token, ""},
		{"GET", "/api/v1/config", token, ""},
		{"POST", "/api/v1/session", "", fmt.Sprintf(`{"token":%q}`, token)},
		{"POST", "/api/v1/session", "", `{"token":"vgl_wrong"}`},
	} {
		do(t, ask.method, server.URL+ask.path, ask.token, strings.NewReader(ask.body))
	}
	want := []string{
		"admin admin|PUT /api/v1/alerts/{id}/review|01J|200",
		"viewer [] viewer|PUT /api/v1/alerts/{id}/review|01J|403",
		"admin admin|DELETE /api/v1/people/{name}|p-17239b6e|404",
		"admin admin|GET /api/v1/config||200",
		"admin admin|POST /api/v1/session||200",
		" |POST /api/v1/session||401",
	}
	got := h.noted(server)
	for i := range want {
		if len(got) != len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if text := strings.Join(got, "\n"); strings.Contains(text, "Ann") {
		t.Error("a person's name is in the log")
	}
}

func TestAuditIsListedInPages(t *testing.T) {
	h, server, _, token := start(t)
	h.audit.entries = make([]audit.Entry, 5)
	var seqs []uint64
	for cursor := ""; ; {
		_, text := do(t, "GET", server.URL+"/api/v1/audit?limit=2&cursor="+cursor, token, nil)
		var page AuditPage
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		for _, e := range page.Entries {
			seqs = append(seqs, e.Seq)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(seqs) != "[5 4 3 2 1]" {
		t.Errorf("got %v", seqs)
	}
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=0"} {
		if response, text := do(t, "GET", server.URL+"/api/v1/audit?"+bad, token, nil); response.StatusCode != 400 {
			t.Errorf("%s: got %d %s", bad, response.StatusCode, text)
		}
	}
}

// TestAuditThatCannotBeWrittenStopsNobody: what was asked is done, and the log of the program tells of it.
func TestAuditThatCannotBeWrittenStopsNobody(t *testing.T) {
	h, server, _, token := start(t)
	h.audit.broken = errors.New("no answer")
	response, _ := do(t, "POST", server.URL+"/api/v1/session", "", strings.NewReader(fmt.Sprintf(`{"token":%q}`, token)))
	if response.StatusCode != 200 {
		t.Errorf("got %d", response.StatusCode)
	}
	if got := h.noted(server); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
