package mediatest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"vigil/alerts"
)

// testSecret is the receivers'.
var testSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("an endpoint's secret, 24+"))

// startReceiver runs a receiver for the test's length.
func startReceiver(t *testing.T) *Receiver {
	t.Helper()
	r, err := NewReceiver(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v after its context ended, want nil", err)
		}
	})
	return r
}

// send posts body as the event id, signed with secret, and returns the status.
func send(t *testing.T, r *Receiver, secret, id string, body []byte) int {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := signer.Sign(id, now, body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

func event(t *testing.T, typ alerts.EventType, id string) []byte {
	t.Helper()
	b, err := json.Marshal(alerts.Event{Type: typ, Data: alerts.Data{Alert: alerts.Alert{ID: id}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReceiverTakesSignedEventsInOrder(t *testing.T) {
	r := startReceiver(t)
	opened, ready := event(t, alerts.Opened, "a"), event(t, alerts.ClipReady, "a")
	for _, d := range []struct {
		id   string
		body []byte
	}{{"1", opened}, {"2", ready}, {"1", opened}} {
		if got := send(t, r, testSecret, d.id, d.body); got != http.StatusNoContent {
			t.Fatalf("got status %d, want 204", got)
		}
	}
	events := r.Events()
	if len(events) != 2 || events[0].Type != alerts.Opened || events[1].Type != alerts.ClipReady {
		t.Errorf("got events %+v, want opened and clip_ready, once each", events)
	}
	deliveries := r.Deliveries()
	if len(deliveries) != 3 || !bytes.Equal(deliveries[2].Body, opened) {
		t.Errorf("got %d deliveries, want 3 with their bytes kept", len(deliveries))
	}
}

func TestReceiverRefuses(t *testing.T) {
	r := startReceiver(t)
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("somebody else's secret..."))
	if got := send(t, r, other, "1", event(t, alerts.Opened, "a")); got != http.StatusUnauthorized {
		t.Errorf("another's secret: got status %d, want 401", got)
	}
	if got := send(t, r, testSecret, "2", []byte("no json")); got != http.StatusBadRequest {
		t.Errorf("no event: got status %d, want 400", got)
	}
	if got := send(t, r, testSecret, "3", bytes.Repeat([]byte(" "), maxBody+1)); got != http.StatusBadRequest {
		t.Errorf("huge body: got status %d, want 400", got)
	}
	if n := len(r.Refused()); n != 3 {
		t.Errorf("got %d refusals, want 3", n)
	}
	if n := len(r.Events()); n != 0 {
		t.Errorf("got %d events, want none", n)
	}
	if _, err := NewReceiver("whsec_*"); err == nil || strings.Contains(err.Error(), "*") {
		t.Errorf("bad secret: got error %v, want one that does not repeat it", err)
	}
}

func TestReceiverWait(t *testing.T) {
	r := startReceiver(t)
	found := make(chan error, 1)
	go func() {
		_, err := r.Wait(t.Context(), OfType(alerts.ClipReady))
		found <- err
	}()
	send(t, r, testSecret, "1", event(t, alerts.Opened, "a"))
	send(t, r, testSecret, "2", event(t, alerts.ClipReady, "a"))
	if err := <-found; err != nil {
		t.Fatalf("an event that came later: %v", err)
	}
	e, err := r.Wait(t.Context(), OfType(alerts.Opened))
	if err != nil || e.Data.Alert.ID != "a" {
		t.Errorf("an event that came before: got %+v, %v", e, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Wait(ctx, OfType(alerts.Closed))
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), string(alerts.Opened)) {
		t.Errorf("got error %v, want the context's, naming what came instead", err)
	}
}
