package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const keepAlive = 15 * time.Second

// events streams server-sent events (WHATWG HTML, 9.2): one per event, its JSON the webhook's body. A browser that comes
// back says which event it had last.
func (s *Server) events(w http.ResponseWriter, r *asked) error {
	from, err := instant(r.URL.Query(), "from")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // of nginx, which would hold events back
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{})
	_, _ = io.WriteString(w, ": hello\n\n")
	_ = out.Flush()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		for event, err := range s.cfg.Alerts.Events(ctx, Since{From: from, After: r.Header.Get("Last-Event-ID")}) {
			if err != nil {
				failed <- err
				return
			}
			if !r.caller.sees(event.Data.About()) {
				continue
			}
			var line bytes.Buffer
			fmt.Fprintf(&line, "id: %s\nevent: %s\ndata: ", event.ID(), event.Type)
			_ = encoder(&line).Encode(event) // ends the line
			line.WriteByte('\n')
			select {
			case lines <- line.Bytes():
			case <-ctx.Done():
				return
			}
		}
	}()
	s.stream(w, r, lines, failed)
	cancel()
	for range lines { // they end with ctx
	}
	return nil
}

// stream writes lines as they come, and a comment now and then so that proxies keep the connection. It ends when the
// caller may not ask any more.
func (s *Server) stream(w http.ResponseWriter, r *asked, lines <-chan []byte, failed <-chan error) {
	out := http.NewResponseController(w)
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		line := []byte(": still here\n\n")
		select {
		case more, ok := <-lines:
			if !ok {
				select {
				case err := <-failed:
					s.cfg.Log.Warn("event stream ended", "error", err)
				default:
				}
				return
			}
			line = more
		case <-tick.C:
			if _, err := s.caller(r.Request); err != nil {
				return
			}
		}
		_, err := w.Write(line)
		if err = errors.Join(err, out.Flush()); err != nil {
			return
		}
	}
}
