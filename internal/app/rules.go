package app

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/people"
	"vigil/internal/web"
	"vigil/vision"
)

// evaluator is what the configuration says of visits and alerts.
func (a *App) evaluator(cfg config.Config) alerts.Evaluator {
	return alerts.Evaluator{
		Rules: rulesOf(cfg), VisitGap: cfg.Alerts.VisitGap, Links: a.links, PreRoll: cfg.Clips.PreRoll, PostRoll: cfg.Clips.PostRoll,
	}
}

// rulesOf are the rules of a valid configuration, in their order.
func rulesOf(cfg config.Config) []alerts.Rule {
	if len(cfg.Rules) == 0 {
		return []alerts.Rule{alerts.Strangers()}
	}
	var rules []alerts.Rule
	for _, r := range cfg.Rules {
		rules = append(rules, ruleOf(cfg, r))
	}
	return rules
}

func ruleOf(cfg config.Config, r config.Rule) alerts.Rule {
	rule := alerts.Rule{
		Name: r.Name, People: slices.Clone(r.People), Zones: zonesOf(cfg, r), Cooldown: r.Cooldown, Endpoints: r.Endpoints,
	}
	for _, who := range r.Who {
		rule.Outcomes = append(rule.Outcomes, vision.Outcome(who))
	}
	for _, p := range cfg.People.Known {
		if slices.ContainsFunc(p.Groups, func(group string) bool { return slices.Contains(r.Groups, group) }) {
			rule.People = append(rule.People, p.Name)
		}
	}
	if len(r.Who)+len(r.People)+len(r.Groups) == 0 {
		rule.Outcomes = alerts.Strangers().Outcomes
	}
	for _, camera := range r.Cameras {
		rule.Cameras = append(rule.Cameras, frames.CameraID(camera))
	}
	for _, w := range r.Schedule {
		days, from, to := w.Span()
		rule.Schedule.Windows = append(rule.Schedule.Windows, alerts.Window{Days: days, From: from, To: to})
	}
	if r.TimeZone != "" {
		rule.Schedule.Location, _ = time.LoadLocation(r.TimeZone) // it was found when the configuration was checked
	}
	return rule
}

// zonesOf are the areas that the rule names, by camera.
func zonesOf(cfg config.Config, r config.Rule) map[frames.CameraID][]alerts.Polygon {
	if len(r.Zones) == 0 {
		return nil
	}
	zones := map[frames.CameraID][]alerts.Polygon{}
	for _, c := range cfg.Cameras {
		for _, z := range c.Zones {
			if !slices.Contains(r.Zones, z.Name) {
				continue
			}
			var area alerts.Polygon
			for _, corner := range z.Polygon {
				area = append(area, vision.Point{X: corner[0], Y: corner[1]})
			}
			zones[frames.CameraID(c.ID)] = append(zones[frames.CameraID(c.ID)], area)
		}
	}
	return zones
}

// tellRulesEvery is how often what became of the rules is looked at; it is told when it has changed.
const tellRulesEvery = 2 * time.Second

// tellRules tells what became of the rules until ctx ends.
func (a *App) tellRules(desk *alerts.Desk, book *bus.KV[[]web.RuleView], enrolled records) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(tellRulesEvery)
		defer tick.Stop()
		var told []web.RuleView
		var missing []string
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			all, ok := desk.Tallies()
			present, err := enrolled.List(ctx)
			if !ok || err != nil {
				continue // they come later
			}
			now := ruleViews(*a.live.Load(), all, present, time.Now())
			if m := missingOf(now); len(m) > 0 && !slices.Equal(m, missing) {
				missing = m
				a.log.Warn("rules name people who are not enrolled", "people", m)
			}
			if reflect.DeepEqual(now, told) {
				continue
			}
			if _, err := book.Put(ctx, rulesSetting, now); err == nil {
				told = now
			}
		}
	}
}

// ruleViews are the rules as they are configured, and what became of them.
func ruleViews(cfg config.Config, all map[string]alerts.Tally, present []people.Person, now time.Time) (views []web.RuleView) {
	configured := cfg.Rules
	if len(configured) == 0 {
		configured = []config.Rule{{Name: alerts.Strangers().Name}}
	}
	for _, r := range configured {
		rule, tally := ruleOf(cfg, r), all[r.Name]
		view := web.RuleView{
			Name: r.Name, Who: r.Who, People: r.People, Groups: r.Groups, Cameras: r.Cameras, Zones: r.Zones, TimeZone: r.TimeZone,
			Cooldown: r.Cooldown.Seconds(), Endpoints: r.Endpoints, Active: rule.Schedule.Covers(now),
			Raised: tally.Raised, Held: tally.Held, Last: tally.Last,
		}
		if len(r.Who)+len(r.People)+len(r.Groups) == 0 {
			view.Who = []string{string(vision.Unknown)}
		}
		for _, w := range r.Schedule {
			view.Schedule = append(view.Schedule, web.WindowView(w))
		}
		for _, name := range rule.People {
			if !slices.ContainsFunc(present, func(p people.Person) bool { return p.Name == name }) {
				view.Missing = append(view.Missing, name)
			}
		}
		views = append(views, view)
	}
	return views
}

func missingOf(views []web.RuleView) (names []string) {
	for _, v := range views {
		names = append(names, v.Missing...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ruleList shows the console what the alerts role tells of its rules, wherever it runs.
type ruleList struct{ book *bus.KV[[]web.RuleView] }

// Rules implements web.Rules.
func (l ruleList) Rules(ctx context.Context) ([]web.RuleView, error) {
	entry, err := l.book.Get(ctx, rulesSetting)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, nil // no role alerts was at work yet
	}
	return entry.Value, err
}
