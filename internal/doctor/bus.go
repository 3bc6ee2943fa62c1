package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"vigil/internal/bus"
)

const (
	answerTime = 5 * time.Second
	// minPayload is what fragments need, with room for headers.
	minPayload = 1 << 20
)

// Bus is what decides which broker is used.
type Bus struct {
	URL       string // empty: the embedded one
	Server    string // URL without what is secret
	CredsFile string
	Replicas  int
	Declared  int64  // bytes that the streams are declared to take, in one replica
	Lock      string // file that the embedded broker locks
	Running   *Running
}

// Look looks whether the broker works, or could.
func (b Bus) Look(ctx context.Context) []Finding {
	if b.URL == "" {
		return []Finding{embedded("nats", "bus", b.Lock, b.Running)}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	conn, err := bus.Connect(ctx, b.URL, bus.Options{CredsFile: b.CredsFile})
	if err != nil {
		return []Finding{problem("see whether the server runs and this machine reaches it, and whether nats.url and nats.creds_file are right", "nats.url: %v", err)}
	}
	defer conn.Close()
	if most := conn.JetStream().Conn().MaxPayload(); most < minPayload {
		return []Finding{problem("raise max_payload of the server to 1 MB, its default", "nats.url: %s takes messages of %d bytes, and fragments need %d", b.Server, most, minPayload)}
	}
	info, err := conn.JetStream().AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return []Finding{problem("start the server with -js, and allow JetStream to the account", "nats.url: %s has no JetStream for this account", b.Server)}
	case err != nil:
		return []Finding{problem("see whether the cluster has a leader", "nats.url: %s: ask for the account: %v", b.Server, err)}
	}
	return []Finding{b.limits(info)}
}

// streamCount is how many streams and buckets are declared.
const streamCount = 20

func (b Bus) limits(info *jetstream.AccountInfo) Finding {
	need := b.Declared * int64(max(b.Replicas, 1))
	switch most := info.Limits; {
	case most.MaxStreams > 0 && most.MaxStreams < streamCount:
		return problem("allow the account more streams", "nats.url: the account may have %d streams, and %d are needed", most.MaxStreams, streamCount)
	case most.MaxStore == 0:
		return problem("allow the account file storage", "nats.url: the account may not store anything on disk")
	case most.MaxStore > 0 && most.MaxStore < need:
		return warning("allow the account more", "nats.url: the account may store %s, and streams are declared to take %s: they are made smaller",
			size(most.MaxStore), size(need))
	}
	return ok("nats.url: %s answers, with JetStream", b.Server)
}

// embedded tells of a part that is this program's own: as the running one says, or whether its folder is free.
func embedded(key, part, lock string, running *Running) Finding {
	if p, found := running.part(part); found {
		if !p.OK {
			return problem("see the log of the running vigil, or restart it", "%s: the running vigil says: %s", key, p.Detail)
		}
		return ok("%s: the embedded one works in the running vigil", key)
	}
	held, err := locked(lock)
	switch {
	case err != nil:
		return problem("let this user read and write there", "%s: %v", key, err)
	case held && running != nil:
		return ok("%s: the embedded one runs", key)
	case held:
		return problem("stop the other vigil, or give this one another data_dir; it does not answer here",
			"%s: another process uses %s", key, filepath.Dir(lock))
	}
	return ok("%s: embedded; starts with vigil in %s", key, filepath.Dir(lock))
}

// locked says whether a process holds the lock. One that was never made is free.
func locked(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // nothing was written; this gives the lock back, too
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
