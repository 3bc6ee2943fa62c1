package config

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "a")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var seen atomic.Int64
		go Watch(ctx, path, func() { seen.Add(1) })
		put := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after := func(what string, want int) {
			t.Helper()
			time.Sleep(3 * watchEvery)
			synctest.Wait()
			if changes := int(seen.Load()); changes != want {
				t.Errorf("%s: got %d changes, want %d", what, changes, want)
			}
		}
		after("nothing", 0)
		put("b")
		after("another content", 1)
		put("b")
		after("written again", 1)
		next := filepath.Join(filepath.Dir(path), "next")
		if err := os.WriteFile(next, []byte("c"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Fatal(err)
		}
		after("another file in its place", 2)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		after("no file", 2)
		put("c")
		after("the same is back", 2)
		for _, text := range []string{"d", "de", "def"} { // one that is being written is waited for
			put(text)
			time.Sleep(watchEvery)
			synctest.Wait()
			if changes := seen.Load(); changes != 2 {
				t.Errorf("%q: got %d changes while it is written, want 2", text, changes)
			}
		}
		after("all written", 3)
	})
}

func TestChanged(t *testing.T) {
	a, b := Default(), Default()
	if got := Changed(a, b); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
	a.Cameras = []Camera{}
	b.HTTP.Listen, b.Quality.MaxYaw, b.Retention.Clips = "x", 1, 1
	b.Rules = []Rule{{Name: "a", Schedule: []Window{{From: "1:00"}}}}
	if got, want := Changed(a, b), []string{"http.listen", "quality.max_yaw", "rules", "retention.clips"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
