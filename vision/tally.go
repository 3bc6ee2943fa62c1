package vision

import (
	"log/slog"
	"time"
)

// tally logs repeated trouble at most once a second, with how often it came.
type tally struct {
	log  *slog.Logger
	text string

	count int // since it was logged
	last  error
	at    time.Time
}

func (t *tally) add(err error) {
	t.count++
	t.last = err
	if time.Since(t.at) >= time.Second {
		t.flush()
	}
}

func (t *tally) flush() {
	if t.count == 0 {
		return
	}
	t.log.Warn(t.text, "error", t.last, "times", t.count)
	t.count, t.at = 0, time.Now()
}
