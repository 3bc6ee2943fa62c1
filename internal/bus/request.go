package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrNoResponders says that no process answers on the subject now.
var ErrNoResponders = errors.New("nobody answers")

// RemoteError is an error that the other side's function returned.
type RemoteError struct{ Text string }

// Error implements error.
func (e *RemoteError) Error() string { return e.Text }

const (
	// requestTimeout bounds a request whose ctx has no deadline.
	requestTimeout = 30 * time.Second
	// responders is how many requests of one subject a process answers at once.
	responders = 16
)

type reply[R any] struct {
	Error string `json:"error,omitempty"`
	Value R      `json:"value"`
}

// Request asks whoever responds on subject and returns the answer. The error is ErrNoResponders when nobody does, and
// a *RemoteError when the function there failed.
func Request[T, R any](ctx context.Context, c *Conn, subject string, v T) (R, error) {
	var none R
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	data, err := json.Marshal(v)
	if err != nil {
		return none, fmt.Errorf("request %s: %w", subject, err)
	}
	msg, err := c.nc.RequestWithContext(ctx, subject, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return none, fmt.Errorf("request %s: %w", subject, ErrNoResponders)
	case err != nil:
		return none, fmt.Errorf("request %s: %w", subject, err)
	}
	var r reply[R]
	if err := json.Unmarshal(msg.Data, &r); err != nil {
		return none, fmt.Errorf("request %s: answer: %w", subject, err)
	}
	if r.Error != "" {
		return none, fmt.Errorf("request %s: %w", subject, &RemoteError{Text: r.Error})
	}
	return r.Value, nil
}

// Respond answers requests on subject with f until ctx ends, and then returns nil. Of the processes that respond with
// the same queue one gets each request. The text of an error travels to the one who asked, so it must hold no secret.
func Respond[T, R any](
	ctx context.Context, c *Conn, subject, queue string, f func(context.Context, T) (R, error),
) error {
	sub, err := c.nc.QueueSubscribeSync(subject, queue)
	if err != nil {
		return fmt.Errorf("respond on %s: %w", subject, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is closed, and then nothing is left of it
	slots := make(chan struct{}, responders)
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, nats.ErrSlowConsumer):
			continue // requests were dropped, the next ones are there
		case err != nil:
			return fmt.Errorf("respond on %s: %w", subject, err)
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := msg.Respond(answer(ctx, msg.Data, f)); err != nil {
				c.log().Warn("answer lost", "subject", subject, "error", err)
			}
		})
	}
}

func answer[T, R any](ctx context.Context, data []byte, f func(context.Context, T) (R, error)) []byte {
	var v T
	var r reply[R]
	err := json.Unmarshal(data, &v)
	if err != nil {
		err = fmt.Errorf("request not readable: %w", err)
	} else if r.Value, err = f(ctx, v); err == nil {
		var out []byte
		if out, err = json.Marshal(r); err == nil {
			return out
		}
	}
	text := err.Error()
	if text == "" {
		text = "unnamed error"
	}
	// A struct of one string always marshals.
	out, _ := json.Marshal(reply[*struct{}]{Error: text})
	return out
}
