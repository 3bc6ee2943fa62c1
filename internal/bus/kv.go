package bus

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/ordered"
)

// What a bucket answers.
var (
	// ErrNotFound says that there is no such key.
	ErrNotFound = errors.New("no such key")
	// ErrExists says that there is such a key already.
	ErrExists = errors.New("key exists")
	// ErrConflict says that the key has another revision than the one that was to be replaced.
	ErrConflict = errors.New("key was changed")
)

// KV is a bucket of JSON values of one type. Its keys are any text.
type KV[T any] struct {
	conn   *Conn
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	bucket string
}

// Entry is a key's value.
type Entry[T any] struct {
	Key      string
	Value    T
	Revision uint64
	Updated  time.Time // by the server's clock
}

// Change is what Watch sees: an entry as it is now, or as it was deleted.
type Change[T any] struct {
	Entry[T]
	Deleted bool // the value is then zero
}

// OpenKV opens a bucket that was declared. A server that is away is waited for until ctx ends.
func OpenKV[T any](ctx context.Context, c *Conn, bucket string) (*KV[T], error) {
	kv, err := c.Bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return &KV[T]{conn: c, js: c.js, kv: kv, bucket: bucket}, nil
}

// Bucket is the bucket as the client library has it, for leases.
func (c *Conn) Bucket(ctx context.Context, bucket string) (kv jetstream.KeyValue, err error) {
	err = c.patiently(ctx, func() (err error) {
		kv, err = c.js.KeyValue(ctx, bucket)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	return kv, nil
}

// Get returns the key's value, or ErrNotFound.
func (b *KV[T]) Get(ctx context.Context, key string) (Entry[T], error) {
	k, err := EncodeKey(key)
	if err != nil {
		return Entry[T]{}, b.wrap("get", key, err)
	}
	e, err := b.kv.Get(ctx, k)
	if err != nil {
		return Entry[T]{}, b.wrap("get", key, err)
	}
	entry := Entry[T]{Key: key, Revision: e.Revision(), Updated: e.Created()}
	if err := json.Unmarshal(e.Value(), &entry.Value); err != nil {
		return Entry[T]{}, b.wrap("get", key, err)
	}
	return entry, nil
}

// Put sets the key's value and returns its revision.
func (b *KV[T]) Put(ctx context.Context, key string, v T) (uint64, error) {
	return b.write(ctx, "put", key, v, func(ctx context.Context, k string, data []byte) (uint64, error) { return b.kv.Put(ctx, k, data) })
}

// Create sets the value of a key that is not there, or returns ErrExists.
func (b *KV[T]) Create(ctx context.Context, key string, v T) (uint64, error) {
	return b.write(ctx, "create", key, v, func(ctx context.Context, k string, data []byte) (uint64, error) { return b.kv.Create(ctx, k, data) })
}

// Update replaces the value of the given revision, or returns ErrConflict.
func (b *KV[T]) Update(ctx context.Context, key string, revision uint64, v T) (uint64, error) {
	return b.write(ctx, "update", key, v, func(ctx context.Context, k string, data []byte) (uint64, error) {
		return b.kv.Update(ctx, k, data, revision)
	})
}

func (b *KV[T]) write(
	ctx context.Context, operation, key string, v T, put func(ctx context.Context, key string, data []byte) (uint64, error),
) (uint64, error) {
	k, err := EncodeKey(key)
	if err != nil {
		return 0, b.wrap(operation, key, err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return 0, b.wrap(operation, key, err)
	}
	var revision uint64
	err = b.conn.stored(ctx, func(ctx context.Context) (err error) {
		revision, err = put(ctx, k, data)
		return err
	})
	if err != nil {
		return 0, b.wrap(operation, key, err)
	}
	return revision, nil
}

// Delete removes the key. Removing one that is not there is not an error.
func (b *KV[T]) Delete(ctx context.Context, key string) error {
	k, err := EncodeKey(key)
	if err == nil {
		err = b.conn.stored(ctx, func(ctx context.Context) error { return b.kv.Delete(ctx, k) })
	}
	if err != nil {
		return b.wrap("delete", key, err)
	}
	return nil
}

// List returns all entries, sorted by key.
func (b *KV[T]) List(ctx context.Context) ([]Entry[T], error) {
	latest := map[string]Change[T]{} // a key that is written meanwhile comes twice
	// There is no last sequence: an entry that is overwritten while the list is read moves to the end.
	for m, err := range ordered.Read(ctx, b.js, b.from(), math.MaxUint64) {
		if err != nil {
			return nil, fmt.Errorf("list bucket %s: %w", b.bucket, err)
		}
		c, err := b.change(m)
		if err != nil {
			return nil, fmt.Errorf("list bucket %s: %w", b.bucket, err)
		}
		latest[c.Key] = c
	}
	var list []Entry[T]
	for _, c := range latest {
		if !c.Deleted {
			list = append(list, c.Entry)
		}
	}
	slices.SortFunc(list, func(a, b Entry[T]) int { return cmp.Compare(a.Key, b.Key) })
	return list, nil
}

// Watch yields every entry there is and the last deletion of those that are no more, in the order in which they were
// written, then every change until ctx ends, through restarts of the server. Keys that end by age are not reported. A
// value that cannot be read is an error like any other step; an error of the bus is the last step.
func (b *KV[T]) Watch(ctx context.Context) iter.Seq2[Change[T], error] {
	return func(yield func(Change[T], error) bool) {
		for m, err := range ordered.Follow(ctx, b.js, b.from()) {
			if err != nil {
				yield(Change[T]{}, fmt.Errorf("watch bucket %s: %w", b.bucket, err))
				return
			}
			c, err := b.change(m)
			if err != nil {
				err = fmt.Errorf("watch bucket %s: %w", b.bucket, err)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// from names the stream under the bucket (NATS ADR-8).
func (b *KV[T]) from() ordered.From {
	return ordered.From{Stream: "KV_" + b.bucket, Subject: "$KV." + b.bucket + ".>"}
}

// change reads a message of the bucket's stream.
func (b *KV[T]) change(m jetstream.Msg) (c Change[T], err error) {
	if c.Key, err = DecodeKey(strings.TrimPrefix(m.Subject(), "$KV."+b.bucket+".")); err != nil {
		return c, err
	}
	meta, err := m.Metadata()
	if err != nil {
		return c, err
	}
	c.Revision, c.Updated = meta.Sequence.Stream, meta.Timestamp
	if m.Headers().Get("KV-Operation") != "" || m.Headers().Get(jetstream.MarkerReasonHeader) != "" {
		c.Deleted = true
		return c, nil
	}
	if err := json.Unmarshal(m.Data(), &c.Value); err != nil {
		return c, fmt.Errorf("key %q: %w", c.Key, err)
	}
	return c, nil
}

func (b *KV[T]) wrap(operation, key string, err error) error {
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrKeyDeleted):
		err = ErrNotFound
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		err = ErrConflict
	case operation == "create" && errors.Is(err, jetstream.ErrKeyExists):
		err = ErrExists
	}
	return fmt.Errorf("%s %s/%s: %w", operation, b.bucket, key, err)
}

// encodedMark begins a key that stands for another text. A plain key never begins with it.
const encodedMark = "="

var plainKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// EncodeKey returns the key under which a bucket keeps a text: the text itself if it is letters, digits, "-" and "_" of
// ASCII, else "=" and its base64 (RFC 4648, 5).
func EncodeKey(text string) (string, error) {
	const most = 512 // bytes; subjects are sent in one line of at most 4 KiB
	switch {
	case text == "" || len(text) > most:
		return "", fmt.Errorf("key of %d bytes: want 1 to %d", len(text), most)
	case !utf8.ValidString(text):
		return "", fmt.Errorf("key %q: want UTF-8", text)
	case plainKey.MatchString(text):
		return text, nil
	}
	return encodedMark + base64.RawURLEncoding.EncodeToString([]byte(text)), nil
}

// DecodeKey returns the text that EncodeKey encoded.
func DecodeKey(key string) (string, error) {
	encoded, ok := strings.CutPrefix(key, encodedMark)
	if !ok {
		if !plainKey.MatchString(key) {
			return "", fmt.Errorf("key %q: want a plain key or an encoded one", key)
		}
		return key, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("key %q: %w", key, err)
	}
	if again, err := EncodeKey(string(text)); err != nil || again != key {
		return "", fmt.Errorf("key %q: not encoded here", key)
	}
	return string(text), nil
}
