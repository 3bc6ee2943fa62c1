package whip

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogger sends what pion says to slog. Nothing of it is above debug: pion warns of every odd packet that a
// stranger sends, and what matters to the operator is the reason a session ended, which the session logs.
type pionLogger struct{ log *slog.Logger }

var _ logging.LoggerFactory = pionLogger{}

// NewLogger implements logging.LoggerFactory.
func (l pionLogger) NewLogger(scope string) logging.LeveledLogger {
	return pionScope{l.log.With("pion", scope)}
}

// pionScope is pion's logger of one of its parts.
type pionScope struct{ log *slog.Logger }

func (s pionScope) say(level, format string, args ...any) {
	if s.log.Enabled(context.Background(), slog.LevelDebug) {
		s.log.Debug(fmt.Sprintf(format, args...), "pion_level", level)
	}
}

func (pionScope) Trace(string)                    {}
func (pionScope) Tracef(string, ...any)           {}
func (pionScope) Debug(string)                    {}
func (pionScope) Debugf(string, ...any)           {}
func (s pionScope) Info(msg string)               { s.say("info", "%s", msg) }
func (s pionScope) Infof(format string, a ...any) { s.say("info", format, a...) }
func (s pionScope) Warn(msg string)               { s.say("warn", "%s", msg) }
func (s pionScope) Warnf(format string, a ...any) { s.say("warn", format, a...) }
func (s pionScope) Error(msg string)              { s.say("error", "%s", msg) }
func (s pionScope) Errorf(format string, a ...any) {
	s.say("error", format, a...)
}
