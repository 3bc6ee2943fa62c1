package people

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func enrol(t *testing.T, d *Directory, name string, texts ...string) Person {
	t.Helper()
	p, err := d.Enrol(t.Context(), name, upload(texts...), Choices{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEnrol(t *testing.T) {
	s, d, _ := house(t)
	p := enrol(t, d, "Ann", "face:Ann", "wall", "face:Ann#2")
	if p.Source != FromEnrolment || len(p.Photos) != 3 || p.Updated.IsZero() {
		t.Fatalf("got %+v", p)
	}
	if last := p.Photos[2]; last.Used || last.File != "2.jpg" || !strings.HasPrefix(last.Verdict, "no face found: ") {
		t.Errorf("the photo that cannot be used: got %+v", last)
	}
	kept, err := records{s}.Get(t.Context(), "Ann")
	if err != nil || len(kept.Photos) != 2 || len(s.keys()) != 2 {
		t.Errorf("kept: got %+v, %v, photos %v, want the two that can be used", kept, err, s.keys())
	}
	for _, photo := range kept.Photos {
		if !photo.Used || !strings.HasPrefix(photo.Verdict, "ok") || photo.Key == "" || strings.Contains(photo.Key, "Ann") {
			t.Errorf("got %+v, want a photo in use under a key without the name", photo)
		}
	}
	if all, err := d.List(t.Context()); err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], kept) {
		t.Errorf("list: got %+v, %v", all, err)
	}
}

func TestEnrolMerges(t *testing.T) {
	s, d, _ := house(t)
	first := enrol(t, d, "Ann", "face:Ann", "face:Ann#2")
	second := enrol(t, d, "Ann", "face:Ann#2", "face:Ann#3")
	if len(second.Photos) != 3 || len(s.keys()) != 3 || !second.Updated.After(first.Updated) {
		t.Errorf("got %+v, photos %v, want three, the one that was there already once", second, s.keys())
	}
	if _, err := d.Enrol(t.Context(), "Bob", upload("face:Bob", "face:Bob#2", "face:Ann"), Choices{Force: true}); err != nil {
		t.Fatal(err)
	}
	if len(s.keys()) != 6 {
		t.Errorf("got %v, want Bob's photos apart from Ann's", s.keys())
	}
	if all, err := d.List(t.Context()); err != nil || all[0].Name != "Ann" || all[1].Name != "Bob" {
		t.Errorf("list: got %+v, %v, want them by name", all, err)
	}
}

func TestRefusedLeavesNothing(t *testing.T) {
	for text, want := range map[string]string{
		"wall": "1.jpg: no face found", "two": "1.jpg: 2 faces found", "small:Ann": "1.jpg: face too small",
		"no picture": "1.jpg: read picture 1.jpg: not a readable picture",
	} {
		s, d, _ := house(t)
		_, err := d.Enrol(t.Context(), "Ann", upload(text, text, "wall"), Choices{})
		refused, ok := errors.AsType[Refused](err)
		if !ok || len(refused.Photos) != 3 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if len(s.people) != 0 || len(s.keys()) != 0 {
			t.Errorf("%s: left %v, %v", text, s.people, s.keys())
		}
	}
}

// A photo of the record is refused when it is sent again to a stricter engine; it stays.
func TestRefusedKeepsWhatWasThere(t *testing.T) {
	s, d, g := house(t)
	enrol(t, d, "Ann", "face:Ann")
	d.Judge = func(ctx context.Context, a Application) (Judgement, error) {
		j, err := g.Judge(ctx, a)
		for i := range j.Photos {
			j.Photos[i].Used, j.Photos[i].Verdict = false, "too dark"
		}
		return j, err
	}
	if _, err := d.Enrol(t.Context(), "Ann", upload("face:Ann", "face:Ann#2"), Choices{}); err == nil {
		t.Error("got no error")
	}
	if len(s.keys()) != 1 || len(s.people["Ann"].Photos) != 1 {
		t.Errorf("got %v and %+v, want the first photo", s.keys(), s.people["Ann"])
	}
}

func TestConfiguredPeopleAreChangedInTheirFile(t *testing.T) {
	s, d, _ := house(t)
	s.people["Ann"] = Person{Name: "Ann", Source: FromConfiguration}
	if _, err := d.Enrol(t.Context(), "Ann", upload("face:Ann"), Choices{}); !errors.Is(err, ErrConfigured) || !strings.Contains(err.Error(), "Ann") {
		t.Errorf("enrol: got %v", err)
	}
	if _, err := d.Remove(t.Context(), "Ann"); !errors.Is(err, ErrConfigured) || !strings.Contains(err.Error(), "Ann") {
		t.Errorf("remove: got %v", err)
	}
	if len(s.people) != 1 || len(s.keys()) != 0 {
		t.Errorf("got %v, %v, want nothing changed", s.people, s.keys())
	}
}

func TestRemove(t *testing.T) {
	s, d, _ := house(t)
	enrol(t, d, "Ann", "face:Ann", "face:Ann#2")
	enrol(t, d, "Bob", "face:Bob")
	if _, err := d.Remove(t.Context(), "Ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Remove(t.Context(), "Ann"); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: got %v", err)
	}
	if len(s.people) != 1 || len(s.keys()) != 1 {
		t.Errorf("got %v, %v, want Bob only", s.people, s.keys())
	}
}

