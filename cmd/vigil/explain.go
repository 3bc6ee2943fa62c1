package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vigil/internal/web"
	"vigil/vision"
)

type explainCommand struct {
	remote
	ID string `arg:"" help:"The id of an alert, or of a track, as alerts and sightings show it."`
}

// Run prints why an alert or a track was decided so, from the decision log.
func (c explainCommand) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.Explain(ctx, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(found)
	}
	if a := found.Alert; a != nil {
		g.say("alert %s: %s on camera %s at %s, rule %s\n\n", a.ID, a.Decision, a.Camera, clock(a.OpenedAt.Time), a.Rule)
	}
	for i, story := range found.Tracks {
		if i > 0 {
			g.say("\n")
		}
		if err := g.tell(story); err != nil {
			return err
		}
	}
	return nil
}

// tell prints what was decided of a track in the order of time, and the evidence of the last decision.
func (g *Globals) tell(story web.TrackStory) error {
	last := story.Sightings[len(story.Sightings)-1]
	g.say("track %s, from %s to %s\n", story.Track, clock(last.Start), last.Seen.Local().Format(time.TimeOnly))
	for _, s := range story.Sightings {
		g.say("%-9s  %s  %s\n", s.Stage, s.Seen.Local().Format(time.TimeOnly), sentence(s))
	}
	e := last.Evidence
	if e == nil {
		g.say("The log has no evidence of this track.\n")
		return nil
	}
	g.say("%s\n", comparison(e))
	g.say("model %s, %d enrolled, configuration %s\n", e.Model, e.Enrolled, e.Config)
	var rows []string
	for _, shot := range e.Shots {
		rows = append(rows, shotRow(shot))
	}
	return g.table("FACE\tEYES\tSHARP\tYAW\tPITCH\tROLL\tLIGHT\tINSIDE\tDETECTOR\tSCORE\tREFUSED BY\tWEIGHT\tLOOKS LIKE", rows)
}

// sentence says what was decided, by which gate, and why.
func sentence(s vision.Sighting) string {
	d := s.Decision
	who := string(d.Outcome)
	switch d.Outcome {
	case vision.Known:
		who += ", " + d.Person
	case vision.Unknown:
		who += ", stranger " + s.Stranger
	}
	text := who + ": " + d.Reason
	if d.Gate != "" {
		text += fmt.Sprintf(" (%s)", d.Gate)
	}
	if e := s.Evidence; e != nil && e.Held {
		text += fmt.Sprintf("; kept, though by then: %s (%s)", e.Reason, e.Gate)
	}
	return text
}

// comparison says whom the weighed faces together look like, and what is wanted of a match.
func comparison(e *vision.Evidence) string {
	if len(e.Fused) == 0 {
		return fmt.Sprintf("compared with nobody; a match wants %.3f, and %.3f more than the second", e.Threshold, e.Margin)
	}
	return fmt.Sprintf("together like %s; a match wants %.3f, and %.3f more than the second", likenesses(e.Fused), e.Threshold, e.Margin)
}

func likenesses(list []vision.Likeness) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%s %.3f", c.Person, c.Score))
	}
	return strings.Join(parts, ", ")
}

func shotRow(s vision.ShotEvidence) string {
	q := s.Quality
	refused, like := "-", "not compared"
	if s.Limit != "" {
		refused = s.Limit
	}
	if len(s.Scores) > 0 {
		like = likenesses(s.Scores[:min(len(s.Scores), 2)]) // a match is the first, so much ahead of the second
	}
	return fmt.Sprintf("%s\t%.0f\t%.0f\t%+.0f°\t%+.0f°\t%+.0f°\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%.2f\t%s",
		s.Time.Local().Format("15:04:05.0"), q.EyeDistance, q.Sharpness, q.Yaw, q.Pitch, q.Roll, q.Light, q.Inside, q.Detector,
		q.Score, refused, s.Weight, like)
}
