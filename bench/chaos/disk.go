package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountDisk mounts a disk of that size at dir, where this user may.
func mountDisk(dir string, size int64) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return "", fmt.Errorf("mount a small disk: %w", err)
	}
	return dir, nil
}

func unmountDisk(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }

// fillDisk takes all that is left, and returns what gives it back.
func fillDisk(dir string) (free func() error, err error) {
	file, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		return nil, err
	}
	free = func() error { return os.Remove(file.Name()) }
	block := make([]byte, 1<<20)
	for _, size := range []int{len(block), 4 << 10, 1} {
		for err == nil {
			_, err = file.Write(block[:size])
		}
		if !errors.Is(err, unix.ENOSPC) {
			return free, errors.Join(err, file.Close())
		}
		err = nil
	}
	return free, file.Close()
}
