package app

import (
	"context"
	"iter"
	"regexp"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/alerts"
	"vigil/internal/bus"
	"vigil/internal/web"
)

// Events implements web.Alerts. What lies behind an event is found by reading from before its time on; of one that is not
// kept any more, all from its time on is told.
func (l alertList) Events(ctx context.Context, since web.Since) iter.Seq2[alerts.Event, error] {
	began, named := eventTime(since.After)
	if !named {
		if since.From.IsZero() {
			since.From = time.Now()
		}
		return l.events.Tail(ctx, bus.TailOptions{From: since.From, Follow: true})
	}
	return func(yield func(alerts.Event, error) bool) {
		from := began.Add(-clockSlack)
		skipping := false
		for event, err := range l.events.Tail(ctx, bus.TailOptions{From: from}) {
			if err == nil && event.ID() == since.After {
				skipping = true
				break
			}
		}
		for event, err := range l.events.Tail(ctx, bus.TailOptions{From: from, Follow: true}) {
			switch {
			case err == nil && skipping:
				skipping = event.ID() != since.After
			case !yield(event, err):
				return
			}
		}
	}
}

// cameraEvent is the id of a camera's event: see alerts.Event.ID.
var cameraEvent = regexp.MustCompile(`-(\d{1,15})-camera-(?:on|off)line$`)

// eventTime is when what the event of that id tells of began; the event itself is no earlier.
func eventTime(id string) (time.Time, bool) {
	if len(id) >= ulid.EncodedSize {
		if parsed, err := ulid.ParseStrict(id[:ulid.EncodedSize]); err == nil {
			return ulid.Time(parsed.Time()), true
		}
	}
	if found := cameraEvent.FindStringSubmatch(id); found != nil {
		ms, _ := strconv.ParseInt(found[1], 10, 64) // fifteen digits are a number
		return time.UnixMilli(ms), true
	}
	return time.Time{}, false
}
