package child

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// levels are those that a parent's logger is asked for, the lowest first.
var levels = []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

// Level is the lowest level that the logger takes.
func Level(ctx context.Context, log *slog.Logger) slog.Level {
	for _, l := range levels {
		if log.Enabled(ctx, l) {
			return l
		}
	}
	return slog.LevelError + 1
}

// handler sends records to the parent.
type handler struct {
	parent *Parent
	level  slog.Level
	prefix string // of groups
	attrs  []attr
}

var _ slog.Handler = handler{}

// Enabled implements slog.Handler.
func (h handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle implements slog.Handler.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	l := &line{Level: r.Level, Message: r.Message, Attrs: append([]attr(nil), h.attrs...)}
	r.Attrs(func(a slog.Attr) bool {
		l.Attrs = appendAttr(l.Attrs, h.prefix, a)
		return true
	})
	return h.parent.tell(message{Line: l})
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(more []slog.Attr) slog.Handler {
	h.attrs = append([]attr(nil), h.attrs...)
	for _, a := range more {
		h.attrs = appendAttr(h.attrs, h.prefix, a)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	h.prefix += name + "."
	return h
}

func appendAttr(to []attr, prefix string, a slog.Attr) []attr {
	v := a.Value.Resolve()
	out := attr{Key: prefix + a.Key, Kind: v.Kind()}
	switch v.Kind() {
	case slog.KindGroup:
		for _, inner := range v.Group() {
			to = appendAttr(to, prefix+a.Key+".", inner)
		}
		return to
	case slog.KindInt64:
		out.Bits = uint64(v.Int64())
	case slog.KindUint64:
		out.Bits = v.Uint64()
	case slog.KindDuration:
		out.Bits = uint64(v.Duration())
	case slog.KindFloat64:
		out.Bits = math.Float64bits(v.Float64())
	case slog.KindBool:
		if v.Bool() {
			out.Bits = 1
		}
	case slog.KindTime:
		out.Text = v.Time().Format(time.RFC3339Nano)
	case slog.KindString:
		out.Text = v.String()
	default:
		out.Text = fmt.Sprint(v.Any())
	}
	return append(to, out)
}

// restored is the attribute as the child had it, other kinds and times as their text.
func (a attr) restored() slog.Attr {
	switch a.Kind {
	case slog.KindInt64:
		return slog.Int64(a.Key, int64(a.Bits))
	case slog.KindUint64:
		return slog.Uint64(a.Key, a.Bits)
	case slog.KindDuration:
		return slog.Duration(a.Key, time.Duration(a.Bits))
	case slog.KindFloat64:
		return slog.Float64(a.Key, math.Float64frombits(a.Bits))
	case slog.KindBool:
		return slog.Bool(a.Key, a.Bits != 0)
	}
	return slog.String(a.Key, a.Text)
}

// write adds the record to a log.
func (l *line) write(ctx context.Context, log *slog.Logger) {
	attrs := make([]slog.Attr, len(l.Attrs))
	for i, a := range l.Attrs {
		attrs[i] = a.restored()
	}
	log.LogAttrs(ctx, l.Level, l.Message, attrs...)
}
