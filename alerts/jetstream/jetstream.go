// Package jetstream keeps alerts and carries their events, deliveries and clip jobs on NATS JetStream. It decides
// nothing: visits are decided in alerts, attempts in alerts/webhook. It imports both, vision, frames and internal/bus,
// which declares the streams and buckets.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vigil/alerts"
	"vigil/alerts/webhook"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/vision"
)

// durable is the name under which the desk reads; one desk after the other goes on where the last one ended.
const durable = "alerts"

const (
	// mostAtOnce is how many messages the desk takes at once when many have come. What a desk that is killed has in hand is
	// handled when its AckWait is over.
	mostAtOnce = 64
	// concurrency is how many deliveries one endpoint gets at once. A dead one then holds no more than these.
	concurrency = 4
	// maxWaiting is how many deliveries of one endpoint may wait for their next attempt before newer ones get none.
	maxWaiting = 100_000
	// recheck is how long a delivery waits at most before its sender looks again whether the endpoint is back.
	recheck = 5 * time.Minute
)

// Sightings is where vision publishes.
func Sightings(c *bus.Conn) *bus.Topic[vision.Sighting] {
	return bus.NewTopic(c, bus.TopicConfig[vision.Sighting]{
		Stream:  bus.Sightings,
		Subject: func(s vision.Sighting) string { return SightingsOf(s.Camera) },
		ID:      vision.Sighting.ID,
	})
}

// SightingsOf is the subject of one camera's sightings.
func SightingsOf(camera frames.CameraID) string { return "vigil.sightings." + string(camera) }

// Events is where everybody on the bus sees events.
func Events(c *bus.Conn) *bus.Topic[alerts.Event] {
	return bus.NewTopic(c, bus.TopicConfig[alerts.Event]{
		Stream: bus.Events,
		Subject: func(e alerts.Event) string {
			return "vigil.events." + string(e.Type) + "." + string(e.Data.About())
		},
		ID: alerts.Event.ID,
	})
}

// Deliveries is the outbox.
func Deliveries(c *bus.Conn) *bus.Topic[webhook.Delivery] {
	return bus.NewTopic(c, bus.TopicConfig[webhook.Delivery]{
		Stream:  bus.Outbox,
		Subject: func(d webhook.Delivery) string { return outbox(d.Endpoint) },
		ID:      webhook.Delivery.Key,
	})
}

func outbox(endpoint string) string { return "vigil.outbox." + endpoint }

func consumerOf(endpoint string) string { return "webhook-" + endpoint }

// ClipJobs is where clips are asked for.
func ClipJobs(c *bus.Conn) *bus.Topic[alerts.ClipJob] {
	return bus.NewTopic(c, bus.TopicConfig[alerts.ClipJob]{
		Stream:  bus.ClipJobs,
		Subject: func(j alerts.ClipJob) string { return "vigil.clips.job." + string(j.Camera) },
		ID:      func(j alerts.ClipJob) string { return "job/" + j.Name() },
	})
}

// ClipDones is where clip jobs are answered. A job that failed may be answered again, with a clip.
func ClipDones(c *bus.Conn) *bus.Topic[alerts.ClipDone] {
	return bus.NewTopic(c, bus.TopicConfig[alerts.ClipDone]{
		Stream:  bus.ClipJobs,
		Subject: func(d alerts.ClipDone) string { return "vigil.clips.done." + string(d.Camera) },
		ID: func(d alerts.ClipDone) string {
			if d.Clip == nil {
				return "failed/" + d.Name()
			}
			return "done/" + d.Name()
		},
	})
}

// Connect gives the desk all that it needs of the bus.
func Connect(ctx context.Context, c *bus.Conn, desk *alerts.Desk) error {
	store, err := OpenStore(ctx, c)
	if err != nil {
		return err
	}
	desk.Store = store
	desk.Outbox = NewOutbox(c)
	desk.Jobs = jobs{topic: ClipJobs(c)}
	desk.Sightings = feed[vision.Sighting]{
		topic: Sightings(c), consumer: bus.Consumer{Durable: durable},
		stamp: func(s *vision.Sighting, m bus.Meta) { s.Published = m.Published },
	}
	desk.Clips = feed[alerts.ClipDone]{
		topic: ClipDones(c), consumer: bus.Consumer{Durable: durable, Filter: "vigil.clips.done.*"},
	}
	return nil
}

// feed is an alerts.Batches. It never gives a message up: what the desk cannot do now it can do when the bus is back.
type feed[T any] struct {
	topic    *bus.Topic[T]
	consumer bus.Consumer
	stamp    func(*T, bus.Meta) // notes what the bus knows of a message; nil: nothing
}

// Consume implements alerts.Batches.
func (f feed[T]) Consume(ctx context.Context, handle func(context.Context, []T) []error) error {
	return f.topic.ConsumeBatches(ctx, f.consumer, mostAtOnce, func(ctx context.Context, messages []bus.Message[T]) []error {
		values := make([]T, len(messages))
		for i, m := range messages {
			values[i] = m.Value
			if f.stamp != nil {
				f.stamp(&values[i], m.Meta)
			}
		}
		return handle(ctx, values)
	})
}

type jobs struct{ topic *bus.Topic[alerts.ClipJob] }

// Request implements alerts.ClipJobs.
func (j jobs) Request(ctx context.Context, job alerts.ClipJob) error {
	return j.topic.Publish(ctx, job)
}

// Outbox is an alerts.Outbox.
type Outbox struct {
	events     *bus.Topic[alerts.Event]
	deliveries *bus.Topic[webhook.Delivery]
}

var _ alerts.Outbox = (*Outbox)(nil)

// NewOutbox returns the outbox.
func NewOutbox(c *bus.Conn) *Outbox { return &Outbox{events: Events(c), deliveries: Deliveries(c)} }

// Publish implements alerts.Outbox.
func (o *Outbox) Publish(ctx context.Context, n alerts.Notice) error {
	e, err := n.Event()
	if err != nil {
		return err
	}
	return o.events.Publish(ctx, e)
}

// Enqueue implements alerts.Outbox.
func (o *Outbox) Enqueue(ctx context.Context, n alerts.Notice, endpoint string) error {
	return o.deliveries.Publish(ctx, webhook.Delivery{
		ID: n.ID, Endpoint: endpoint, Type: n.Type, Body: n.Body, Created: time.Now().UTC(), Decided: n.Decided,
	})
}

// Deliver hands an endpoint's deliveries to its sender until ctx ends. Each endpoint has its own, so that a slow one
// delays nobody else. Several processes may do it for one endpoint; they share the deliveries.
func Deliver(ctx context.Context, c *bus.Conn, s *webhook.Sender) error {
	consumer := bus.Consumer{
		Durable: consumerOf(s.Endpoint()), Filter: outbox(s.Endpoint()), Concurrency: concurrency, MaxPending: maxWaiting,
	}
	return Deliveries(c).Consume(ctx, consumer, func(ctx context.Context, d webhook.Delivery, _ bus.Meta) error {
		return answer(s.Deliver(ctx, d))
	})
}

// answer puts what a sender says into the bus's words.
func answer(err error) error {
	if later, ok := errors.AsType[*webhook.LaterError](err); ok {
		return bus.RetryAfter(min(later.After, recheck), err)
	}
	if dead, ok := errors.AsType[*webhook.DeadError](err); ok {
		return fmt.Errorf("%w: %s", bus.ErrBury, dead.Reason)
	}
	return err
}
