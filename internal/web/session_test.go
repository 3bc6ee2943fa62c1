package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vigil/frames"
)

func (h *house) Token(_ context.Context, id string) (KeptToken, error) {
	t, ok := h.tokens[id]
	if !ok {
		return t, ErrNotFound
	}
	return t, nil
}

func (h *house) Tokens(context.Context) (all []KeptToken, err error) {
	for _, t := range h.tokens {
		all = append(all, t)
	}
	return all, h.broken
}

func (h *house) AddToken(_ context.Context, t KeptToken) error {
	h.tokens[t.ID] = t
	return nil
}

func (h *house) RevokeToken(_ context.Context, id string) error {
	if _, ok := h.tokens[id]; !ok {
		return ErrNotFound
	}
	delete(h.tokens, id)
	return nil
}

// give makes a token of that role.
func (h *house) give(role Role, cameras ...frames.CameraID) string {
	id, secret := newTokenID()
	h.tokens[id] = KeptToken{Token: Token{ID: id, Name: fmt.Sprint(role, cameras), Role: role, Cameras: list(cameras)}, Hash: HashToken(secret)}
	return secret
}

// logIn returns the cookie of a session.
func logIn(t *testing.T, server *httptest.Server, token string) string {
	t.Helper()
	response, text := do(t, "POST", server.URL+"/api/v1/session", "", strings.NewReader(`{"token":"`+token+`"}`))
	cookies := response.Cookies()
	if response.StatusCode != http.StatusOK || len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("login: got %d %s %v", response.StatusCode, text, cookies)
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

func TestSession(t *testing.T) {
	h, server, links, token := start(t)
	cookie := logIn(t, server, token)
	if response, text := do(t, "GET", server.URL+"/api/v1/session", "", nil, "Cookie", cookie); response.StatusCode != 200 ||
		text != `{"token":"admin","name":"admin","role":"admin","cameras":[]}`+"\n" {
		t.Errorf("with the session: got %d %s", response.StatusCode, text)
	}
	fixed := KeptToken{Token: Token{ID: "admin"}, Hash: HashToken(token)}
	for name, value := range map[string]string{
		"expired":           "admin." + links.session(fixed, time.Now().Add(-time.Second)),
		"another token's":   "admin." + links.session(KeptToken{Token: Token{ID: "viewer"}, Hash: fixed.Hash}, time.Now().Add(time.Hour)),
		"of an older token": "admin." + links.session(KeptToken{Token: Token{ID: "admin"}}, time.Now().Add(time.Hour)),
		"no signature":      "admin.99999999999.",
		"nobody":            "",
	} {
		if response, _ := do(t, "GET", server.URL+"/api/v1/cameras", "", nil, "Cookie", sessionCookie+"="+value); response.StatusCode != 401 {
			t.Errorf("session that is %s: got %d, want 401", name, response.StatusCode)
		}
	}
	viewer := logIn(t, server, h.give(Viewer))
	if response, _ := do(t, "GET", server.URL+"/api/v1/cameras", "", nil, "Cookie", viewer); response.StatusCode != 200 {
		t.Errorf("a viewer's session: got %d", response.StatusCode)
	}
	clear(h.tokens)
	if response, _ := do(t, "GET", server.URL+"/api/v1/cameras", "", nil, "Cookie", viewer); response.StatusCode != 401 {
		t.Errorf("the session of a revoked token: got %d, want 401", response.StatusCode)
	}
	if response, _ := do(t, "DELETE", server.URL+"/api/v1/session", "", nil, "Cookie", cookie); response.StatusCode != 204 || response.Cookies()[0].MaxAge != -1 {
		t.Errorf("logout: got %d %v", response.StatusCode, response.Cookies())
	}
}

func TestSessionsChangeNothingForOtherSites(t *testing.T) {
	_, server, _, token := start(t)
	cookie := logIn(t, server, token)
	for _, test := range []struct {
		headers []string
		want    int
	}{
		{[]string{"Sec-Fetch-Site", "same-origin"}, 404},
		{[]string{"Origin", server.URL}, 404}, // plain HTTP: browsers send no Sec-Fetch-Site
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", server.URL}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{nil, 403},
	} {
		headers := append([]string{"Cookie", cookie}, test.headers...)
		if response, _ := do(t, "DELETE", server.URL+"/api/v1/people/x", "", nil, headers...); response.StatusCode != test.want {
			t.Errorf("change from %q: got %d, want %d", test.headers, response.StatusCode, test.want)
		}
		if response, _ := do(t, "GET", server.URL+"/api/v1/cameras", "", nil, headers...); response.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%q: other sites may read", test.headers)
		}
	}
	if response, _ := do(t, "POST", server.URL+"/api/v1/session", "", strings.NewReader(`{"token":"`+token+`"}`), "Origin", "https://evil.example"); response.StatusCode != 403 {
		t.Errorf("login from another site: got %d, want 403", response.StatusCode)
	}
}

