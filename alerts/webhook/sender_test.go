package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type received struct {
	header http.Header
	body   string
}

// bench is a sender, its receiver, and a clock that is set by hand.
type bench struct {
	sender *Sender
	ledger *memory
	now    time.Time
	url    string

	mu     sync.Mutex // requests that were given up on are still being answered
	answer http.HandlerFunc
	got    []received
}

func newBench(t *testing.T, answer http.HandlerFunc) *bench {
	b := &bench{ledger: &memory{}, now: time.Now(), answer: answer}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.got = append(b.got, received{r.Header, string(body)})
		answer := b.answer
		b.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	b.restart(t)
	return b
}

func (b *bench) answerWith(answer http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *bench) requests() []received {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

func (b *bench) restart(t *testing.T) {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	e := Endpoint{ID: "home", URL: b.url + "/hook/hush-hush", Secret: "whsec_" + plain, AllowPrivate: true}
	s, err := New(e, b.ledger, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Now, s.Random = func() time.Time { return b.now }, func() float64 { return 0.5 }
	b.sender = s
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func delivery() Delivery {
	return Delivery{ID: "01J-alert-opened", Endpoint: "home", Type: "alert.opened", Body: []byte(`{"type":"alert.opened"}`)}
}

func wait(t *testing.T, err error) time.Duration {
	t.Helper()
	later, ok := errors.AsType[*LaterError](err)
	if !ok {
		t.Fatalf("got %v, want a later attempt", err)
	}
	return later.After
}

func TestDeliveryIsSigned(t *testing.T) {
	b := newBench(t, status(http.StatusNoContent))
	if err := b.sender.Deliver(t.Context(), delivery()); err != nil {
		t.Fatal(err)
	}
	got := b.requests()[0]
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "vigil", "Webhook-Id": "01J-alert-opened",
		"Webhook-Timestamp": strconv.FormatInt(b.now.Unix(), 10),
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.header.Get(name), want)
		}
	}
	wh, err := reference.NewWebhook("whsec_" + plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := wh.Verify([]byte(got.body), got.header); err != nil {
		t.Errorf("the reference library says: %v", err)
	}
	if wh.Verify([]byte(got.body+" "), got.header) == nil {
		t.Error("another body has the same signature")
	}
	if err := b.sender.Deliver(t.Context(), delivery()); err != nil || len(b.requests()) != 1 {
		t.Errorf("a copy of a taken delivery: got %v and %d requests", err, len(b.requests()))
	}
}

func TestEveryAttemptFollowsTheSchedule(t *testing.T) {
	b := newBench(t, status(http.StatusInternalServerError))
	wh, err := reference.NewWebhook("whsec_" + plain)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(schedule); n++ {
		after := wait(t, b.sender.Deliver(t.Context(), delivery()))
		if after != schedule[n] || len(b.requests()) != n {
			t.Fatalf("attempt %d: got %s and %d requests, want %s", n, after, len(b.requests()), schedule[n])
		}
		b.restart(t)
		b.now = b.now.Add(after / 2)
		if rest := wait(t, b.sender.Deliver(t.Context(), delivery())); rest != after-after/2 || len(b.requests()) != n {
			t.Fatalf("restart after attempt %d: got %s and %d requests", n, rest, len(b.requests()))
		}
		b.now = b.now.Add(after - after/2)
	}
	err = b.sender.Deliver(t.Context(), delivery())
	if dead, ok := errors.AsType[*DeadError](err); !ok || !strings.Contains(dead.Reason, "500") {
		t.Errorf("after the last attempt: got %v", err)
	}
	for _, r := range b.requests() {
		if r.header.Get("Webhook-Id") != "01J-alert-opened" || r.body != b.requests()[0].body {
			t.Errorf("got id %s and body %s", r.header.Get("Webhook-Id"), r.body)
		}
		if err := wh.VerifyIgnoringTimestamp([]byte(r.body), r.header); err != nil {
			t.Error(err)
		}
	}
	if first, last := b.requests()[0].header.Get("Webhook-Timestamp"), b.requests()[9].header.Get("Webhook-Timestamp"); first == last {
		t.Error("all attempts have one timestamp")
	}
	b.answerWith(status(http.StatusOK))
	if err := Restart(t.Context(), b.ledger, delivery().Key(), b.now); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(2 * lastProbe)
	if err := b.sender.Deliver(t.Context(), delivery()); err != nil {
		t.Errorf("replay: got %v", err)
	}
}

func TestAnswers(t *testing.T) {
	b := newBench(t, nil)
	moved := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hook/hush-hush" {
				t.Errorf("redirect to %s was followed", r.URL.Path)
			}
			http.Redirect(w, r, "/elsewhere", code)
		}
	}
	cases := map[string]struct {
		answer http.HandlerFunc
		taken  bool
		reason string
	}{
		"200": {status(200), true, ""}, "201": {status(201), true, ""}, "204": {status(204), true, ""},
		"300": {status(300), false, "300"}, "301": {moved(301), false, "301"}, "302": {moved(302), false, "302"},
		"307": {moved(307), false, "307"}, "308": {moved(308), false, "308"}, "304": {status(304), false, "304"},
		"400": {status(400), false, "400 Bad Request"}, "404": {status(404), false, "404"},
		"429": {status(429), false, "429"}, "500": {status(500), false, "500"}, "504": {status(504), false, "504"},
		"100 MiB": {func(w http.ResponseWriter, _ *http.Request) {
			for range 100 << 20 >> 16 {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
			t.Error("the whole answer was read")
		}, true, ""},
		"headers without end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		}, false, "exceed"},
		"hung up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "EOF"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b.answerWith(c.answer)
			b.ledger.forget()
			err := b.sender.Deliver(t.Context(), delivery())
			if c.taken {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			wait(t, err)
			if !strings.Contains(err.Error(), c.reason) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v, want %s in it and no url", err, c.reason)
			}
		})
	}
}

