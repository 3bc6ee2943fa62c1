package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A consumer of a work queue is taken for stuck when for stuckAfter it has delivered nothing to anybody, although it has
// messages for which somebody waits, or as many out as it may have. It is looked at every lookEvery.
const (
	lookEvery  = 15 * time.Second
	stuckAfter = time.Minute
)

// unstick makes a consumer of a work queue anew when it is stuck, until ctx ends. Nothing is lost by that: what was not
// acknowledged is still in the queue. A consumer of another stream would forget how far it was, and is left alone.
func (r *reader[T]) unstick(ctx context.Context) {
	tick := time.NewTicker(r.lookEvery)
	defer tick.Stop()
	var last jetstream.SequenceInfo
	moved := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		info, ok := r.look(ctx)
		if !ok || r.busy.Load() > 0 || !r.holds(info) || info.Delivered.Consumer != last.Consumer {
			moved = time.Now()
		}
		if ok {
			last = info.Delivered
		}
		if time.Since(moved) < r.stuckAfter {
			continue
		}
		moved = time.Now()
		err := r.topic.conn.js.DeleteConsumer(ctx, r.topic.cfg.Stream, r.cfg.Durable) // the workers make it anew
		r.topic.conn.log().Error("consumer was stuck, it is made anew", "stream", r.topic.cfg.Stream, "consumer", r.cfg.Durable,
			"pending", info.NumPending, "unacknowledged", info.NumAckPending, "error", err)
	}
}

// look returns how the consumer is, if it is one of a work queue and can be asked.
func (r *reader[T]) look(ctx context.Context) (*jetstream.ConsumerInfo, bool) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stream, err := r.topic.conn.js.Stream(ctx, r.topic.cfg.Stream)
	if err != nil || stream.CachedInfo().Config.Retention != jetstream.WorkQueuePolicy {
		return nil, false
	}
	consumer, err := stream.Consumer(ctx, r.cfg.Durable)
	if err != nil {
		return nil, false
	}
	return consumer.CachedInfo(), true
}

// holds says whether the consumer has something to deliver, or something that was delivered and never answered.
func (r *reader[T]) holds(info *jetstream.ConsumerInfo) bool {
	return info.NumAckPending >= r.cfg.MaxPending || info.NumPending > 0 && info.NumWaiting > 0
}
