package vision

import (
	"slices"
	"time"

	"vigil/frames"
)

// gauge adds up the access units of a window of time, in a part of each group of pictures.
type gauge struct {
	window   time.Duration
	from, to time.Duration // of the part, from the key frame on
}

// settling is the time behind a key frame in which encoders refine it, which costs several times what quiet does.
const settling = 400 * time.Millisecond

// gauges are how the gate measures: what moves shows in a fifth of a second where somebody is near, and in a second,
// over which noise evens out, where they are far. Behind a key frame quiet is another.
var gauges = [...]gauge{
	{window: 200 * time.Millisecond, to: settling},
	{window: 200 * time.Millisecond, from: settling, to: time.Hour},
	{window: time.Second, from: settling, to: time.Hour},
}

// finest is the place in gauges of the last, which has to tell the least that matters.
const finest = 2

// Limits of the gate.
const (
	// gateGroups is how many quiet groups of pictures are remembered, gateLeast how many it takes to know what quiet is.
	gateGroups, gateLeast = 32, 3
	// personArea is how many pixels somebody covers who is just near enough to be decided: with 16 pixels between the eyes
	// a face has some 40×50, and head and shoulders twelve times that.
	personArea = 24000
	// Whoever comes in is coded anew, at about the bytes a pixel costs in a key frame, and then costs movingPart of that in
	// every second they move: of photographs moved over a drawn room it was 2 without noise and 8 with. The briefest who
	// can be decided are there from one picture that is analysed to the next.
	movingPart = 2
	// dear is the part of a key frame that a quiet second may cost. Where a camera holds its rate it spends in quiet what it
	// spends otherwise, and hides what moves in coarser coding: its sums stay the same whoever comes.
	dear = 2
	// gateDistrust is how many groups of pictures the gate stays open after it has missed somebody: five minutes of
	// key frames every two seconds.
	gateDistrust = 150
)

// gate tells from the sizes of access units whether anything can have moved since the last key frame. Inter-coded video
// says so by itself: of a scene that stands still only the noise is coded. It measures what quiet is while nobody is
// there, and cannot tell where that varies by as much as somebody who comes in would cost: then it stays open.
type gate struct {
	pixels int // of a picture

	key   int   // bytes of this group's key frame
	start int64 // its DTS
	units []weight
	most  [len(gauges)]int // bytes of each gauge's largest window in this group

	quiet    []gop            // groups of pictures in which nobody was seen, newest last
	limits   [len(gauges)]int // of a group in which nothing moves
	tells    bool             // whether the limits can be relied upon
	distrust int              // groups to go
}

// weight is an access unit's size.
type weight struct {
	dts   int64
	bytes int
}

// gop is what is remembered of a group of pictures.
type gop struct {
	most [len(gauges)]int
	key  int
}

// begin ends a group of pictures, in which nobody was seen or somebody, and begins another.
func (g *gate) begin(nobody bool, dts int64, keyBytes int) {
	// Without a unit that the finest gauge has seen nothing was learnt.
	if nobody && g.key > 0 && g.most[finest] > 0 {
		if len(g.quiet) == gateGroups {
			g.quiet = slices.Delete(g.quiet, 0, 1)
		}
		g.quiet = append(g.quiet, gop{g.most, g.key})
	}
	g.distrust = max(0, g.distrust-1)
	g.learn()
	g.key, g.start = keyBytes, dts
	g.units, g.most = g.units[:0], [len(gauges)]int{}
}

// add takes the group's next access unit.
func (g *gate) add(dts int64, bytes int) {
	old := 0
	for old < len(g.units) && g.units[old].dts <= dts-frames.Ticks(gauges[finest].window) {
		old++
	}
	g.units = append(slices.Delete(g.units, 0, old), weight{dts, bytes})
	for i, a := range gauges {
		if in := frames.Duration(dts - g.start); in < a.from || in >= a.to {
			continue
		}
		sum := 0
		for _, u := range g.units {
			if u.dts > dts-frames.Ticks(a.window) && u.dts-g.start >= frames.Ticks(a.from) {
				sum += u.bytes
			}
		}
		g.most[i] = max(g.most[i], sum)
	}
}

// missed says that somebody was there whom the sizes did not announce.
func (g *gate) missed() { g.distrust, g.tells = gateDistrust, false }

// forget makes the gate learn anew, because the video is another.
func (g *gate) forget() { *g = gate{} }

// calm reports whether nothing has moved in the group so far: false also where that cannot be told.
func (g *gate) calm() bool {
	for i, most := range g.most {
		if most > g.limits[i] {
			return false
		}
	}
	return g.tells
}

// learn sets what follows from the quiet groups: the limits, and whether somebody far away would stand out. A gauge's
// limit is what they would cost above quiet; only the finest has to be able to tell, the others open the gate sooner for
// who is near.
func (g *gate) learn() {
	g.tells = false
	if g.distrust > 0 || len(g.quiet) < gateLeast || g.pixels == 0 {
		return
	}
	keys := 0
	for _, q := range g.quiet {
		keys += q.key
	}
	anew := personArea * (keys / len(g.quiet)) / g.pixels
	person := anew + anew*movingPart/DefaultFPS
	for i := range gauges {
		eighth, quartile := g.spread(i)
		g.limits[i] = eighth + person
		if i == finest {
			g.tells = quartile-eighth <= person/2 && quartile <= keys/len(g.quiet)/dear
			continue
		}
		g.limits[i] = max(g.limits[i], quartile+max(quartile-eighth, quartile/4))
	}
}

// spread is the lower eighth and the lower quartile of gauge i's largest windows in the quiet groups. Groups in
// which something moved, but nobody, are in the upper half, and the least may be of a camera that had only begun.
func (g *gate) spread(i int) (eighth, quartile int) {
	var most [gateGroups]int
	for k, q := range g.quiet {
		most[k] = q.most[i]
	}
	sorted := most[:len(g.quiet)]
	slices.Sort(sorted)
	return sorted[len(sorted)/8], sorted[len(sorted)/4]
}