func TestLateAnswers(t *testing.T) {
	release := make(chan struct{})
	b := newBench(t, nil)
	b.sender.client.Timeout = 50 * time.Millisecond
	hang := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"no answer": hang,
		"a body that does not end": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		},
	} {
		b.answerWith(answer)
		b.ledger.forget()
		err := b.sender.Deliver(t.Context(), delivery())
		if wait(t, err); !strings.Contains(err.Error(), "within") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	close(release)
}

func TestRetryAfterIsHonoured(t *testing.T) {
	b := newBench(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if got := wait(t, b.sender.Deliver(t.Context(), delivery())); got != 2*time.Minute {
		t.Errorf("got %s, want 2m", got)
	}
}

func TestGone(t *testing.T) {
	b := newBench(t, status(http.StatusGone))
	if _, ok := errors.AsType[*DeadError](b.sender.Deliver(t.Context(), delivery())); !ok {
		t.Error("410 is not final")
	}
	b.answerWith(status(http.StatusOK))
	b.restart(t)
	next := delivery()
	next.ID = "01J-alert-closed"
	err := b.sender.Deliver(t.Context(), next)
	if dead, ok := errors.AsType[*DeadError](err); !ok || !strings.Contains(dead.Reason, "410") || len(b.requests()) != 1 {
		t.Errorf("after 410: got %v and %d requests", err, len(b.requests()))
	}
	if err := Enable(t.Context(), b.ledger, "home", b.now); err != nil {
		t.Fatal(err)
	}
	if err := b.sender.Deliver(t.Context(), next); err != nil {
		t.Errorf("enabled again: got %v", err)
	}
}

func TestPrivateReceiverIsRefusedAtTheDial(t *testing.T) {
	b := newBench(t, status(http.StatusOK))
	// A name passes Validate; what it resolves to is looked at when it is dialled.
	e := Endpoint{ID: "home", URL: strings.Replace(b.url, "127.0.0.1", "localhost", 1), Secret: "whsec_" + plain}
	s, err := New(e, b.ledger, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Deliver(t.Context(), delivery())
	if wait(t, err); !strings.Contains(err.Error(), "loopback") || len(b.requests()) != 0 {
		t.Errorf("got %v and %d requests", err, len(b.requests()))
	}
}

func TestOtherSpellingsOfLoopbackAreRefused(t *testing.T) {
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost.", "[::]", "0", "[::ffff:7f00:1]"} {
		e := Endpoint{ID: "home", URL: "http://" + host + ":1/", Secret: "whsec_" + plain}
		s, err := New(e, &memory{}, slog.New(slog.DiscardHandler))
		if err != nil {
			continue // refused as it was read
		}
		err = s.Deliver(t.Context(), delivery())
		if wait(t, err); strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s was dialled: %v", host, err)
		}
	}
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	if client(false).Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy would see signatures and dial for us")
	}
}

func TestLedgerTrouble(t *testing.T) {
	b := newBench(t, status(http.StatusOK))
	b.ledger.getErr = errors.New("away")
	err := b.sender.Deliver(t.Context(), delivery())
	if !errors.Is(err, b.ledger.getErr) || len(b.requests()) != 0 {
		t.Errorf("cannot look: got %v and %d requests", err, len(b.requests()))
	}
	b.ledger.getErr, b.ledger.putErr = nil, errors.New("full")
	if err := b.sender.Deliver(t.Context(), delivery()); err != nil {
		t.Errorf("taken but not recorded: got %v", err)
	}
	if b.requests()[0].header.Get("Webhook-Id") != delivery().ID {
		t.Error("another id")
	}
}

func TestOurOwnEndIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if err := b.sender.Deliver(ctx, delivery()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(b.ledger.records) != 0 {
		t.Errorf("an attempt was counted: %+v", b.ledger.records)
	}
}
