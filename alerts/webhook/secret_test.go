package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Keys and signatures of Svix's own tests of its server, which has defined v1a.
const (
	theirKey       = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	theirPublicKey = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	theirSignature = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func TestEd25519(t *testing.T) {
	for name, key := range map[string]Secret{"seed": Secret(theirKey[:5]) + seedOf(t, theirKey), "seed and public key": theirKey} {
		sign, err := key.signer()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
		if got != theirSignature {
			t.Errorf("%s: got %s, want %s", name, got, theirSignature)
		}
		if key.PublicKey() != theirPublicKey {
			t.Errorf("%s: got public key %s, want %s", name, key.PublicKey(), theirPublicKey)
		}
	}
	if got := Secret("whsec_" + plain).PublicKey(); got != "" {
		t.Errorf("a shared secret has the public key %s", got)
	}
}

func seedOf(t *testing.T, key string) Secret {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(key[5:])
	if err != nil {
		t.Fatal(err)
	}
	return Secret(base64.StdEncoding.EncodeToString(raw[:ed25519.SeedSize]))
}

// TestRotation: receivers with the old secret, the new one, and either public key take what is sent in between.
func TestRotation(t *testing.T) {
	const next = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	shared := func(t *testing.T, secret string, r received) {
		t.Helper()
		wh, err := reference.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := wh.Verify([]byte(r.body), r.header); err != nil {
			t.Errorf("the reference library says: %v", err)
		}
		for name, change := range map[string]func(http.Header){
			"id":   func(h http.Header) { h.Set("webhook-id", "another") },
			"time": func(h http.Header) { h.Set("webhook-timestamp", "1") },
			"signatures": func(h http.Header) {
				h.Set("webhook-signature", strings.ReplaceAll(h.Get("webhook-signature"), "v1", "v2"))
			},
		} {
			header := r.header.Clone()
			change(header)
			if wh.Verify([]byte(r.body), header) == nil {
				t.Errorf("another %s passes", name)
			}
		}
	}
	public := func(t *testing.T, _ string, r received) {
		t.Helper()
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(theirPublicKey, publicPrefix))
		if err != nil {
			t.Fatal(err)
		}
		for s := range strings.SplitSeq(r.header.Get("webhook-signature"), " ") {
			text, ok := strings.CutPrefix(s, "v1a,")
			sig, err := base64.StdEncoding.DecodeString(text)
			signed := r.header.Get("webhook-id") + "." + r.header.Get("webhook-timestamp") + "." + r.body
			if ok && err == nil && ed25519.Verify(key, []byte(signed), sig) {
				return
			}
		}
		t.Errorf("no good signature in %s", r.header.Get("webhook-signature"))
	}
	for name, c := range map[string]struct {
		secret, previous Secret
		count            int
		verify           map[string]func(*testing.T, string, received)
	}{
		"two shared":         {"whsec_" + next, "whsec_" + plain, 2, map[string]func(*testing.T, string, received){next: shared, plain: shared}},
		"shared to Ed25519":  {theirKey, "whsec_" + plain, 2, map[string]func(*testing.T, string, received){"": public, plain: shared}},
		"Ed25519 to shared":  {"whsec_" + plain, theirKey, 2, map[string]func(*testing.T, string, received){"": public, plain: shared}},
		"Ed25519 by itself":  {theirKey, "", 1, map[string]func(*testing.T, string, received){"": public}},
		"rotation is at end": {"whsec_" + next, "", 1, map[string]func(*testing.T, string, received){next: shared}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, status(http.StatusOK))
			e := Endpoint{ID: "home", URL: b.url, Secret: c.secret, Previous: c.previous, AllowPrivate: true}
			s, err := New(e, b.ledger, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Deliver(t.Context(), delivery()); err != nil {
				t.Fatal(err)
			}
			got := b.requests()[0]
			if n := len(strings.Split(got.header.Get("Webhook-Signature"), " ")); n != c.count {
				t.Errorf("got %d signatures, want %d", n, c.count)
			}
			for secret, verify := range c.verify {
				verify(t, secret, got)
			}
		})
	}
}
