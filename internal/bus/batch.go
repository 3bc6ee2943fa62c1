package bus

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// worthwhile is from how many messages on a batch costs less than one sync for each: the server keeps a batch in files of
	// its own until it is complete, some 8 ms.
	worthwhile = 16
	// mostBatched and mostBatchedBytes bound a batch; the server takes 1000 messages.
	mostBatched      = 256
	mostBatchedBytes = mib
)

// Headers of a batch (NATS ADR-50).
const (
	headerBatch    = "Nats-Batch-Id"
	headerBatchSeq = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

// errNoBatch says that the server does not know batches, or not for that stream.
var errNoBatch = errors.New("the stream takes no batches")

// codeBatchDisabled is the server's answer when a stream takes no batches (JSAtomicPublishDisabledErr).
const codeBatchDisabled jetstream.ErrorCode = 10174

// batcher publishes to one stream. What many goroutines want published at the same time goes as an atomic batch, which is
// synced to the disk once. What comes alone, or is refused as a batch, goes by itself.
type batcher struct {
	conn   *Conn
	stream string

	mu      sync.Mutex
	flying  bool
	alone   bool // the server takes no batches
	waiting []*outgoing
}

type outgoing struct {
	ctx  context.Context //nolint:containedctx // whoever waits may give up before it is sent
	id   string
	msg  *nats.Msg
	done chan error // room for one
}

// batcher returns the stream's.
func (c *Conn) batcher(stream string) *batcher {
	c.batching.Lock()
	defer c.batching.Unlock()
	b, ok := c.batchers[stream]
	if !ok {
		b = &batcher{conn: c, stream: stream}
		if c.batchers == nil {
			c.batchers = make(map[string]*batcher)
		}
		c.batchers[stream] = b
	}
	return b
}

// publish waits until the server has the message. After an error it may have it all the same.
func (b *batcher) publish(ctx context.Context, id string, msg *nats.Msg) error {
	o := &outgoing{ctx, id, msg, make(chan error, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, o)
	lead := !b.flying
	b.flying = true
	b.mu.Unlock()
	if lead {
		b.fly() //nolint:contextcheck // what it sends is of others too
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly sends what waits. Whoever leads does so once, and leaves what has come meanwhile to another goroutine.
func (b *batcher) fly() {
	group, alone := b.take()
	b.send(group, alone)
	b.mu.Lock()
	more := len(b.waiting) > 0
	b.flying = more
	b.mu.Unlock()
	if more {
		go b.fly()
	}
}

// take takes as much of what waits as fits a batch, and says whether the server takes none.
func (b *batcher) take() (group []*outgoing, alone bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, bytes := 0, 0
	for n < len(b.waiting) && n < mostBatched && (n == 0 || bytes+b.waiting[n].msg.Size() <= mostBatchedBytes) {
		bytes += b.waiting[n].msg.Size()
		n++
	}
	group, b.waiting = b.waiting[:n:n], b.waiting[n:]
	return group, b.alone
}

func (b *batcher) send(group []*outgoing, alone bool) {
	if !alone && len(group) >= worthwhile {
		err := b.together(group)
		if err == nil {
			for _, o := range group {
				o.done <- nil
			}
			return
		}
		if errors.Is(err, errNoBatch) {
			b.mu.Lock()
			b.alone = true
			b.mu.Unlock()
		}
	}
	var sending sync.WaitGroup
	for _, o := range group {
		sending.Go(func() { o.done <- b.conn.publishOnce(o.ctx, b.stream, o.id, o.msg) })
	}
	sending.Wait()
}

// together publishes messages as one batch: all of them are stored, or none is.
func (b *batcher) together(group []*outgoing) error {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	id := rand.Text()
	return b.conn.stored(ctx, func(ctx context.Context) error {
		for i, o := range group {
			m := &nats.Msg{Subject: o.msg.Subject, Data: o.msg.Data, Header: maps.Clone(o.msg.Header)}
			m.Header.Set(jetstream.MsgIDHeader, o.id)
			m.Header.Set(headerBatch, id)
			m.Header.Set(headerBatchSeq, strconv.Itoa(i+1))
			if i < len(group)-1 {
				if err := b.conn.nc.PublishMsg(m); err != nil {
					return err
				}
				continue
			}
			m.Header.Set(headerCommit, "1")
			answer, err := b.conn.nc.RequestMsgWithContext(ctx, m)
			if err != nil {
				return err
			}
			return b.committed(answer.Data, id, len(group))
		}
		return nil
	})
}

// committed reads the server's answer to the last message of a batch. One that knows no batches has stored each message by
// itself, and answers as to any other.
func (b *batcher) committed(answer []byte, id string, count int) error {
	var ack struct {
		Stream string              `json:"stream"`
		Batch  string              `json:"batch"`
		Count  int                 `json:"count"`
		Error  *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer, &ack); err != nil {
		return fmt.Errorf("answer to a batch: %w", err)
	}
	switch {
	case ack.Error != nil && ack.Error.ErrorCode == codeBatchDisabled, ack.Error == nil && ack.Batch == "":
		return errNoBatch
	case ack.Error != nil:
		return ack.Error
	case ack.Stream != b.stream || ack.Batch != id || ack.Count != count:
		return fmt.Errorf("answer to batch %s of %d messages: got %s, %d, of %s", id, count, cmp.Or(ack.Batch, "none"), ack.Count, ack.Stream)
	}
	return nil
}
