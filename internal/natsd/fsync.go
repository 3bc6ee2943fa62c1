package natsd

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"
)

const (
	// syncs writes are enough to meet the disk's slow ones, and take a second on a disk that is just not too slow.
	syncs     = 20
	syncBytes = 4 << 10
)

// warnSlow measures the disk and warns of one whose writes take long until they are safe. The start goes on: what cannot
// be written at all is reported by the server itself.
func (s *Server) warnSlow() {
	took, err := slowest(s.opts.StoreDir)
	if err != nil {
		s.log.Warn("the disk of the store could not be measured", "dir", s.opts.StoreDir, "error", err)
		return
	}
	warn(s.log, s.opts.StoreDir, took)
}

func warn(log *slog.Logger, dir string, took time.Duration) {
	if took > slowSync {
		log.Warn("writing to the disk takes long until it is safe, and every acknowledgement waits for it: use an SSD",
			"dir", dir, "p95", took.Round(time.Millisecond), "want_below", slowSync)
	}
}

// slowest is the 95th percentile of a write that is synchronised. Nothing of it stays.
func slowest(dir string) (took time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".fsync-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, syncBytes)
	all := make([]time.Duration, 0, syncs)
	for range syncs {
		from := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(from))
		if took += all[len(all)-1]; took > 2*time.Second {
			break // it is slow enough
		}
	}
	slices.Sort(all)
	return all[len(all)*95/100], nil
}
