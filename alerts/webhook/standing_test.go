package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// queue are deliveries that wait for one endpoint, as the bus would hand them out.
type queue struct {
	b     *bench
	due   map[string]time.Time
	taken []string
	dead  map[string]string
}

func newQueue(b *bench, n int) *queue {
	q := &queue{b: b, due: make(map[string]time.Time), dead: make(map[string]string)}
	for i := range n {
		q.due[fmt.Sprintf("%03d-alert-opened", i)] = b.now
	}
	return q
}

// pass lets time pass in steps and makes the deliveries that are due; each is looked at again after five minutes.
func (q *queue) pass(t *testing.T, d, step time.Duration) {
	t.Helper()
	created := q.b.now
	for end := q.b.now.Add(d); q.b.now.Before(end); q.b.now = q.b.now.Add(step) {
		for id, at := range q.due {
			if at.After(q.b.now) {
				continue
			}
			err := q.b.sender.Deliver(t.Context(), Delivery{ID: id, Endpoint: "home", Created: created, Body: []byte("{}")})
			later, waits := errors.AsType[*LaterError](err)
			dead, isDead := errors.AsType[*DeadError](err)
			switch {
			case err == nil:
				q.taken = append(q.taken, id)
				delete(q.due, id)
			case waits:
				q.due[id] = q.b.now.Add(min(later.After, 5*time.Minute))
			case isDead:
				q.dead[id] = dead.Reason
				delete(q.due, id)
			default:
				t.Fatal(err)
			}
		}
	}
}

func TestDeadEndpointIsProbedAndItsBacklogFlows(t *testing.T) {
	b := newBench(t, status(http.StatusServiceUnavailable))
	q := newQueue(b, 100)
	q.pass(t, time.Hour, 5*time.Second)
	// Five failures, a probe every ten seconds while they are fresh, then one every five minutes: without the breaker it
	// would be 400 attempts.
	if n := len(b.requests()); n < 10 || n > 30 {
		t.Errorf("got %d attempts in an hour, want some 25", n)
	}
	if st := b.ledger.stands["home"]; !st.Probed() || st.Next.IsZero() || st.Status != 503 || st.Since.IsZero() {
		t.Errorf("got %+v", st)
	}
	b.answerWith(status(http.StatusOK))
	q.pass(t, 11*time.Minute, time.Second)
	if len(q.taken) != 100 || len(q.due) != 0 {
		t.Errorf("ten minutes after it came back %d of 100 are delivered", len(q.taken))
	}
	if st := b.ledger.stands["home"]; st.Failures != 0 || !st.Next.IsZero() || st.Taken.IsZero() || !st.Since.IsZero() {
		t.Errorf("got %+v", st)
	}
}

func TestEndpointThatStaysAwayIsGivenUp(t *testing.T) {
	b := newBench(t, status(http.StatusBadGateway))
	q := newQueue(b, 30)
	q.pass(t, 100*time.Hour, time.Minute)
	if len(q.dead) != 30 {
		t.Fatalf("got %d given up, want all 30", len(q.dead))
	}
	for id, reason := range q.dead {
		if !strings.Contains(reason, "502") {
			t.Errorf("%s: got %s", id, reason)
		}
	}
	if n := len(b.requests()); n > 100*12+5 {
		t.Errorf("got %d attempts in 100 h, want a probe in five minutes at most", n)
	}
}

func TestOneBadEventKeepsItsSchedule(t *testing.T) {
	b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("webhook-id"), "000") {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	q := newQueue(b, 20)
	q.pass(t, time.Hour, 5*time.Second)
	if len(q.taken) != 19 {
		t.Errorf("got %d delivered, want the other 19", len(q.taken))
	}
	if rec := b.ledger.records["home_000-alert-opened"]; rec.Attempts != 4 || len(rec.Log) != 4 || rec.Log[3].Status != 400 {
		t.Errorf("got %+v, want four attempts in the first hour", rec)
	}
}

