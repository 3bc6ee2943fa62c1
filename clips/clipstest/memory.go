// Package clipstest holds what keeps every clips.Store to the same contract: the suite, and a store in memory that
// passes it and can be made to fail. It is for tests and imports clips.
package clipstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/clips"
)

// Memory is a clips.Store in memory. Its zero value is empty and ready.
type Memory struct {
	// Before is asked ahead of every operation and After behind it, with the operation's name ("put", "get", "stat",
	// "delete", "list") and the key. An error of Before is answered with nothing done, one of After although all is
	// done: the two ways in which a remote store fails. Both may be nil.
	Before, After func(op, key string) error

	mu      sync.Mutex
	objects map[string]stored
}

type stored struct {
	clips.Object
	body []byte
}

var _ clips.Store = (*Memory)(nil)

// do runs an operation between its hooks, within which the store may be used.
func (m *Memory) do(ctx context.Context, op, key string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", op, key, err)
	}
	if m.Before != nil {
		if err := m.Before(op, key); err != nil {
			return fmt.Errorf("%s %s: %w", op, key, err)
		}
	}
	m.mu.Lock()
	err := f()
	m.mu.Unlock()
	if err == nil && m.After != nil {
		err = m.After(op, key)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", op, key, err)
	}
	return nil
}

// Put implements clips.Store.
func (m *Memory) Put(ctx context.Context, key string, body io.ReadSeeker, opts clips.PutOptions) error {
	return m.do(ctx, "put", key, func() error {
		if _, taken := m.objects[key]; taken && opts.IfAbsent {
			return clips.ErrExists
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if m.objects == nil {
			m.objects = map[string]stored{}
		}
		sum := sha256.Sum256(b)
		m.objects[key] = stored{body: b, Object: clips.Object{
			Key: key, Size: int64(len(b)), ContentType: opts.ContentType,
			SHA256: hex.EncodeToString(sum[:]), Modified: time.Now(),
		}}
		return nil
	})
}

type reader struct{ *bytes.Reader }

// Close implements io.Closer.
func (reader) Close() error { return nil }

// Get implements clips.Store.
func (m *Memory) Get(ctx context.Context, key string) (body io.ReadSeekCloser, object clips.Object, err error) {
	err = m.do(ctx, "get", key, func() error {
		o, ok := m.objects[key]
		if !ok {
			return clips.ErrNotFound
		}
		body, object = reader{bytes.NewReader(o.body)}, o.Object
		return nil
	})
	return body, object, err
}

// Stat implements clips.Store.
func (m *Memory) Stat(ctx context.Context, key string) (object clips.Object, err error) {
	err = m.do(ctx, "stat", key, func() error {
		o, ok := m.objects[key]
		if !ok {
			return clips.ErrNotFound
		}
		object = o.Object
		return nil
	})
	return object, err
}

// Delete implements clips.Store.
func (m *Memory) Delete(ctx context.Context, key string) error {
	return m.do(ctx, "delete", key, func() error {
		delete(m.objects, key)
		return nil
	})
}

// List implements clips.Store.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[clips.Object, error] {
	return func(yield func(clips.Object, error) bool) {
		var found []clips.Object
		err := m.do(ctx, "list", prefix, func() error {
			for _, key := range slices.Sorted(maps.Keys(m.objects)) {
				if o := m.objects[key].Object; strings.HasPrefix(key, prefix) {
					found = append(found, clips.Object{Key: key, Size: o.Size, Modified: o.Modified})
				}
			}
			return nil
		})
		if err != nil {
			yield(clips.Object{}, err)
			return
		}
		for _, o := range found {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Damage replaces an object's bytes behind the store's back, and leaves its description as it was when keep is set.
// Objects that do not exist are made.
func (m *Memory) Damage(key string, body []byte, keep bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.objects[key]
	o.body = body
	if !keep {
		o.Object = clips.Object{Key: key, Size: int64(len(body)), Modified: time.Now()}
	}
	if m.objects == nil {
		m.objects = map[string]stored{}
	}
	m.objects[key] = o
}
