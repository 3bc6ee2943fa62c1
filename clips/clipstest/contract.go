package clipstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"vigil/clips"
)

// Contract runs what every clips.Store must do. open makes a store without objects.
func Contract(t *testing.T, open func(t *testing.T) clips.Store) {
	t.Run("put and get", func(t *testing.T) { putAndGet(t, open(t)) })
	t.Run("read at any place", func(t *testing.T) { readAnywhere(t, open(t)) })
	t.Run("overwrite", func(t *testing.T) { overwrite(t, open(t)) })
	t.Run("if absent", func(t *testing.T) { ifAbsent(t, open(t)) })
	t.Run("one of many wins", func(t *testing.T) { oneWins(t, open(t)) })
	t.Run("not found", func(t *testing.T) { notFound(t, open(t)) })
	t.Run("list", func(t *testing.T) { list(t, open(t)) })
	t.Run("delete while listing", func(t *testing.T) { deleteListed(t, open(t)) })
	t.Run("keys", func(t *testing.T) { keys(t, open(t)) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, open(t)) })
}

func put(t *testing.T, s clips.Store, key string, body []byte, opts clips.PutOptions) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader(body), opts); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func wantBody(t *testing.T, s clips.Store, key string, want []byte) {
	t.Helper()
	body, object, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	got, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if !bytes.Equal(got, want) || object.Size != int64(len(want)) {
		t.Errorf("%s: got %d bytes, said to be %d, want the %d that were put", key, len(got), object.Size, len(want))
	}
}

// pattern makes n bytes of which no two stretches are the same.
func pattern(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	sum := sha256.Sum256([]byte("pattern"))
	for len(b) < n {
		b = append(b, sum[:]...)
		sum = sha256.Sum256(sum[:])
	}
	return b[:n]
}

func putAndGet(t *testing.T, s clips.Store) {
	begin := time.Now()
	for key, body := range map[string][]byte{
		"clips/2026/11/22/door/01J.mp4": pattern(300 << 10),
		"shots/one.jpg":                 []byte("x"),
	} {
		source := bytes.NewReader(body)
		if _, err := source.Seek(1, io.SeekStart); err != nil { // all of it is stored, wherever it stands
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), key, source, clips.PutOptions{ContentType: "video/mp4"}); err != nil {
			t.Fatal(err)
		}
		wantBody(t, s, key, body)
		o, err := s.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		want := clips.Object{Key: key, Size: int64(len(body)), ContentType: "video/mp4", SHA256: hex.EncodeToString(sum[:])}
		if o.Modified.Sub(begin).Abs() > time.Minute {
			t.Errorf("%s: modified %v, want about %v", key, o.Modified, begin)
		}
		if o.Modified = (time.Time{}); o != want {
			t.Errorf("%s: got %+v, want %+v", key, o, want)
		}
	}
}

func readAnywhere(t *testing.T, s clips.Store) {
	want := pattern(256 << 10)
	put(t, s, "clip.mp4", want, clips.PutOptions{ContentType: "video/mp4"})
	body, _, err := s.Get(t.Context(), "clip.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}()
	if n, err := body.Seek(0, io.SeekEnd); err != nil || n != int64(len(want)) {
		t.Fatalf("end: got %d, %v, want %d", n, err, len(want))
	}
	for _, at := range []int64{200_000, 0, 100, int64(len(want)) - 10} {
		if _, err := body.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 10)
		if _, err := io.ReadFull(body, got); err != nil {
			t.Fatalf("read at %d: %v", at, err)
		}
		if !bytes.Equal(got, want[at:at+10]) {
			t.Errorf("read at %d: got other bytes", at)
		}
	}
	if n, err := body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: got %d bytes and %v, want EOF", n, err)
	}
}

func overwrite(t *testing.T, s clips.Store) {
	put(t, s, "clip.mp4", pattern(10_000), clips.PutOptions{ContentType: "video/mp4"})
	put(t, s, "clip.mp4", []byte("shorter"), clips.PutOptions{ContentType: "text/plain"})
	wantBody(t, s, "clip.mp4", []byte("shorter"))
	if o, err := s.Stat(t.Context(), "clip.mp4"); err != nil || o.ContentType != "text/plain" {
		t.Errorf("got %+v, %v, want text/plain", o, err)
	}
}

func ifAbsent(t *testing.T, s clips.Store) {
	opts := clips.PutOptions{ContentType: "video/mp4", IfAbsent: true}
	put(t, s, "clip.mp4", []byte("first"), opts)
	if err := s.Put(t.Context(), "clip.mp4", bytes.NewReader([]byte("second")), opts); !errors.Is(err, clips.ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	wantBody(t, s, "clip.mp4", []byte("first"))
	if err := s.Delete(t.Context(), "clip.mp4"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "clip.mp4", []byte("third"), opts)
	wantBody(t, s, "clip.mp4", []byte("third"))
}

func oneWins(t *testing.T, s clips.Store) {
	const many = 8
	results := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + i)}, 1000+i)
			results[i] = s.Put(t.Context(), "clip.mp4", bytes.NewReader(body), clips.PutOptions{IfAbsent: true})
		})
	}
	wg.Wait()
	winner := slices.Index(results, nil)
	if winner < 0 {
		t.Fatalf("nobody won: %v", results)
	}
	for i, err := range results {
		if i != winner && !errors.Is(err, clips.ErrExists) {
			t.Errorf("writer %d: got %v, want ErrExists, since %d won", i, err, winner)
		}
	}
	wantBody(t, s, "clip.mp4", bytes.Repeat([]byte{byte('a' + winner)}, 1000+winner))
}