func TestErrorsLeaveNothing(t *testing.T) {
	broken := errors.New("out of order")
	for name, test := range map[string]struct {
		op   string
		nth  int // which of these operations fails
		left int // photos that stay
	}{
		"first photo":       {"put photo", 1, 0},
		"second photo":      {"put photo", 2, 0},
		"looking at it":     {"get photo", 1, 0},
		"reading record":    {"get record", 1, 0},
		"writing of record": {"put record", 1, 2}, // it may be there all the same
	} {
		s, d, _ := house(t)
		n := 0
		s.setFail(func(op, _ string) error {
			if op != test.op {
				return nil
			}
			if n++; n == test.nth {
				return broken
			}
			return nil
		})
		if _, err := d.Enrol(t.Context(), "Ann", upload("face:Ann", "face:Ann#2"), Choices{}); !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
		if len(s.people) != 0 || len(s.keys()) != test.left {
			t.Errorf("%s: left %v, %v", name, s.people, s.keys())
		}
	}
	s, d, _ := house(t)
	if _, err := d.Enrol(t.Context(), "Ann", upload("broken"), Choices{}); !errors.Is(err, errBroken) {
		t.Errorf("broken engine: got %v, want no verdict", err)
	}
	d.Judge = func(context.Context, Application) (Judgement, error) { return Judgement{}, nil }
	if _, err := d.Enrol(t.Context(), "Ann", upload("face:Ann"), Choices{}); err == nil || !strings.Contains(err.Error(), "0 verdicts for 1") {
		t.Errorf("no verdict: got %v", err)
	}
	if len(s.people) != 0 || len(s.keys()) != 0 {
		t.Errorf("left %v, %v", s.people, s.keys())
	}
}

func TestOneWhoLeavesLeavesNothing(t *testing.T) {
	s, d, _ := house(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.Judge = func(ctx context.Context, _ Application) (Judgement, error) {
		cancel()
		return Judgement{}, ctx.Err()
	}
	if _, err := d.Enrol(ctx, "Ann", upload("face:Ann"), Choices{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(s.keys()) != 0 {
		t.Errorf("left %v", s.keys())
	}
}

func TestEnrolmentsAtOnceLoseNoPhoto(t *testing.T) {
	s, d, _ := house(t)
	var all sync.WaitGroup
	for _, text := range []string{"face:Ann#1", "face:Ann#2", "face:Ann#3", "face:Ann#4"} {
		all.Go(func() {
			if _, err := d.Enrol(t.Context(), "Ann", upload(text), Choices{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(s.people["Ann"].Photos); got != 4 {
		t.Errorf("got %d photos on record, want 4", got)
	}
}
