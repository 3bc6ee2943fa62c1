package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Progress is told how much of a file has come; total is the file's size.
type Progress func(m Model, done, total int64)

// Fetch brings the named models into the folder, or, with no names, the default ones. A file that is there and
// right is left alone, and told to progress as done. A file appears under its name only when all of it has come,
// its digest is right and it is on the disk; whatever goes wrong leaves what was there before. progress may be nil.
func (m *Manifest) Fetch(ctx context.Context, client *http.Client, names []string, progress Progress) error {
	if m.Dir == "" {
		return errors.New("fetch models: no models folder is configured")
	}
	wanted, err := m.wanted(names)
	if err != nil {
		return fmt.Errorf("fetch models: %w", err)
	}
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return fmt.Errorf("fetch models: %w", err)
	}
	if progress == nil {
		progress = func(Model, int64, int64) {}
	}
	for _, k := range wanted {
		if m.verify(k).State == OK {
			progress(k, k.Bytes, k.Bytes)
			continue
		}
		if err := m.fetch(ctx, client, k, progress); err != nil {
			_ = os.Remove(m.Dir) // leaves no empty folder; one that holds something stays
			return fmt.Errorf("fetch model %s: %w", k.Name, err)
		}
	}
	return nil
}

func (m *Manifest) wanted(names []string) ([]Model, error) {
	var wanted []Model
	if len(names) == 0 {
		for _, k := range m.Models {
			if k.Default {
				wanted = append(wanted, k)
			}
		}
		return wanted, nil
	}
	for _, name := range names {
		k, err := m.Find(name)
		if err != nil {
			return nil, err
		}
		if k.URL == "" {
			return nil, fmt.Errorf("model %s cannot be fetched (%s): put %s into %s yourself", k.Name, k.Licence, k.File, m.Dir)
		}
		wanted = append(wanted, k)
	}
	return wanted, nil
}

func (m *Manifest) fetch(ctx context.Context, client *http.Client, k Model, progress Progress) (err error) {
	body, err := get(ctx, client, k.URL)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read from

	f, err := os.CreateTemp(m.Dir, "."+k.File+".*")
	if err != nil {
		return err
	}
	defer func() {
		// After the rename both of these fail, harmlessly: the file is closed and no longer under this name.
		f.Close()           //nolint:errcheck // see above
		os.Remove(f.Name()) //nolint:errcheck // see above
	}()
	if err := receive(f, body, k, progress); err != nil {
		return fmt.Errorf("%s: %w", k.URL, err)
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), m.path(k)); err != nil {
		return err
	}
	return syncDir(m.Dir)
}

func get(ctx context.Context, client *http.Client, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err // an *url.Error, which names method and address
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close() //nolint:errcheck // the status is the error
		return nil, fmt.Errorf("%s: answered %s", url, res.Status)
	}
	return res.Body, nil
}

// receive copies body into w and checks length and digest of what came.
func receive(w io.Writer, body io.Reader, k Model, progress Progress) error {
	hash := sha256.New()
	counted := &countingReader{r: io.LimitReader(body, k.Bytes+1), seen: func(n int64) { progress(k, min(n, k.Bytes), k.Bytes) }}
	n, err := io.Copy(io.MultiWriter(w, hash), counted)
	if err != nil {
		return fmt.Errorf("after %d of %d bytes: %w", n, k.Bytes, err)
	}
	if n > k.Bytes {
		return fmt.Errorf("%w: more than the %d bytes whose SHA-256 would be %s", ErrDigest, k.Bytes, k.SHA256)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != k.SHA256 {
		return fmt.Errorf("%s: %w: got %s (%d bytes), want %s (%d bytes)", k.File, ErrDigest, got, n, k.SHA256, k.Bytes)
	}
	return nil
}

type countingReader struct {
	r    io.Reader
	n    int64
	seen func(n int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.n += int64(n)
		c.seen(c.n)
	}
	return n, err
}

// syncDir makes the rename survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
