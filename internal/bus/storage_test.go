package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigil/internal/bus"
	"vigil/internal/natsd"
)

// smallDisk mounts a disk of that size, or skips.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("needs the right to mount a small disk (root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all that is left of the disk, until the returned function is called.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		block := make([]byte, size)
		for err == nil {
			_, err = file.Write(block)
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(file.Name()); err != nil {
			t.Error(err)
		}
	}
}

// writer publishes all the time, and counts what was acknowledged.
type writer struct {
	topic *bus.Topic[note]
	last  atomic.Int64 // of the last acknowledgement, Unix nanoseconds
	slow  atomic.Int64 // the longest that a publish took, nanoseconds

	mu      sync.Mutex
	acked   map[string]bool
	refused int
}

func (w *writer) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprint("n-", i)
		began := time.Now()
		err := w.topic.Publish(ctx, note{ID: id, Camera: "door"})
		w.slow.Store(max(w.slow.Load(), int64(time.Since(began))))
		w.mu.Lock()
		switch {
		case err == nil:
			w.acked[id] = true
			w.last.Store(time.Now().UnixNano())
		case errors.Is(err, bus.ErrStorage):
			w.refused++
		}
		w.mu.Unlock()
		time.Sleep(2 * time.Millisecond)
	}
}

// TestDiskFull fills the disk under publishers and consumers, and empties it again.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t, 96<<20)
	server, err := natsd.Start(t.Context(), natsd.Config{
		Dir: filepath.Join(disk, "nats"), MaxStore: 48 << 20, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		if err := server.Watch(ctx); err != nil {
			t.Error(err)
		}
	})
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	c, err := bus.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Healthy = server.Healthy
	if err := c.Declare(ctx, bus.Limits{Store: server.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	w := &writer{topic: newTopic(c), acked: map[string]bool{}}
	running.Go(func() { w.run(ctx) })
	var mu sync.Mutex
	got := map[string]bool{}
	running.Go(func() {
		err := newTopic(c).Consume(ctx, bus.Consumer{Durable: "reader"}, func(_ context.Context, n note, _ bus.Meta) error {
			mu.Lock()
			defer mu.Unlock()
			got[n.ID] = true
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	count := func() (acked, refused int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acked), w.refused
	}
	eventually(t, "notes are published", func() bool { n, _ := count(); return n > 100 })

	free := fill(t, disk)
	eventually(t, "publishing fails with ErrStorage", func() bool { _, n := count(); return n > 0 })
	if took := time.Duration(w.slow.Load()); took > time.Second {
		t.Errorf("got the error after %s, want it within a second", took)
	}
	if err := server.Healthy().Err(); err == nil || !errors.Is(context.Cause(server.Healthy()), natsd.ErrDiskFull) {
		t.Errorf("got %v, want the disk to be full", context.Cause(server.Healthy()))
	}
	time.Sleep(2 * time.Second) // the disk stays full for a while: acknowledgements must not come
	before, _ := count()
	freed := time.Now()
	free()
	eventually(t, "notes are published again", func() bool { n, _ := count(); return n > before+100 })
	if took := time.Unix(0, w.last.Load()).Sub(freed); took > 10*time.Second {
		t.Errorf("healed after %s, want 10 s at most", took)
	}
	if got := server.Healed(); got != 1 {
		t.Errorf("got %d heals, want 1", got)
	}
	eventually(t, "every note that was acknowledged is read", func() bool {
		mu.Lock()
		defer mu.Unlock()
		w.mu.Lock()
		defer w.mu.Unlock()
		for id := range w.acked {
			if !got[id] {
				return false
			}
		}
		return true
	})
	acked, refused := count()
	t.Logf("%d acknowledged, %d refused, the longest publish took %s", acked, refused, time.Duration(w.slow.Load()))
	cancel() // before the connection ends, which the consumer would tell of
	running.Wait()
}