func TestRetryAfterIsForTheWholeEndpoint(t *testing.T) {
	b := newBench(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	q := newQueue(b, 50)
	q.pass(t, 9*time.Minute, 10*time.Second)
	if n := len(b.requests()); n != 1 {
		t.Errorf("got %d attempts, want none after the first", n)
	}
	if err := Enable(t.Context(), b.ledger, "home", b.now); err != nil {
		t.Fatal(err)
	}
	b.answerWith(status(http.StatusOK))
	q.pass(t, 6*time.Minute, time.Second)
	if len(q.taken) != 50 {
		t.Errorf("enabled: got %d of 50", len(q.taken))
	}
}

// TestOneProbeOfAll: of two processes that deliver to one endpoint, one probes.
func TestOneProbeOfAll(t *testing.T) {
	b := newBench(t, status(http.StatusInternalServerError))
	q := newQueue(b, tolerated)
	q.pass(t, time.Second, time.Second)
	other, err := New(Endpoint{ID: "home", URL: b.url, Secret: "whsec_" + plain, AllowPrivate: true}, b.ledger, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.Now = func() time.Time { return b.now }
	b.now = b.now.Add(lastProbe)
	asked := len(b.requests())
	fresh := func(id string) Delivery { return Delivery{ID: id, Endpoint: "home", Created: b.now} }
	b.answerWith(func(w http.ResponseWriter, r *http.Request) {
		// While the probe is on its way, another delivery has to wait.
		if later, ok := errors.AsType[*LaterError](other.Deliver(r.Context(), fresh("b"))); !ok || later.After > probing+2*time.Second {
			t.Errorf("got %+v, want it to wait for the probe", later)
		}
		w.WriteHeader(http.StatusOK)
	})
	if err := b.sender.Deliver(t.Context(), fresh("a")); err != nil {
		t.Error(err)
	}
	if n := len(b.requests()) - asked; n != 1 {
		t.Errorf("got %d attempts, want the probe alone", n)
	}
	if rec := b.ledger.records["home_b"]; rec.Attempts != 0 {
		t.Errorf("waiting used up %d attempts", rec.Attempts)
	}
}

// TestFreshAlarmNeedNotWaitForAProbe: a receiver that has come back gets a new alarm at once, and one that has not is
// asked every ten seconds at most, however many alarms there are.
func TestFreshAlarmNeedNotWaitForAProbe(t *testing.T) {
	b := newBench(t, status(http.StatusBadGateway))
	newQueue(b, 10).pass(t, time.Hour, time.Second)
	asked := len(b.requests())
	alarm := func(n int) Delivery {
		return Delivery{ID: fmt.Sprint("alarm-", n), Endpoint: "home", Created: b.now, Body: []byte("{}")}
	}
	for n := range 60 {
		wait(t, b.sender.Deliver(t.Context(), alarm(n)))
		b.now = b.now.Add(time.Second)
	}
	if n := len(b.requests()) - asked; n < 5 || n > 7 {
		t.Errorf("got %d attempts in a minute of alarms, want six", n)
	}
	b.answerWith(status(http.StatusOK))
	b.now = b.now.Add(freshProbe)
	if st := b.ledger.stands["home"]; !st.Next.After(b.now) {
		t.Fatalf("a probe is due anyway: %+v", st)
	}
	if err := b.sender.Deliver(t.Context(), alarm(99)); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestClockIsSet: a day ahead or back, nothing waits for a day, and nothing storms.
func TestClockIsSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": 24 * time.Hour, "back": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, status(http.StatusServiceUnavailable))
			q := newQueue(b, 20)
			q.pass(t, 10*time.Minute, time.Second)
			asked := len(b.requests())
			b.now = b.now.Add(jump)
			for id := range q.due { // the bus has its own clock: they come when they were to come
				q.due[id] = b.now.Add(time.Second)
			}
			q.pass(t, 10*time.Minute, time.Second)
			if n := len(b.requests()) - asked; n < 1 || n > 10 {
				t.Errorf("got %d attempts in ten minutes, want some, and no storm", n)
			}
			last := b.requests()[len(b.requests())-1].header.Get("webhook-timestamp")
			at, err := strconv.ParseInt(last, 10, 64)
			if err != nil || b.now.Unix()-at > 660 || b.now.Unix() < at {
				t.Errorf("got timestamp %s at %d, want the clock's", last, b.now.Unix())
			}
			b.answerWith(status(http.StatusOK))
			q.pass(t, 35*time.Minute, time.Second) // the third retry of one is after half an hour
			if len(q.taken) != 20 {
				t.Errorf("it is back, and %d of 20 are delivered", len(q.taken))
			}
		})
	}
}

func TestAnotherURLIsNotGone(t *testing.T) {
	gone := Standing{}.after(Result{Outcome: Gone, Status: 410}, digest("https://a"), time.Unix(1, 0), 0.5)
	if !gone.Disabled("https://a") || gone.Disabled("https://b") || gone.Since != time.Unix(1, 0) {
		t.Errorf("got %+v", gone)
	}
	if late := gone.after(Result{Outcome: Retry}, digest("https://a"), time.Unix(2, 0), 0.5); !late.Disabled("https://a") {
		t.Error("an attempt that was on its way enables it again")
	}
	if moved := gone.after(Result{Outcome: Retry}, digest("https://b"), time.Unix(2, 0), 0.5); moved.Gone != "" {
		t.Error("another url is still gone")
	}
}

func TestRecordsKeepTheLatestAttempts(t *testing.T) {
	var rec Record
	for n := range 3 * maxLog {
		before := rec
		rec = rec.note(Attempt{Status: n})
		if len(before.Log) > 0 && before.Log[0].Status == rec.Log[0].Status && len(before.Log) == maxLog {
			t.Fatalf("attempt %d: the oldest is still there", n)
		}
	}
	if len(rec.Log) != maxLog || rec.Log[maxLog-1].Status != 3*maxLog-1 || rec.Attempts != 3*maxLog {
		t.Errorf("got %+v", rec)
	}
}
