package clips

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
)

// errSpool marks what goes wrong on the local disk.
var errSpool = errors.New("spool")

const (
	defaultSpoolAge  = 24 * time.Hour
	defaultSpoolSize = 20e9
	noteExt          = ".json"
)

// spooled describes a clip in the spool. Its file is written after the clip's own: where it is, the clip is whole.
type spooled struct {
	Cut    time.Time   `json:"cut"` // when it was cut, by the recorder's clock
	Bytes  int64       `json:"bytes"`
	SHA256 string      `json:"sha256"`
	Clip   alerts.Clip `json:"clip"`
	// Job is what asked for the clip, so that it can be finished when nobody asks again.
	Job alerts.ClipJob `json:"job"`
}

// describe fills in what was cut, with what lacks at both ends of the window that was asked for.
func (s *spooled) describe(facts Facts, job alerts.ClipJob, end time.Time) {
	gap := func(from, to time.Time, reason string) {
		if to.Sub(from) > 0 {
			s.Clip.Gaps = append(s.Clip.Gaps, alerts.ClipGap{From: alerts.Time{Time: from}, To: alerts.Time{Time: to}, Reason: reason})
		}
	}
	s.Clip = alerts.Clip{
		Bytes: s.Bytes, SHA256: s.SHA256,
		Start: alerts.Time{Time: facts.Start}, End: alerts.Time{Time: facts.End},
		Codec: facts.Codec, Width: facts.Width, Height: facts.Height, Gaps: []alerts.ClipGap{},
	}
	first, last := facts.Start, facts.End
	for _, g := range facts.Gaps {
		if g.From.Before(first) {
			first = g.From
		}
		if g.To.After(last) {
			last = g.To
		}
	}
	if first.Sub(job.Start) > edge {
		gap(job.Start, first, "no video recorded")
	}
	for _, g := range facts.Gaps {
		gap(g.From, g.To, g.Reason)
	}
	if end.Sub(last) > edge {
		gap(last, end, "no video recorded")
	}
	gap(end, job.End, "longer than a clip may be")
}

// facts is the clip as it is announced.
func (s *spooled) facts(job alerts.ClipJob) alerts.Clip {
	clip := s.Clip
	clip.Key = KeyFor(job.Camera, job.Name(), job.Start, ".mp4")
	clip.Piece = max(1, job.Piece)
	return clip
}

// spool is one clip's place on the local disk.
type spool struct{ dir, name string }

func openSpool(dir, alert string) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, asSpool(err)
	}
	return &spool{dir: dir, name: alert}, nil
}

func (s *spool) video() string { return filepath.Join(s.dir, s.name+".mp4") }
func (s *spool) note() string  { return filepath.Join(s.dir, s.name+noteExt) }

// peek describes the clip in the spool, without reading it. os.ErrNotExist: there is none.
func (s *spool) peek() (*spooled, error) {
	b, err := os.ReadFile(s.note())
	if err != nil {
		return nil, err
	}
	var clip spooled
	if err := json.Unmarshal(b, &clip); err != nil {
		return nil, fmt.Errorf("%s: %w", s.note(), err)
	}
	file, err := os.Stat(s.video())
	if err != nil {
		return nil, err
	}
	if file.Size() != clip.Bytes {
		return nil, fmt.Errorf("%s has %d bytes, %d were written", s.video(), file.Size(), clip.Bytes)
	}
	return &clip, nil
}

// check makes sure that the clip in the spool is what was written.
func (s *spool) check(clip *spooled) error {
	file, err := os.Open(s.video())
	if err != nil {
		return err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != clip.SHA256 {
		return fmt.Errorf("%s is not what was written", s.video())
	}
	return nil
}

func (s *spool) open() (*os.File, error) {
	file, err := os.Open(s.video())
	if err != nil {
		return nil, asSpool(err)
	}
	return file, nil
}

// write makes the clip's file durable and says its size and SHA-256.
func (s *spool) write(fill func(io.Writer) error, size *int64, sum *string) error {
	hash := sha256.New()
	counted := &counter{}
	err := durably(s.dir, s.video(), func(w io.Writer) error {
		return fill(io.MultiWriter(w, hash, counted))
	})
	*size, *sum = counted.n, hex.EncodeToString(hash.Sum(nil))
	return err
}

// commit makes the clip count.
func (s *spool) commit(clip *spooled) error {
	b, err := json.Marshal(clip)
	if err != nil {
		return asSpool(err)
	}
	return durably(s.dir, s.note(), func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// remove lets go of the clip, its note first: a clip without one does not count.
func (s *spool) remove() error {
	for _, path := range []string{s.note(), s.video()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return asSpool(err)
		}
	}
	return syncDir(s.dir)
}

type counter struct{ n int64 }

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// durably writes a file so that, whatever happens, path is all of it or not there.
func durably(dir, path string, fill func(io.Writer) error) error {
	file, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp")
	if err != nil {
		return asSpool(err)
	}
	w := bufio.NewWriterSize(diskWriter{file}, 1<<20)
	err = fill(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = asSpool(file.Sync())
	}
	if err = errors.Join(err, asSpool(file.Close())); err == nil {
		err = asSpool(os.Rename(file.Name(), path))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncDir(dir)
}

// diskWriter marks the disk's errors, so that they can be told from those of what is written.
type diskWriter struct{ file *os.File }

// Write implements io.Writer.
func (d diskWriter) Write(b []byte) (int, error) {
	n, err := d.file.Write(b)
	return n, asSpool(err)
}

func asSpool(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errSpool, err)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return asSpool(err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return asSpool(err)
	}
	return nil
}

// trim gives up the oldest clips of a spool that has outgrown its bounds, and what interrupted writes left.
func (r *Recorder) trim() error {
	age, size := r.SpoolAge, r.SpoolSize
	if age == 0 {
		age = defaultSpoolAge
	}
	if size == 0 {
		size = defaultSpoolSize
	}
	entries, err := os.ReadDir(r.Spool)
	if err != nil {
		return asSpool(err)
	}
	files := make([]os.FileInfo, 0, len(entries))
	total := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		old := r.now().Sub(f.ModTime()) > age
		if !old && total <= size {
			break
		}
		if err := os.Remove(filepath.Join(r.Spool, f.Name())); err != nil {
			return asSpool(err)
		}
		total -= f.Size()
		if strings.HasSuffix(f.Name(), ".mp4") {
			r.logger().Error("spool is full, a clip is given up", "file", f.Name(), "bytes", f.Size(), "too_old", old)
		}
	}
	return nil
}
