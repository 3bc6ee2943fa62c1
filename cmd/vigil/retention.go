package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vigil/clips/retention"
)

type retentionCommand struct{ remote }

func (c retentionCommand) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	view, err := asked.Retention(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(view)
	}
	var rows []string
	for _, now := range view.Preview {
		last := retention.State{}
		if i := slices.IndexFunc(view.Last, func(s retention.State) bool { return s.Kind == now.Kind }); i >= 0 {
			last = view.Last[i]
		}
		rows = append(rows, retentionRow(last, now))
	}
	return g.table("KIND\tLAST RUN\tDELETED\tLAG\tWOULD GO NOW\tSTORED\tERROR", rows)
}

// retentionRow is a kind after its last run, and after one that was now.
func retentionRow(last, now retention.State) string {
	ran, stored, trouble := "-", "-", "-"
	if !last.Ran.IsZero() {
		ran = clock(last.Ran)
	}
	if !last.Measured.IsZero() {
		stored = fmt.Sprintf("%.1f MB", float64(last.KeptBytes)/1e6)
	}
	for _, s := range []retention.State{now, last} {
		if s.Error != "" {
			trouble = s.Error
		}
	}
	return fmt.Sprintf("%s\t%s\t%d\t%s\t%d, %.1f MB\t%s\t%s", now.Kind, ran, last.Deleted, last.Lag(time.Now()).Round(time.Second),
		now.Deleted, float64(now.DeletedBytes)/1e6, stored, trouble)
}
