// Package audit keeps what people and programs did through the API, in a log that can only be appended to: its stream
// denies deletion and purge, and each entry holds the SHA-256 of the one before, so that an entry that was changed, taken
// out or put in shows. Entries go by their age alone. It imports internal/bus and internal/ordered.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/bus"
	"vigil/internal/ordered"
)

const (
	subject = "vigil.audit"
	// headSetting holds where the log was when it was last written: what is cut off its end shows by it.
	headSetting = "audit_head"
	// attempts bounds how often an entry is tried while other processes write theirs.
	attempts = 20
	// codeWrongLast is the server's answer when somebody else has written (JSStreamWrongLastSequenceErrF).
	codeWrongLast jetstream.ErrorCode = 10071
)

// Entry is what somebody did.
type Entry struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`     // name of the token; empty: nobody was recognised
	Token  string    `json:"token"`  // its id
	Role   string    `json:"role"`   // of the token
	From   string    `json:"from"`   // IP address that asked
	Action string    `json:"action"` // what was asked: "DELETE /api/v1/people/{name}"
	Object string    `json:"object"` // of what: the id of an alert, camera or endpoint; a person's is a digest of the name
	Status int       `json:"status"` // of the answer
	// Previous is the SHA-256 of the entry before, as it is stored; empty for the first one of all.
	Previous string `json:"previous"`
}

// Kept is an entry and its place in the log.
type Kept struct {
	Seq uint64 `json:"seq"`
	Entry
}

// head is an entry's place and its digest.
type head struct {
	Seq    uint64 `json:"seq"`
	Digest string `json:"digest"`
}

// Log is the log. It is safe for use by several goroutines, and several processes may have one each.
type Log struct {
	js    jetstream.JetStream
	heads *bus.KV[head]

	mu   sync.Mutex
	last *head // nil: not known
}

// Open returns the log, whose stream Declare has made.
func Open(ctx context.Context, c *bus.Conn) (*Log, error) {
	heads, err := bus.OpenKV[head](ctx, c, bus.Settings)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	return &Log{js: c.JetStream(), heads: heads}, nil
}

// Append writes an entry behind the last one.
func (l *Log) Append(ctx context.Context, e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range attempts {
		err := l.append(ctx, e)
		if err == nil {
			return nil
		}
		l.last = nil
		if api := (*jetstream.APIError)(nil); !errors.As(err, &api) || api.ErrorCode != codeWrongLast {
			return fmt.Errorf("append to audit log: %w", err)
		}
	}
	return errors.New("append to audit log: other processes are always quicker")
}

func (l *Log) append(ctx context.Context, e Entry) error {
	if l.last == nil {
		last, err := l.end(ctx)
		if err != nil {
			return err
		}
		l.last = &last
	}
	e.Previous = l.last.Digest
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ack, err := l.js.Publish(ctx, subject, data, jetstream.WithExpectStream(bus.Audit), jetstream.WithExpectLastSequence(l.last.Seq))
	if err != nil {
		return err
	}
	l.last = &head{ack.Sequence, digest(data)}
	// The head of another process may be further by now: then it is right, and this one is not needed.
	if known, err := l.heads.Get(ctx, headSetting); err == nil && known.Value.Seq > l.last.Seq {
		return nil
	}
	_, err = l.heads.Put(ctx, headSetting, *l.last)
	return err
}

// end is the last entry. Its digest is empty when it has gone by its age.
func (l *Log) end(ctx context.Context) (head, error) {
	stream, err := l.js.Stream(ctx, bus.Audit)
	if err != nil {
		return head{}, err
	}
	seq := stream.CachedInfo().State.LastSeq
	if seq == 0 {
		return head{}, nil
	}
	m, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return head{Seq: seq}, nil
	}
	if err != nil {
		return head{}, err
	}
	return head{seq, digest(m.Data)}, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// stored is an entry as it is stored.
type stored struct {
	Kept
	data []byte
}

func (l *Log) read(ctx context.Context) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		for m, err := range ordered.Read(ctx, l.js, ordered.From{Stream: bus.Audit}, math.MaxUint64) {
			var s stored
			if err == nil {
				var meta *jetstream.MsgMetadata
				if meta, err = m.Metadata(); err == nil {
					s.Seq, s.data = meta.Sequence.Stream, m.Data()
				}
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// List returns the latest entries before a place, the latest first; before 0 means the end.
func (l *Log) List(ctx context.Context, before uint64, limit int) ([]Kept, error) {
	var all []Kept
	for s, err := range l.read(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list audit log: %w", err)
		}
		if before > 0 && s.Seq >= before {
			break
		}
		if err := json.Unmarshal(s.data, &s.Entry); err != nil {
			s.Action = "unreadable: " + err.Error() // Check says more; the others are shown all the same
		}
		all = append(all, s.Kept)
	}
	all = all[max(0, len(all)-limit):]
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, nil
}

// Checked is what an examination of the log found.
type Checked struct {
	Entries int    `json:"entries"`
	First   uint64 `json:"first"` // place of the oldest; 0: there is none
	Last    uint64 `json:"last"`
	// Broken says what is wrong, the oldest first; empty: nothing.
	Broken []string `json:"broken"`
}

// Check follows the chain from the oldest entry to the end.
func (l *Log) Check(ctx context.Context) (c Checked, err error) {
	known, err := l.heads.Get(ctx, headSetting)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return c, fmt.Errorf("check audit log: %w", err)
	}
	var before head
	for s, err := range l.read(ctx) {
		if err != nil {
			return c, fmt.Errorf("check audit log: %w", err)
		}
		if c.First == 0 {
			c.First = s.Seq
		}
		c.Broken = append(c.Broken, follows(before, s)...)
		before = head{s.Seq, digest(s.data)}
		if s.Seq == known.Value.Seq && before.Digest != known.Value.Digest {
			c.Broken = append(c.Broken, fmt.Sprintf("entry %d was changed, or another one is in its place", s.Seq))
		}
		c.Entries, c.Last = c.Entries+1, s.Seq
	}
	if missing := known.Value.Seq; missing > c.Last && c.Entries > 0 {
		c.Broken = append(c.Broken, fmt.Sprintf("entries %d to %d are missing at the end", c.Last+1, missing))
	}
	return c, nil
}

// follows says what is wrong with an entry after the one before, which has no place when it is the oldest kept.
func follows(before head, s stored) []string {
	var e Entry
	if err := json.Unmarshal(s.data, &e); err != nil {
		return []string{fmt.Sprintf("entry %d cannot be read: %v", s.Seq, err)}
	}
	switch {
	case before.Seq == 0:
		if s.Seq == 1 && e.Previous != "" {
			return []string{"entry 1 follows one that is not there"}
		}
	case s.Seq != before.Seq+1:
		return []string{fmt.Sprintf("entries %d to %d are missing", before.Seq+1, s.Seq-1)}
	case e.Previous != before.Digest:
		return []string{fmt.Sprintf("entry %d does not follow from entry %d: one of them was changed", s.Seq, before.Seq)}
	}
	return nil
}
