package jetstream_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/alerts/jetstream"
	"vigil/alerts/webhook"
)

// TestInOrder: what fails comes again before what is behind it, other endpoints' deliveries are not touched, and what came
// of it is recorded as of any endpoint.
func TestInOrder(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, t.TempDir())
	ledger, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 3 {
		n, err := alerts.NewNotice(alerts.NewTest(time.Now().Add(time.Duration(i)), alertstest.Links{}))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, n.ID)
		for _, endpoint := range []string{"mqtt", "home"} {
			if err := jetstream.NewOutbox(c).Enqueue(t.Context(), n, endpoint); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	tries := 0
	err = jetstream.NewInOrder(c, ledger, "mqtt", slog.New(slog.DiscardHandler)).Consume(ctx, func(_ context.Context, n alerts.Notice) error {
		if tries++; tries < 3 {
			return errors.New("the broker is away")
		}
		if n.Camera != "test" || n.Type != alerts.Test {
			t.Errorf("got %+v", n)
		}
		got = append(got, n.ID)
		if len(got) == len(want) {
			cancel()
		}
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	rec, err := ledger.Get(t.Context(), webhook.Delivery{ID: want[0], Endpoint: "mqtt"}.Key())
	if err != nil || !rec.Delivered || rec.Attempts != 3 || len(rec.Log) != 3 || rec.Log[0].Reason != "the broker is away" {
		t.Errorf("got %+v, %v", rec, err)
	}
	if s, err := ledger.Standing(t.Context(), "mqtt"); err != nil || s.Failures != 0 || s.Taken.IsZero() {
		t.Errorf("got %+v, %v", s, err)
	}
	if n, err := jetstream.Outstanding(t.Context(), c, "home"); err == nil && n != 0 && n != 3 {
		t.Errorf("home: got %d outstanding", n)
	}
}