func notFound(t *testing.T, s clips.Store) {
	if _, err := s.Stat(t.Context(), "clips/none.mp4"); !errors.Is(err, clips.ErrNotFound) {
		t.Errorf("stat: got %v, want ErrNotFound", err)
	}
	if _, _, err := s.Get(t.Context(), "clips/none.mp4"); !errors.Is(err, clips.ErrNotFound) {
		t.Errorf("get: got %v, want ErrNotFound", err)
	}
	if err := s.Delete(t.Context(), "clips/none.mp4"); err != nil {
		t.Errorf("delete: got %v, want nil", err)
	}
	for o, err := range s.List(t.Context(), "clips/") {
		t.Errorf("list: got %+v, %v, want nothing", o, err)
	}
	put(t, s, "clips/some.mp4", []byte("x"), clips.PutOptions{})
	if err := s.Delete(t.Context(), "clips/some.mp4"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "clips/some.mp4"); !errors.Is(err, clips.ErrNotFound) {
		t.Errorf("stat after delete: got %v, want ErrNotFound", err)
	}
}

func list(t *testing.T, s clips.Store) {
	var want []string
	for i := range 12 {
		key := fmt.Sprintf("clips/2026/11/22/door/%02d.mp4", 11-i)
		put(t, s, key, []byte("some"), clips.PutOptions{ContentType: "video/mp4"})
		want = append(want, key)
	}
	put(t, s, "clips/2026/11/23/door/00.mp4", []byte("x"), clips.PutOptions{})
	put(t, s, "shots/door/00.jpg", []byte("x"), clips.PutOptions{})
	slices.Sort(want)

	var got []string
	for o, err := range s.List(t.Context(), "clips/2026/11/22/") {
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != 4 || o.Modified.IsZero() {
			t.Errorf("got %+v, want 4 bytes and a time", o)
		}
		got = append(got, o.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	n := 0
	for _, err := range s.List(t.Context(), "clips/") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
}

// deleteListed deletes what a listing yields, over more keys than services answer at once (1000), and leaves off before its
// end: each key comes once, in order, and only what was deleted is gone.
func deleteListed(t *testing.T, s clips.Store) {
	const days, each, stays = 3, 350, 20
	var writers sync.WaitGroup
	for day := range days {
		for part := range 7 {
			writers.Go(func() {
				for i := part; i < each; i += 7 {
					key := fmt.Sprintf("clips/2026/11/%02d/door/%03d.mp4", day+1, i)
					if err := s.Put(t.Context(), key, bytes.NewReader([]byte("x")), clips.PutOptions{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	writers.Wait()
	n, before := 0, ""
	for o, err := range s.List(t.Context(), "clips/") {
		if err != nil {
			t.Fatal(err)
		}
		if n == days*each-stays {
			break
		}
		n++
		if o.Key <= before {
			t.Fatalf("got %s after %s", o.Key, before)
		}
		before = o.Key
		if err := s.Delete(t.Context(), o.Key); err != nil {
			t.Fatal(err)
		}
	}
	for o, err := range s.List(t.Context(), "clips/") {
		if err != nil || o.Key <= before {
			t.Fatalf("got %q, %v, want only what follows %s", o.Key, err, before)
		}
		n++
	}
	if n != days*each {
		t.Errorf("got %d keys in both listings, want %d", n, days*each)
	}
}

// keys checks that odd names are kept apart and come back as they were.
func keys(t *testing.T, s clips.Store) {
	odd := []string{"odd/a b.mp4", "odd/a+b.mp4", "odd/a%20b.mp4", "odd/é日本.mp4", "odd/a&b=c?d.mp4"}
	for _, key := range odd {
		put(t, s, key, []byte(key), clips.PutOptions{})
	}
	for _, key := range odd {
		wantBody(t, s, key, []byte(key))
	}
	n := 0
	for o, err := range s.List(t.Context(), "odd/") {
		if n++; err != nil || !slices.Contains(odd, o.Key) {
			t.Errorf("list: got %q, %v", o.Key, err)
		}
	}
	if n != len(odd) {
		t.Errorf("list: got %d keys, want %d", n, len(odd))
	}
}

func cancelled(t *testing.T, s clips.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "clip.mp4", bytes.NewReader([]byte("x")), clips.PutOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("put: got %v, want context.Canceled", err)
	}
	if _, err := s.Stat(ctx, "clip.mp4"); !errors.Is(err, context.Canceled) {
		t.Errorf("stat: got %v, want context.Canceled", err)
	}
	if _, err := s.Stat(t.Context(), "clip.mp4"); !errors.Is(err, clips.ErrNotFound) {
		t.Errorf("stat afterwards: got %v, want ErrNotFound", err)
	}
}
