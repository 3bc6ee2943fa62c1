package alertstest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/vision"
)

// TestStore holds what open returns, an empty store, to the contract of alerts.Store.
func TestStore(t *testing.T, open func(t *testing.T) alerts.Store) {
	t.Run("what is kept comes back whole", func(t *testing.T) {
		s, v := open(t), visit("01JTEST0000000000000000001")
		created, err := s.Create(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(t.Context(), v.Alert.ID)
		if err != nil {
			t.Fatal(err)
		}
		v.Revision = created.Revision
		if !reflect.DeepEqual(got, v) {
			t.Errorf("got  %+v\nwant %+v", got, v)
		}
	})
	t.Run("an alert is created once", func(t *testing.T) {
		s, v := open(t), visit("01JTEST0000000000000000001")
		if _, err := s.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), v); !errors.Is(err, alerts.ErrExists) {
			t.Errorf("got %v, want ErrExists", err)
		}
	})
	t.Run("an update needs the latest revision", func(t *testing.T) {
		s, v := open(t), visit("01JTEST0000000000000000001")
		first, err := s.Create(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		first.Corrected = first.Seen
		second, err := s.Update(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(t.Context(), first); !errors.Is(err, alerts.ErrConflict) {
			t.Errorf("update of an old revision: got %v, want ErrConflict", err)
		}
		if _, err := s.Update(t.Context(), second); err != nil {
			t.Errorf("update of the latest revision: %v", err)
		}
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		s := open(t)
		if _, err := s.Get(t.Context(), "01JTEST0000000000000000009"); !errors.Is(err, alerts.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	})
	t.Run("all are listed", func(t *testing.T) { testList(t, open(t)) })
}

func testList(t *testing.T, s alerts.Store) {
	if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("empty store: got %d visits, %v", len(all), err)
	}
	want := []string{"01JTEST0000000000000000001", "01JTEST0000000000000000002"}
	for _, id := range want {
		if _, err := s.Create(t.Context(), visit(id)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range all {
		got = append(got, v.Alert.ID)
		if _, err := s.Update(t.Context(), v); err != nil {
			t.Errorf("a listed visit has the latest revision: %v", err)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func visit(id string) alerts.Visit {
	at := time.Date(2026, 11, 22, 20, 15, 31, 204_000_000, time.UTC)
	return alerts.Visit{
		Alert: alerts.Alert{
			ID: id, Camera: "door", OpenedAt: alerts.Time{Time: at}, ClosedAt: &alerts.Time{Time: at}, Rule: "strangers",
			Decision: vision.Unknown, Stranger: "s-7f3a", Visits: 1, Score: 0.19,
			Nearest: &alerts.Nearest{Person: "Resident <script> & Co", Score: 0.19},
		},
		Stranger: "s-7f3a", Start: at, Seen: at.Add(time.Microsecond),
		Tracks:  map[string]alerts.VisitTrack{"door/e1/90000-0": {Camera: "door", Seen: at, Ended: true}},
		ShotKey: "shots/door/1.jpg", ShotScore: 0.8, ClipState: alerts.ClipMade,
		Job:  &alerts.ClipJob{Alert: id, Camera: "door", Start: at, End: at, Record: []byte(`{"id":1}`)},
		Clip: &alerts.Clip{Key: "k", Codec: "h264", Start: alerts.Time{Time: at}, End: alerts.Time{Time: at}},
		Pending: []alerts.Pending{{
			Notice: alerts.Notice{ID: "e", Type: alerts.Opened, Camera: "door", Body: []byte(`{"a":"\u003cb\u003e"}`)},
			Done:   []string{"bus"},
		}},
		Issued: []alerts.EventType{alerts.Opened}, Corrected: at.Add(time.Microsecond),
	}
}
