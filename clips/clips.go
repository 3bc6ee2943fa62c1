// Package clips turns alerts into videos that last: it cuts the recorded fragments around an alert, keeps the result
// on disk until object storage has it for certain, and says so. It neither decodes nor transcodes, knows no bus, and
// makes no links. It imports alerts and frames; what writes the file and what stores it are clips/mp4 and clips/s3,
// handed in by whoever wires the program.
package clips

import (
	"context"
	"errors"
	"io"
	"iter"
	"path"
	"time"

	"vigil/frames"
)

// Errors of a Store. Both are normal: callers test for them.
var (
	// ErrNotFound says that the store holds no object of that key.
	ErrNotFound = errors.New("object not found")
	// ErrExists says that Put was asked to write only if nothing is there, and something is.
	ErrExists = errors.New("object exists")
)

// Content types of what a Recorder stores.
const (
	TypeMP4  = "video/mp4"
	TypeJPEG = "image/jpeg"
	TypeJSON = "application/json"
)

// Object describes a stored object.
type Object struct {
	Key         string
	Size        int64
	ContentType string    // empty in a listing
	SHA256      string    // hex, as it was put; empty in a listing and when something else wrote the object
	Modified    time.Time // by the store's clock
}

// PutOptions are the ways of Put.
type PutOptions struct {
	ContentType string
	IfAbsent    bool // answer ErrExists, and write nothing, when the key is taken
}

// Store keeps objects. Put is complete and durable when it returns nil, and may be repeated after any error.
// Keys are paths with "/" between their parts.
type Store interface {
	// Put stores all of body, from its start, together with its SHA-256.
	Put(ctx context.Context, key string, body io.ReadSeeker, opts PutOptions) error
	// Get opens an object for reading at any place, or answers ErrNotFound. ctx must outlive the reading.
	Get(ctx context.Context, key string) (io.ReadSeekCloser, Object, error)
	// Stat describes an object, or answers ErrNotFound.
	Stat(ctx context.Context, key string) (Object, error)
	// Delete removes an object; one that does not exist is no error.
	Delete(ctx context.Context, key string) error
	// List yields the objects whose keys begin with prefix, by key. It yields an error once, as its last step.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
}

// KeyFor is where a clip, its shot or its record lies: clips/<yyyy>/<mm>/<dd>/<camera>/<name><ext>, the day in UTC. The name
// is the alert, and of a long visit's further pieces the alert and their number: 01J….mp4, 01J…-2.mp4.
func KeyFor(camera frames.CameraID, name string, start time.Time, ext string) string {
	return path.Join("clips", start.UTC().Format("2006/01/02"), string(camera), name+ext)
}
