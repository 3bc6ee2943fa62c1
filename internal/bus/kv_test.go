package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"vigil/internal/bus"
)

func people(t *testing.T, c *bus.Conn) *bus.KV[note] {
	t.Helper()
	kv, err := bus.OpenKV[note](t.Context(), c, bus.People)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func TestKV(t *testing.T) {
	c, _ := declared(t)
	kv, ctx := people(t, c), t.Context()
	const name = "Jürgen Müller, 3. Stock / *.>"
	if _, err := kv.Get(ctx, name); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("get: got %v, want %v", err, bus.ErrNotFound)
	}
	first, err := kv.Create(ctx, name, note{ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Create(ctx, name, note{ID: "2"}); !errors.Is(err, bus.ErrExists) {
		t.Errorf("create again: got %v, want %v", err, bus.ErrExists)
	}
	second, err := kv.Update(ctx, name, first, note{ID: "3"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Update(ctx, name, first, note{ID: "4"}); !errors.Is(err, bus.ErrConflict) {
		t.Errorf("update of an old revision: got %v, want %v", err, bus.ErrConflict)
	}
	e, err := kv.Get(ctx, name)
	if err != nil || e.Key != name || e.Value.ID != "3" || e.Revision != second || e.Updated.IsZero() {
		t.Errorf("got %+v, %v, want revision %d of %s", e, err, second, name)
	}
	for range 2 {
		if err := kv.Delete(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kv.Get(ctx, name); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("get of a deleted key: got %v, want %v", err, bus.ErrNotFound)
	}
	if _, err := kv.Create(ctx, name, note{ID: "5"}); err != nil {
		t.Errorf("create of a deleted key: %v", err)
	}
	for _, key := range []string{"", "\xff"} {
		if _, err := kv.Put(ctx, key, note{}); err == nil {
			t.Errorf("got no error for the key %q", key)
		}
	}
	if _, err := bus.OpenKV[note](ctx, c, "nowhere"); err == nil {
		t.Error("got no error for a bucket that is not there")
	}
}

func TestKVList(t *testing.T) {
	c, _ := declared(t)
	kv := people(t, c)
	if list, err := kv.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v, want nothing", list, err)
	}
	for i := range 50 {
		if _, err := kv.Put(t.Context(), fmt.Sprintf("ä%02d", i), note{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := kv.Delete(t.Context(), "ä00"); err != nil {
		t.Fatal(err)
	}
	list, err := kv.List(t.Context())
	if err != nil || len(list) != 49 {
		t.Fatalf("got %d entries, %v, want 49", len(list), err)
	}
	for i, e := range list {
		if e.Key != fmt.Sprintf("ä%02d", i+1) || e.Value.ID != fmt.Sprint(i+1) {
			t.Errorf("entry %d: got %+v", i, e)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := kv.List(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v: not looked is not nothing found", err, context.Canceled)
	}
}

func TestKVWatch(t *testing.T) {
	c, b := declared(t)
	kv := people(t, c)
	put := func(key, id string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for {
			_, err := kv.Put(ctx, key, note{ID: id})
			if err == nil {
				return
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
	}
	put("anna", "1")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	step := 0
	for change, err := range kv.Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(change.Key, " ", change.Value.ID, " ", change.Deleted)
		want := []string{"anna 1 false", "bert 2 false", "anna  true", "carla 3 false"}[step]
		if got != want {
			t.Fatalf("step %d: got %q, want %q", step, got, want)
		}
		switch step++; step {
		case 1:
			put("bert", "2")
		case 2:
			if err := kv.Delete(t.Context(), "anna"); err != nil {
				t.Fatal(err)
			}
		case 3:
			b.Stop()
			b.Start(t)
			put("carla", "3")
		case 4:
			cancel()
		}
	}
	if step != 4 {
		t.Errorf("got %d changes, want 4", step)
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"anna", "Jürgen", "a.b", "=YQ", "", "\xff", "a b", "*", ">", "-_"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if key, err := bus.EncodeKey(s); err == nil {
			if back, err := bus.DecodeKey(key); err != nil || back != s {
				t.Errorf("got %q, %v back from %q, want %q", back, err, key, s)
			}
		}
		if text, err := bus.DecodeKey(s); err == nil && len(s) <= 512 {
			if again, err := bus.EncodeKey(text); err != nil || again != s {
				t.Errorf("got %q, %v for %q, want %q", again, err, text, s)
			}
		}
	})
}
