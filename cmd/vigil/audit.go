package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vigil/internal/audit"
)

type auditCommand struct {
	List  auditList  `cmd:"" help:"List what people and programs did, the latest last."`
	Check auditCheck `cmd:"" help:"Tell whether an entry was changed, taken out or put in."`
}

type auditList struct {
	remote
	Last int `default:"100" help:"So many at most; 0: all that are kept."`
}

func (c auditList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	var all []audit.Kept
	for e, err := range asked.Audit(ctx) {
		if err != nil {
			return err
		}
		if c.Last > 0 && len(all) == c.Last {
			break
		}
		all = append(all, e)
	}
	var rows []string
	for _, e := range slices.Backward(all) {
		if g.JSON {
			if err := g.print(e); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%s\t%d", e.Seq, clock(e.At), e.By, e.From, e.Action, e.Object, e.Status))
	}
	if g.JSON {
		return nil
	}
	return g.table("SEQ\tAT\tBY\tFROM\tACTION\tOBJECT\tSTATUS", rows)
}

type auditCheck struct{ remote }

func (c auditCheck) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.CheckAudit(ctx)
	if err != nil {
		return fmt.Errorf("check audit log: %w", err)
	}
	if g.JSON {
		if err := g.print(found); err != nil {
			return err
		}
	} else if len(found.Broken) == 0 {
		g.say("%d entries, %d to %d, as they were written\n", found.Entries, found.First, found.Last)
	}
	if len(found.Broken) > 0 {
		return fmt.Errorf("audit log: %s", strings.Join(found.Broken, "; "))
	}
	return nil
}
