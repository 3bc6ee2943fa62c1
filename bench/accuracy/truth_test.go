package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vigil/vision"
)

// track is one from start to end, in seconds; person is empty unless it is known.
func track(start, end float64, outcome vision.Outcome, person string) *heard {
	at := func(s float64) time.Time { return sceneStart.Add(time.Duration(s * float64(time.Second))) }
	return &heard{start: at(start), end: at(end), outcome: outcome, person: person, alarmed: outcome == vision.Unknown}
}

func TestJudge(t *testing.T) {
	unknown, undecided := track(0, 1, vision.Unknown, ""), track(0, 1, vision.Undecided, "")
	anna, ben := track(0, 1, vision.Known, "anna"), track(0, 1, vision.Known, "ben")
	late := track(0, 1, vision.Known, "anna")
	late.alarmed = true
	for _, c := range []struct {
		person string
		tracks []*heard
		want   Verdict
	}{
		{"anna", []*heard{anna}, Right},
		{"anna", []*heard{undecided, anna}, Right},
		{"anna", []*heard{anna, ben}, WrongName},
		{"anna", []*heard{anna, unknown}, CalledUnknown},
		{"anna", []*heard{late}, Corrected},
		{"anna", []*heard{undecided}, NoAnswer},
		{"anna", nil, NotSeen},
		{"", []*heard{unknown, undecided}, Right},
		{"", []*heard{unknown, anna}, StrangerMissed},
		{"", []*heard{undecided}, NoAnswer},
	} {
		if got := judge(c.person, c.tracks); got != c.want {
			t.Errorf("%q: got %q, want %q", c.person, got, c.want)
		}
	}
}

// TestEarlyAlarmIsHeard: what was said first counts although something better was said later.
func TestEarlyAlarmIsHeard(t *testing.T) {
	said := func(outcome vision.Outcome, person, stranger string) vision.Observation {
		return vision.Observation{Sighting: vision.Sighting{
			Track: "door/e/1-1", Stranger: stranger, Decision: vision.Decision{Outcome: outcome, Person: person},
		}}
	}
	var e ear
	e.take([]vision.Observation{said(vision.Unknown, "", "s-1"), said(vision.Known, "anna", "")})
	if len(e.tracks) != 1 || judge("anna", e.tracks) != Corrected || e.tracks[0].stranger != "s-1" {
		t.Errorf("got %d tracks, the first %+v", len(e.tracks), e.tracks[0])
	}
}

func TestAssign(t *testing.T) {
	passes := []pass{{"a", 3, 10}, {"b", 5, 13}, {"c", 20, 28}}
	a, b := track(3.6, 9.2, vision.Known, "a"), track(5.8, 12.6, vision.Unknown, "")
	piece, nobody := track(11.5, 12.4, vision.Undecided, ""), track(40, 41, vision.Unknown, "")
	of, extra := assign(passes, []*heard{b, piece, a, nobody})
	if !slices.Equal(of, []*heard{a, b, nil}) || !slices.Equal(extra, []*heard{piece, nobody}) {
		t.Errorf("got %v and %v", of, extra)
	}
	known := func(name string) bool { return name == "a" }
	if got := judgeExtra(piece, passes, known); got != NoAnswer {
		t.Errorf("a piece: got %q", got)
	}
	if got := judgeExtra(track(6, 8, vision.Known, "a"), passes, known); got != Right {
		t.Errorf("a piece of either of two: got %q", got)
	}
	if got := judgeExtra(track(21, 22, vision.Known, "a"), passes, known); got != StrangerMissed {
		t.Errorf("a piece of a stranger with a name: got %q", got)
	}
	if got := judgeExtra(track(40, 41, vision.Known, "a"), passes, known); got != StrangerMissed {
		t.Errorf("nobody's, with a name: got %q", got)
	}
}

func TestScene(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.truth.json")
	text := `{"w":1280,"passes":[{"person":"a","enter":1,"leave":4,"height":0.3},{"person":"b","enter":6,"leave":9},{"person":"c","enter":11,"leave":14}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	truth, err := readTruth(file)
	if err != nil || !slices.Equal(truth.cast(), []string{"a", "b", "c"}) {
		t.Fatalf("got %+v, %v", truth, err)
	}
	b, c := track(6, 9, vision.Unknown, ""), track(11, 14, vision.Unknown, "")
	b.stranger, c.stranger = "s-1", "s-1"
	s := Scene{File: "x.mp4", Enrolled: []string{"a"}}
	s.compare(truth, []*heard{track(1, 4, vision.Known, "a"), b, c})
	if g := s.goal(); !g.Met || s.Merged != 1 || len(s.Passes) != 3 || len(s.Extra) != 0 {
		t.Errorf("got %+v, %+v", g, s)
	}
	s = Scene{File: "x.mp4", Enrolled: []string{"a"}}
	s.compare(truth, []*heard{track(1, 4, vision.Unknown, ""), track(6, 9, vision.Known, "a")})
	if g := s.goal(); g.Met || g.Got != "0 of 3 right, 0 wrong names, 1 strangers missed, 1 known called unknown, 1 without an answer" {
		t.Errorf("got %+v", g)
	}
}
