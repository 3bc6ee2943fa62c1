package alerts

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/frames"
	"vigil/vision"
)

// Notice is an event as issued: its body is marshalled once and then only carried, since receivers check a signature
// over its bytes. They travel as bytes: JSON within JSON is written anew, and otherwise, by whatever marshals it.
type Notice struct {
	ID     string          `json:"id"` // the event's, see Event.ID
	Type   EventType       `json:"type"`
	Camera frames.CameraID `json:"camera"`
	Body   []byte          `json:"body"`
	// Decided is when the sighting that raised an alert was on the bus, to measure from; zero for other events.
	Decided time.Time `json:"decided,omitzero"`
}

// NewNotice freezes the event.
func NewNotice(e Event) (Notice, error) {
	body, err := marshal(e)
	if err != nil {
		return Notice{}, fmt.Errorf("marshal event %s: %w", e.ID(), err)
	}
	return Notice{ID: e.ID(), Type: e.Type, Camera: e.Data.About(), Body: body}, nil
}

// marshal writes JSON in which the & of a link stays one: HTML's escapes are of no use to receivers, and in the way of
// people who read bodies.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Event reads the event back.
func (n Notice) Event() (Event, error) {
	var e Event
	if err := json.Unmarshal(n.Body, &e); err != nil {
		return Event{}, fmt.Errorf("read event %s: %w", n.ID, err)
	}
	return e, nil
}

// NewTest is a test event, unlike any before it and shaped like the real ones.
func NewTest(now time.Time, links Links) Event {
	id := ulid.MustNew(ulid.Timestamp(now), rand.Reader).String()
	return Event{Type: Test, Timestamp: Time{now}, Data: Data{Alert: Alert{
		ID: id, Camera: "test", OpenedAt: Time{now}, ClosedAt: &Time{now}, Rule: "test",
		Decision: vision.Unknown, Stranger: "s-test", Visits: 1, ConsoleURL: links.Console(id),
	}}}
}

// Outbox takes events to the bus. Both methods are idempotent by the notice's ID (and endpoint): after an error,
// and after a crash, they are called again.
type Outbox interface {
	// Publish tells everybody on the bus.
	Publish(ctx context.Context, n Notice) error
	// Enqueue leaves the notice for the endpoint's sender.
	Enqueue(ctx context.Context, n Notice, endpoint string) error
}

// Stage is one step of issuing an event. Its name stays the same from run to run.
type Stage struct {
	Name string
	Do   func(ctx context.Context, n Notice) error
}

// Stages are what issuing an event means, in order: the bus first, so that whoever watches it (the console, the
// command line) sees an event no later than the receivers.
func Stages(o Outbox, endpoints []string) []Stage {
	stages := []Stage{{Name: "bus", Do: o.Publish}}
	for _, endpoint := range endpoints {
		stages = append(stages, Stage{
			Name: "endpoint " + endpoint,
			Do:   func(ctx context.Context, n Notice) error { return o.Enqueue(ctx, n, endpoint) },
		})
	}
	return stages
}

// Pending is a notice on its way through the stages. What is done is not done again: the bus recognises a repetition
// for minutes only, and a stage may fail for longer.
type Pending struct {
	Notice
	Done []string `json:"done,omitempty"` // names of stages
}

// Issue takes the notice through the stages that are left, the first one before the others, which go side by side. It returns
// the notice with those that are done. One that fails does not keep it from the others: a full stream costs no alarm. After an
// error, issue what was returned again.
func Issue(ctx context.Context, stages []Stage, p Pending) (Pending, error) {
	errs := make([]error, len(stages))
	do := func(i int) {
		if !slices.Contains(p.Done, stages[i].Name) {
			errs[i] = stages[i].Do(ctx, p.Notice)
		}
	}
	var others sync.WaitGroup
	for i := range stages {
		if i == 0 {
			do(i)
		} else {
			others.Go(func() { do(i) })
		}
	}
	others.Wait()
	p.Done = slices.Clone(p.Done)
	for i, stage := range stages {
		if errs[i] == nil && !slices.Contains(p.Done, stage.Name) {
			p.Done = append(p.Done, stage.Name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return p, fmt.Errorf("issue %s: %w", p.ID, err)
	}
	return p, nil
}
