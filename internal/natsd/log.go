package natsd

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// logger hands the server's lines to slog. The server reports why it cannot start only here, so the first fatal line
// is kept.
type logger struct {
	log *slog.Logger

	mu    sync.Mutex
	first error
}

var _ server.Logger = (*logger)(nil)

// fatal returns the first fatal line, if there was one.
func (l *logger) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// Fatalf implements server.Logger. The server's own logger would end the process here.
func (l *logger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = fmt.Errorf(format, v...)
		return
	}
	l.log.Error("NATS server", "error", fmt.Sprintf(format, v...))
}

// Errorf implements server.Logger.
func (l *logger) Errorf(format string, v ...any) {
	l.log.Error("NATS server", "error", fmt.Sprintf(format, v...))
}

// Warnf implements server.Logger.
func (l *logger) Warnf(format string, v ...any) {
	l.log.Warn("NATS server", "warning", fmt.Sprintf(format, v...))
}

// Noticef implements server.Logger.
func (l *logger) Noticef(format string, v ...any) { l.debug(format, v...) }

// Debugf implements server.Logger.
func (l *logger) Debugf(format string, v ...any) { l.debug(format, v...) }

// Tracef implements server.Logger.
func (l *logger) Tracef(format string, v ...any) { l.debug(format, v...) }

func (l *logger) debug(format string, v ...any) {
	l.log.Debug("NATS server", "line", fmt.Sprintf(format, v...))
}