func TestWrongTokensLock(t *testing.T) {
	h, server, _, token := start(t)
	for range wrongPerMinute {
		if response, _ := do(t, "GET", server.URL+"/api/v1/cameras", "vgl_wrong", nil); response.StatusCode != 401 || response.Header.Get("WWW-Authenticate") == "" {
			t.Fatalf("got %d, want 401", response.StatusCode)
		}
	}
	if response, _ := do(t, "GET", server.URL+"/api/v1/cameras", h.give(Viewer)+"x", nil); response.StatusCode != 429 {
		t.Errorf("got %d, want 429", response.StatusCode)
	}
	if response, _ := do(t, "GET", server.URL+"/api/v1/cameras", token, nil); response.StatusCode != 200 {
		t.Errorf("the right token: got %d, want 200", response.StatusCode)
	}
	if response, _ := do(t, "POST", server.URL+"/api/v1/session", "", strings.NewReader(`{"token":"`+token+`"}`)); response.StatusCode != 429 {
		t.Errorf("login from a locked address: got %d, want 429", response.StatusCode)
	}
}

func TestLockout(t *testing.T) {
	l, now := newLockout(), time.Unix(0, 0)
	for i := range wrongPerHour {
		if i%wrongPerMinute == 0 {
			now = now.Add(time.Minute)
		}
		if l.locked(now, "address 1", "account a") {
			t.Fatalf("locked after %d", i)
		}
		l.wrong(now, "address 1", "account a")
	}
	now = now.Add(time.Minute)
	if !l.locked(now, "address 1") || !l.locked(now, "address 2", "account a") || l.locked(now, "address 2", "account b", "") {
		t.Error("twenty in an hour do not lock the address and the account, and those alone")
	}
	if now = now.Add(time.Hour); l.locked(now, "address 1", "account a") {
		t.Error("still locked an hour later")
	}
	for i := range maxCulprits {
		l.wrong(now, fmt.Sprint(i))
	}
	if !l.locked(now, "somebody new") || len(l.counts) > maxCulprits {
		t.Errorf("%d culprits are remembered", len(l.counts))
	}
}

func TestTokensAreMadeAndRevoked(t *testing.T) {
	h, server, _, token := start(t)
	for body, want := range map[string]string{
		`{"name":"","role":"viewer"}`:                            "name",
		`{"name":"x"}`:                                           "role",
		`{"name":"x","role":"root"}`:                             "root",
		`{"name":"x","role":"open"}`:                             "open",
		`{"name":"x","role":"operator","cameras":["door"]}`:      "viewers only",
		`{"name":"x","role":"viewer","cameras":["../door"]}`:     "cameras",
		`{"name":"x","role":"viewer","id":"mine"}`:               "id",
		`{"name":"x","role":"viewer"}{"name":"y","role":"root"}`: "follows",
	} {
		if response, text := do(t, "POST", server.URL+"/api/v1/tokens", token, strings.NewReader(body)); response.StatusCode/100 != 4 || !strings.Contains(text, want) {
			t.Errorf("%s: got %d %s", body, response.StatusCode, text)
		}
	}
	response, text := do(t, "POST", server.URL+"/api/v1/tokens", token, strings.NewReader(`{"name":"porch <tablet>","role":"viewer","cameras":["door"]}`))
	var made NewTokenView
	if err := json.Unmarshal([]byte(text), &made); err != nil || response.StatusCode != 201 {
		t.Fatalf("got %d %s, %v", response.StatusCode, text, err)
	}
	kept := h.tokens[made.Token.ID]
	if kept.Hash != HashToken(made.Secret) || kept.CreatedBy != "admin" {
		t.Errorf("got %+v", kept)
	}
	text, _ = func() (string, error) { b, err := json.Marshal(kept); return string(b), err }()
	if !strings.Contains(text, `"hash":"`) || strings.Contains(text, made.Secret) {
		t.Errorf("kept as %s: want the hash, and not the secret", text)
	}
	if response, _ := do(t, "GET", server.URL+"/api/v1/session", made.Secret, nil); response.StatusCode != 200 {
		t.Errorf("with the new token: got %d", response.StatusCode)
	}
	if _, text := do(t, "GET", server.URL+"/api/v1/tokens", token, nil); strings.Contains(text, "hash") || !strings.Contains(text, "porch <tablet>") {
		t.Errorf("list: got %s", text)
	}
	if response, _ := do(t, "DELETE", server.URL+"/api/v1/tokens/"+made.Token.ID, token, nil); response.StatusCode != 204 {
		t.Errorf("revoke: got %d", response.StatusCode)
	}
	if response, _ := do(t, "GET", server.URL+"/api/v1/session", made.Secret, nil); response.StatusCode != 401 {
		t.Errorf("with the revoked token: got %d", response.StatusCode)
	}
}

func TestTokenHashSurvivesJSON(t *testing.T) {
	_, hash := NewToken()
	text, err := json.Marshal(hash)
	if err != nil {
		t.Fatal(err)
	}
	var back TokenHash
	if err := json.Unmarshal(text, &back); err != nil || back != hash {
		t.Errorf("got %x, %v, want %x", back, err, hash)
	}
}
