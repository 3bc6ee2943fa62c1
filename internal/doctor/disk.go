package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// leastFree is what a disk needs for the streams to be of any use, and for a few clips.
	leastFree = 1 << 30
	// slowSync is when waiting for the disk begins to show: every fragment is on it before it is acknowledged, four a
	// second from each camera.
	slowSync = 20 * time.Millisecond

	syncs     = 20
	syncBytes = 4 << 10
)

// Space looks whether the data folder's disk takes what the streams are declared to hold; declared is 0 where they are
// elsewhere. The embedded broker takes three quarters of what is free, with what it holds already.
func Space(dir, streams string, declared int64) []Finding {
	at, err := existing(dir)
	if err != nil {
		return []Finding{problem("change data_dir", "data_dir: %v", err)}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(at, &disk); err != nil {
		return []Finding{problem("change data_dir", "data_dir: look for free space of %s: %v", at, err)}
	}
	free := int64(disk.Bavail) * disk.Bsize
	return []Finding{space(free, held(streams), declared)}
}

func space(free, holds, declared int64) Finding {
	const do = "make room, or move data_dir to a larger disk; clips are never deleted by themselves"
	room := (free + holds) / 4 * 3
	switch {
	case free < leastFree && free+holds < declared:
		return problem(do, "the disk of data_dir has %s free", size(free))
	case free < leastFree:
		return warning(do, "the disk of data_dir has %s free for clips", size(free))
	case room < declared:
		return warning(do, "the disk of data_dir has %s free: streams get %s of %s, and video is kept for less than 15 minutes",
			size(free), size(room), size(declared))
	case declared == 0:
		return ok("the disk of data_dir has %s free", size(free))
	}
	return ok("the disk of data_dir has %s free; streams take at most %s, clips whatever they need", size(free), size(declared))
}

// held is how many bytes the files below dir have.
func held(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil //nolint:nilerr // what cannot be seen does not count
		}
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// existing is dir, or the folder in which it would be made.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil:
			return "", errors.New(dir + " is not a folder")
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}

// Sync looks whether the data folder can be written, and how long it takes until something is on its disk for certain.
func Sync(dir string) []Finding {
	at, err := existing(dir)
	if err != nil {
		return []Finding{problem("change data_dir", "data_dir: %v", err)}
	}
	median, err := measure(at)
	if err != nil {
		return []Finding{problem("let this user write there, or change data_dir", "data_dir: %v", err)}
	}
	return []Finding{synced(median)}
}

func synced(median time.Duration) Finding {
	if median > slowSync {
		return warning("use an SSD; a disk shared over the network or an SD card is too slow for several cameras",
			"writing to the disk of data_dir takes %s until it is safe (median of %d)", median.Round(100*time.Microsecond), syncs)
	}
	return ok("writing to the disk of data_dir takes %s until it is safe (median of %d)", median.Round(10*time.Microsecond), syncs)
}

// measure is the median time of a write that is synchronised. Nothing of it stays.
func measure(dir string) (median time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".vigil-doctor-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, syncBytes)
	var took []time.Duration
	for range syncs {
		from := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(from))
	}
	slices.Sort(took)
	return took[syncs/2], nil
}
