package people

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"image"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vigil/vision"
)

// A photo of these tests is a text: "face:" and who it shows, "small:" and who, "two", "pair", "wall",
// or "broken".

// read decodes it.
func read(name string, data []byte) (vision.Picture, error) {
	if strings.HasPrefix(string(data), "no picture") {
		return vision.Picture{}, fmt.Errorf("read picture %s: not a readable picture", name)
	}
	return vision.Picture{Width: 1, Height: 1, Pixels: photo(data)}, nil
}

// photo is such a text; nobody asks it for pixels.
type photo string

func (photo) Scale([]byte, int, int, int) error { return errBroken }

func (photo) Crop([]byte, image.Rectangle) error { return errBroken }

// engine finds faces in such photos.
type engine struct {
	id    string // the model's
	mu    sync.Mutex
	calls int
}

var errBroken = errors.New("the network is broken")

func (e *engine) Detect(p vision.Picture, faces []vision.Face) ([]vision.Face, error) {
	e.mu.Lock()
	e.calls++
	e.mu.Unlock()
	face := vision.Face{Box: vision.Box{W: 0.5, H: 0.5}, Score: 1}
	switch p.Pixels.(photo) {
	case "broken":
		return nil, errBroken
	case "two":
		return append(faces, face, face), nil
	case "pair": // Ann on the left, Bob on the right; the engine finds Bob first
		return append(faces,
			vision.Face{Box: vision.Box{X: 0.6, W: 0.3, H: 0.3}, Score: 1},
			vision.Face{Box: vision.Box{X: 0.1, W: 0.3, H: 0.3}, Score: 1}), nil
	case "wall":
		return faces, nil
	}
	return []vision.Face{face}, nil
}

func (e *engine) Embed(p vision.Picture, f vision.Face) (vision.Embedding, vision.Quality, error) {
	kind, who, _ := strings.Cut(string(p.Pixels.(photo)), ":")
	if kind == "pair" {
		who = map[bool]string{true: "Ann", false: "Bob"}[f.Box.X < 0.5]
	}
	who, _, _ = strings.Cut(who, "#")
	q := vision.Quality{EyeDistance: 60, Sharpness: 500, Light: 0.5, Inside: 1, Score: 1}
	if kind == "small" {
		q.EyeDistance = 5
	}
	hash := fnv.New32()
	_, _ = hash.Write([]byte(who))
	v := make(vision.Embedding, 257)
	v[hash.Sum32()%257] = 1
	return v, q, nil
}

func (e *engine) Model() vision.Model { return vision.Model{ID: e.id, Threshold: 0.5} }
func (e *engine) Close() error        { return nil }

func (e *engine) called() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}

// shelf is Records and Photos in memory. fail is asked ahead of every operation.
type shelf struct {
	mu      sync.Mutex
	people  map[string]Person
	photos  map[string][]byte
	fail    func(op, key string) error
	changed chan struct{}
}

func newShelf() *shelf {
	return &shelf{people: map[string]Person{}, photos: map[string][]byte{}, changed: make(chan struct{}, 100)}
}

func (s *shelf) do(ctx context.Context, op, key string, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.fail != nil {
		if err := s.fail(op, key); err != nil {
			return err
		}
	}
	return f()
}

func (s *shelf) setFail(fail func(op, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *shelf) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.photos))
}

type records struct{ *shelf }

func (r records) Get(ctx context.Context, name string) (p Person, err error) {
	err = r.do(ctx, "get record", name, func() error {
		var ok bool
		if p, ok = r.people[name]; !ok {
			return fmt.Errorf("bucket people: %w", ErrNotFound)
		}
		return nil
	})
	return p, err
}

func (r records) Put(ctx context.Context, p Person) error {
	return r.do(ctx, "put record", p.Name, func() error {
		r.people[p.Name] = p
		r.changed <- struct{}{}
		return nil
	})
}

func (r records) Delete(ctx context.Context, name string) error {
	return r.do(ctx, "delete record", name, func() error {
		delete(r.people, name)
		r.changed <- struct{}{}
		return nil
	})
}

func (r records) List(ctx context.Context) (all []Person, err error) {
	err = r.do(ctx, "list records", "", func() error {
		all = slices.Collect(maps.Values(r.people))
		return nil
	})
	return all, err
}

func (r records) Watch(ctx context.Context) iter.Seq2[struct{}, error] {
	return func(yield func(struct{}, error) bool) {
		for {
			if !yield(struct{}{}, nil) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-r.changed:
			}
		}
	}
}

type photos struct{ *shelf }

func (p photos) Put(ctx context.Context, key string, data []byte) error {
	return p.do(ctx, "put photo", key, func() error {
		p.photos[key] = data
		return nil
	})
}

func (p photos) Get(ctx context.Context, key string) (data []byte, err error) {
	err = p.do(ctx, "get photo", key, func() error {
		var ok bool
		if data, ok = p.photos[key]; !ok {
			return errors.New("no such object")
		}
		return nil
	})
	return data, err
}

func (p photos) Delete(ctx context.Context, key string) error {
	return p.do(ctx, "delete photo", key, func() error {
		delete(p.photos, key)
		return nil
	})
}

// house is a directory and the gallery that judges for it, on one shelf.
func house(t *testing.T) (*shelf, *Directory, *Gallery) {
	t.Helper()
	s := newShelf()
	g := &Gallery{
		Records: records{s}, Photos: photos{s}, Engine: &engine{id: "fake@1"}, Read: read,
		Roster: &vision.Roster{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	return s, &Directory{Records: records{s}, Photos: photos{s}, Judge: g.Judge}, g
}

// folder writes photos, file name to text, into a folder.
func folder(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func upload(texts ...string) []Upload {
	var all []Upload
	for i, text := range texts {
		all = append(all, Upload{File: fmt.Sprintf("%d.jpg", i+1), Data: []byte(text)})
	}
	return all
}
