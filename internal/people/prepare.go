package people

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Prepare reads the people of another configuration, and returns what puts them in force. Until then nothing has changed.
// People and photos that are as they were when they were read last are not read again.
func (g *Gallery) Prepare(ctx context.Context, configured []Configured, falseAccept float64) (commit func(context.Context) error, err error) {
	stamp := stampOf(configured)
	g.mu.Lock()
	same := stamp == g.stamp && slices.Equal(configured, g.Configured) && falseAccept == g.FalseAccept
	g.mu.Unlock()
	if same {
		return func(context.Context) error { return nil }, nil
	}
	next := &Gallery{Engine: g.Engine, Read: g.Read, FalseAccept: falseAccept, Log: g.Log}
	albums, err := next.readConfigured(configured)
	if err != nil {
		return nil, err
	}
	records, err := g.Records.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnread, err)
	}
	known := map[string]bool{}
	for _, c := range configured {
		known[c.Name] = true
	}
	if err := distinct(records, known); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		g.mu.Lock()
		g.Configured, g.configured, g.FalseAccept, g.stamp, g.stale = configured, everybody(albums), falseAccept, stamp, true
		g.mu.Unlock()
		if err := g.refresh(ctx); err != nil {
			return err
		}
		return g.keepConfigured(ctx, recordsOf(albums))
	}, nil
}

func recordsOf(albums []album) (records []Person) {
	for _, a := range albums {
		records = append(records, a.record())
	}
	return records
}

// stampOf tells photos from others without reading them. One that cannot be looked at is another each time it can.
func stampOf(configured []Configured) string {
	var text strings.Builder
	for _, c := range configured {
		entries, err := os.ReadDir(c.Dir)
		fmt.Fprintln(&text, c.Name, c.Dir, err)
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				fmt.Fprintln(&text, e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return text.String()
}
