package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"vigil/internal/web"
	"vigil/vision"
)

var seenAt = time.Date(2026, 11, 22, 20, 15, 31, 0, time.Local)

// story is a track that was undecided for a while, known then, and is kept known though its faces became poor.
func story() web.TrackStory {
	good := vision.Quality{EyeDistance: 41.2, Sharpness: 310, Yaw: -12, Pitch: 4, Light: 0.5, Inside: 1, Detector: 0.93, Score: 0.9}
	anna := []vision.Likeness{{Person: "Anna", Score: 0.61}, {Person: "Ben", Score: 0.2}}
	e := &vision.Evidence{
		Gate: vision.GateMargin, Reason: "as much like Anna as like Ben", Held: true, Model: "sface@1", Threshold: 0.363,
		Margin: 0.05, Enrolled: 2, Config: "c0ffee123456", Fused: anna,
		Shots: []vision.ShotEvidence{
			{Time: seenAt, Quality: good, Weight: 1, Scores: anna},
			{Time: seenAt.Add(time.Second), Quality: vision.Quality{Yaw: 62}, Limit: "usable_yaw"},
		},
	}
	known := vision.Decision{Outcome: vision.Known, Person: "Anna", Gate: vision.GateMatch, Reason: "2 pictures look like Anna"}
	at := func(stage string, second int, d vision.Decision, e *vision.Evidence) vision.Sighting {
		return vision.Sighting{
			Track: "door/e1/90-1", Stage: stage, Start: seenAt, Seen: seenAt.Add(time.Duration(second) * time.Second),
			Decision: d, Evidence: e,
		}
	}
	return web.TrackStory{Track: "door/e1/90-1", Sightings: []vision.Sighting{
		at("decided", 1, known, nil), at("ended", 9, known, e),
	}}
}

func TestExplanationForPeople(t *testing.T) {
	var out bytes.Buffer
	g := &Globals{out: &out}
	if err := g.tell(story()); err != nil {
		t.Fatal(err)
	}
	want := `track door/e1/90-1, from 2026-11-22 20:15:31 to 20:15:40
decided    20:15:32  known, Anna: 2 pictures look like Anna (match)
ended      20:15:40  known, Anna: 2 pictures look like Anna (match); kept, though by then: as much like Anna as like Ben (margin)
together like Anna 0.610, Ben 0.200; a match wants 0.363, and 0.050 more than the second
model sface@1, 2 enrolled, configuration c0ffee123456
FACE        EYES  SHARP  YAW   PITCH  ROLL  LIGHT  INSIDE  DETECTOR  SCORE  REFUSED BY  WEIGHT  LOOKS LIKE
20:15:31.0  41    310    -12°  +4°    +0°   0.50   1.00    0.93      0.90   -           1.00    Anna 0.610, Ben 0.200
20:15:32.0  0     0      +62°  +0°    +0°   0.00   0.00    0.00      0.00   usable_yaw  0.00    not compared
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestExplanationWithoutEvidence(t *testing.T) {
	var out bytes.Buffer
	g := &Globals{out: &out}
	s := vision.Sighting{Stage: "ended", Stranger: "s-1", Decision: vision.Decision{Outcome: vision.Unknown, Reason: "so it was"}}
	if err := g.tell(web.TrackStory{Track: "x", Sightings: []vision.Sighting{s}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "unknown, stranger s-1: so it was\n") || !strings.Contains(out.String(), "no evidence") {
		t.Errorf("got %s", out.String())
	}
	if got := comparison(&vision.Evidence{Threshold: 0.4}); !strings.Contains(got, "compared with nobody") {
		t.Errorf("got %s", got)
	}
}
