package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vigil/internal/web"
)

type rulesCommand struct {
	List rulesList `cmd:"" help:"List the rules in force, the most important first."`
}

type rulesList struct{ remote }

func (c rulesList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.Rules(ctx)
	if err != nil {
		return err
	}
	var rows []string
	for _, r := range found {
		if g.JSON {
			if err := g.print(r); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, ruleRow(r))
	}
	if g.JSON {
		return nil
	}
	return g.table("RULE\tWHO\tWHERE\tWHEN\tACTIVE\tCOOLDOWN\tTOLD\tLAST ALERT\tHELD", rows)
}

func ruleRow(r web.RuleView) string {
	who := append(append([]string{}, r.Who...), r.People...)
	for _, group := range r.Groups {
		who = append(who, "group "+group)
	}
	where := worded(r.Cameras, "everywhere")
	if len(r.Zones) > 0 {
		where += " in " + strings.Join(r.Zones, ",")
	}
	active, cooldown := "no", "-"
	if r.Active {
		active = "yes"
	}
	if r.Cooldown > 0 {
		cooldown = time.Duration(r.Cooldown * float64(time.Second)).String()
	}
	text := fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d", r.Name, strings.Join(who, ","), where, ruleTime(r), active, cooldown,
		worded(r.Endpoints, "all"), when(r.Last), r.Held)
	if len(r.Missing) > 0 {
		text += "\tnot enrolled: " + strings.Join(r.Missing, ", ")
	}
	return text
}

func ruleTime(r web.RuleView) string {
	var times []string
	for _, w := range r.Schedule {
		text := worded(w.Days, "")
		if w.From != "" || w.To != "" {
			text = strings.TrimSpace(fmt.Sprintf("%s %s-%s", text, orMidnight(w.From, "00:00"), orMidnight(w.To, "24:00")))
		}
		if text == "" {
			text = "always"
		}
		times = append(times, text)
	}
	return strings.TrimSpace(worded(times, "always") + " " + r.TimeZone)
}

func orMidnight(text, midnight string) string {
	if text == "" {
		return midnight
	}
	return text
}

func worded(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ",")
}
