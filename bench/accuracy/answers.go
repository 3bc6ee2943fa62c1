package main

import (
	"time"

	"vigil/vision"
)

// heard is what was said of one track.
type heard struct {
	start, end time.Time
	outcome    vision.Outcome // the last one
	person     string         // the last one
	stranger   string         // the first one
	alarmed    bool           // it was called unknown, though perhaps not to the end
}

// ear listens to an analysis.
type ear struct {
	tracks []*heard
	byID   map[string]*heard
}

func (e *ear) take(due []vision.Observation) {
	for _, o := range due {
		h := e.byID[o.Track]
		if h == nil {
			if e.byID == nil {
				e.byID = map[string]*heard{}
			}
			h = &heard{start: o.Start}
			e.byID[o.Track] = h
			e.tracks = append(e.tracks, h)
		}
		h.end, h.outcome, h.person = o.Seen, o.Decision.Outcome, o.Decision.Person
		h.alarmed = h.alarmed || h.outcome == vision.Unknown
		if h.stranger == "" {
			h.stranger = o.Stranger
		}
	}
}

// Verdict says how right the answer to one appearance of one person is.
type Verdict string

// The verdicts, the worst first. Of several tracks of one appearance the worst counts, but no answer is only what is
// left when none of them says anything.
const (
	WrongName      Verdict = "wrong name"      // of somebody enrolled
	StrangerMissed Verdict = "stranger missed" // taken for somebody enrolled
	CalledUnknown  Verdict = "called unknown"  // somebody enrolled: a false alarm
	Corrected      Verdict = "corrected"       // the same, but it was taken back
	Right          Verdict = "right"
	NoAnswer       Verdict = "undecided"
	NotSeen        Verdict = "no track"
)

// judge gives the verdict on the tracks of somebody's appearance; person is empty for a stranger.
func judge(person string, tracks []*heard) Verdict {
	said := map[Verdict]bool{}
	for _, t := range tracks {
		said[judgeTrack(person, t)] = true
	}
	for _, v := range []Verdict{WrongName, StrangerMissed, CalledUnknown, Corrected, Right, NoAnswer} {
		if said[v] {
			return v
		}
	}
	return NotSeen
}

func judgeTrack(person string, t *heard) Verdict {
	switch {
	case t.outcome == vision.Known && person == "":
		return StrangerMissed
	case t.outcome == vision.Known && t.person != person:
		return WrongName
	case t.outcome == vision.Unknown && person != "":
		return CalledUnknown
	case t.outcome == vision.Undecided:
		return NoAnswer
	case person != "" && t.alarmed:
		return Corrected
	}
	return Right
}
