package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vigil/internal/app"
	"vigil/vision"
)

type peopleCalibrate struct {
	remote
	People string `type:"path" placeholder:"DIR" help:"Folder of folders of photos, one for each person; no running Vigil is asked."`
}

func (c peopleCalibrate) Run(ctx context.Context, g *Globals) error {
	report, err := c.report(ctx, g)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(report)
	}
	g.tellReport(report)
	var rows []string
	for _, pair := range report.Alike {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%.2f\t%s", pair.A, pair.B, pair.Score, pair.Remark))
	}
	if rows == nil {
		return nil
	}
	g.say("\nThe people most alike:\n")
	return g.table("PERSON\tAND\tCOSINE\t", rows)
}

func (c peopleCalibrate) report(ctx context.Context, g *Globals) (vision.Report, error) {
	if c.People == "" {
		asked, err := c.client(g)
		if err != nil {
			return vision.Report{}, err
		}
		return asked.Calibration(ctx)
	}
	cfg, err := g.load()
	if err != nil {
		return vision.Report{}, err
	}
	engine, err := app.OpenEngine(cfg, g.log())
	if err != nil {
		return vision.Report{}, err
	}
	gallery, err := folderOf(c.People, cfg, engine, g.log())
	if err != nil {
		return vision.Report{}, errors.Join(err, engine.Close())
	}
	report, err := gallery.Report(ctx)
	return report, errors.Join(err, engine.Close())
}

// tellReport prints the report's numbers in sentences.
func (g *Globals) tellReport(r vision.Report) {
	g.say("model %s, %d people, %d templates\n", r.Model, r.People, r.Templates)
	g.say("stated: one stranger is taken for anybody with probability %g\n", r.Stated)
	g.say("threshold that follows: cosine %.3f\n", r.Threshold)
	if r.Expected > r.Stated*1.01 {
		g.say("this model's calibration does not reach that far: expect %.2g\n", r.Expected)
	}
	if r.Estimated {
		g.say("this model's calibration is an estimate from its threshold; nobody has measured it\n")
	}
	if r.Compared < r.Templates {
		g.say("too many to compare them all in time: what follows is of %d templates, evenly taken\n", r.Compared)
	}
	g.say("false accepts, each photo against everybody else's: %s\n", observed(r.FalseAccepts))
	g.say("false alarms, each photo against the person's others: %s\n", observed(r.FalseAlarms))
	if n := len(r.Single); n > 0 {
		names := strings.Join(r.Single[:min(n, mostNames)], ", ")
		if n > mostNames {
			names += fmt.Sprintf(" and %d others", n-mostNames)
		}
		g.say("one photo only, so that nothing is known of their false alarms: %s\n", names)
	}
}

// mostNames is how many names a sentence holds.
const mostNames = 10

func observed(o vision.Observed) string {
	if o.Of == 0 {
		return "nothing to compare"
	}
	return fmt.Sprintf("%d of %d, %.3g %% (95 %%: %.3g to %.3g %%)", o.Count, o.Of, 100*o.Rate, 100*o.Low, 100*o.High)
}
