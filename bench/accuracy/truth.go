package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// truth says who is in a scene.
type truth struct {
	Passes []pass `json:"passes"`
}

// pass is somebody's way through a scene, in seconds.
type pass struct {
	Person string  `json:"person"`
	Enter  float64 `json:"enter"`
	Leave  float64 `json:"leave"`
}

func readTruth(file string) (truth, error) {
	var t truth
	data, err := os.ReadFile(file)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return t, fmt.Errorf("read truth %s: %w", file, err)
	}
	return t, nil
}

// cast is everybody in the scene, in the order of their first pass.
func (t truth) cast() []string {
	var names []string
	for _, p := range t.Passes {
		if !slices.Contains(names, p.Person) {
			names = append(names, p.Person)
		}
	}
	return names
}

// sceneStart is where a scene's capture clock begins.
var sceneStart = time.Unix(0, 0)

func seconds(t time.Time) float64 { return t.Sub(sceneStart).Seconds() }

// away is how much the track's times differ from the pass's; tracks that lie outside it for more than half are not of it.
func (p pass) away(t *heard) float64 {
	start, end := seconds(t.start), seconds(t.end)
	if inside := min(end, p.Leave) - max(start, p.Enter); inside < (end-start)/2 || inside < 0 {
		return math.Inf(1)
	}
	return math.Abs(start-p.Enter) + math.Abs(end-p.Leave)
}

// assign gives each pass the one track whose times are most like its own. What is left of the tracks is extra: pieces of
// somebody's way, or of nobody's.
func assign(passes []pass, tracks []*heard) (of []*heard, extra []*heard) {
	type pair struct{ pass, track int }
	var pairs []pair
	for i := range passes {
		for j := range tracks {
			if !math.IsInf(passes[i].away(tracks[j]), 1) {
				pairs = append(pairs, pair{i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Compare(passes[a.pass].away(tracks[a.track]), passes[b.pass].away(tracks[b.track]))
	})
	of, taken := make([]*heard, len(passes)), make([]bool, len(tracks))
	for _, p := range pairs {
		if of[p.pass] == nil && !taken[p.track] {
			of[p.pass], taken[p.track] = tracks[p.track], true
		}
	}
	for j, t := range tracks {
		if !taken[j] {
			extra = append(extra, t)
		}
	}
	return of, extra
}

// judgeExtra gives the verdict on a track that is no pass's own: the best one that it has for somebody who was in the
// picture then, since nobody knows whose piece it is. Of nobody's it is a stranger.
func judgeExtra(t *heard, passes []pass, known func(string) bool) Verdict {
	best, order := NotSeen, []Verdict{Right, NoAnswer, Corrected, CalledUnknown, StrangerMissed, WrongName, NotSeen}
	for _, p := range passes {
		if math.IsInf(p.away(t), 1) {
			continue
		}
		name := ""
		if known(p.Person) {
			name = p.Person
		}
		if v := judgeTrack(name, t); slices.Index(order, v) < slices.Index(order, best) {
			best = v
		}
	}
	if best == NotSeen {
		return judgeTrack("", t)
	}
	return best
}
