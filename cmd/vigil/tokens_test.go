//go:build !nocv

package main

import (
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	r := begin(t)
	defer r.end()
	secret := strings.TrimSpace(r.vigil("tokens", "create", "porch tablet", "--camera", "porch").out)
	if !strings.HasPrefix(secret, "vgl_") {
		t.Fatalf("got %q, want a token", secret)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(secret, "vgl_"), "_")
	if got := r.vigil("tokens", "list").out; !strings.Contains(got, id+"  porch tablet  viewer  porch") || strings.Contains(got, secret) {
		t.Errorf("list: got %s", got)
	}
	server := "--server=" + r.program.Addresses().Console
	if got := r.vigil("cameras", "list", server, "--token="+secret); got.code != 0 {
		t.Errorf("with the token: got %+v", got)
	}
	if got := r.vigil("people", "list", server, "--token="+secret); got.code != 1 || !strings.Contains(got.err, "role viewer") {
		t.Errorf("what a camera's viewer may not ask: got %+v", got)
	}
	if got := r.vigil("tokens", "revoke", id); got.code != 0 {
		t.Errorf("revoke: got %+v", got)
	}
	if got := r.vigil("cameras", "list", server, "--token="+secret); got.code != 1 || !strings.Contains(got.err, "wrong token") {
		t.Errorf("with the revoked token: got %+v", got)
	}
	for _, wrong := range [][]string{{"tokens", "create", "x", "--role=operator", "--camera=a"}, {"tokens", "revoke", "none"}} {
		if got := r.vigil(wrong...); got.code != 1 {
			t.Errorf("%v: got %+v", wrong, got)
		}
	}
}
