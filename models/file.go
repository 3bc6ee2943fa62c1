package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxBytes bounds a file whose entry does not state its size.
const maxBytes = 1 << 30

// State is what Verify found.
type State string

// The answers of List and Verify.
const (
	OK         State = "ok"
	Present    State = "present" // List's: it is there, and was not read
	Missing    State = "missing"
	Differs    State = "differs"    // its digest is not the manifest's
	Unreadable State = "unreadable" // could not look
)

// Status is one file's state.
type Status struct {
	Model Model  `json:"model"`
	Path  string `json:"path"`
	State State  `json:"state"`
	Error string `json:"error,omitempty"` // empty when OK or Present
}

// List returns every model's state by whether its file is there, without reading any: Present or Missing.
func (m *Manifest) List() []Status {
	all := make([]Status, 0, len(m.Models))
	for _, k := range m.Models {
		s := Status{Model: k, Path: m.path(k), State: Present}
		if !m.present(k) {
			s.State, s.Error = Missing, m.missing(k).Error()
		}
		all = append(all, s)
	}
	return all
}

// Verify reads every model's file and compares its digest.
func (m *Manifest) Verify() []Status {
	all := make([]Status, 0, len(m.Models))
	for _, k := range m.Models {
		all = append(all, m.verify(k))
	}
	return all
}

func (m *Manifest) verify(k Model) Status {
	s := Status{Model: k, Path: m.path(k), State: OK}
	_, err := m.read(k)
	switch {
	case err == nil:
		return s
	case errors.Is(err, ErrMissing):
		s.State = Missing
	case errors.Is(err, ErrDigest):
		s.State = Differs
	default:
		s.State = Unreadable
	}
	s.Error = err.Error()
	return s
}

// Open returns the bytes of the named model's file, after having checked that they are the ones the manifest
// promises. It returns bytes and not a path, so that what was checked is what is used.
func (m *Manifest) Open(name string) ([]byte, error) {
	k, err := m.Find(name)
	if err != nil {
		return nil, err
	}
	return m.read(k)
}

func (m *Manifest) read(k Model) ([]byte, error) {
	if !m.present(k) {
		return nil, m.missing(k)
	}
	f, err := os.Open(m.path(k))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", k.Name, err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	limit := int64(maxBytes)
	if k.Bytes > 0 {
		limit = k.Bytes
	}
	// One byte more than allowed tells a file that is too long. The rest of it is hashed but not kept.
	var buffer bytes.Buffer
	if stat, err := f.Stat(); err == nil { // all at once, where it tells its size
		buffer.Grow(int(min(stat.Size(), limit)) + 1 + bytes.MinRead)
	}
	if _, err := buffer.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, fmt.Errorf("model %s: %w", k.Name, err)
	}
	b := buffer.Bytes()
	hash := sha256.New()
	hash.Write(b)
	if int64(len(b)) > limit {
		if _, err := io.Copy(hash, io.LimitReader(f, maxBytes)); err != nil {
			return nil, fmt.Errorf("model %s: %w", k.Name, err)
		}
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != k.SHA256 || int64(len(b)) > limit {
		return nil, fmt.Errorf("model file %s: %w: got %s, want %s", m.path(k), ErrDigest, got, k.SHA256)
	}
	return b, nil
}

func (m *Manifest) path(k Model) string { return filepath.Join(m.Dir, k.File) }

// present says whether there is something of the file's name; a file that cannot be looked at counts as there, so
// that opening it says why.
func (m *Manifest) present(k Model) bool {
	if m.Dir == "" {
		return false
	}
	_, err := os.Stat(m.path(k))
	return !errors.Is(err, fs.ErrNotExist)
}

func (m *Manifest) missing(k Model) error {
	switch {
	case m.Dir == "":
		return fmt.Errorf("model %s (%s): %w: no folder is configured", k.Name, k.File, ErrMissing)
	case k.URL == "":
		return fmt.Errorf("model %s (%s): %w; it cannot be fetched, put it there", k.Name, m.path(k), ErrMissing)
	default:
		return fmt.Errorf("model %s (%s): %w; bring it with: vigil models fetch", k.Name, m.path(k), ErrMissing)
	}
}
