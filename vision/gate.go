package vision

import (
	"slices"
	"time"

	"vigil/frames"
)

// Limits of the gate.
const (
	// gateWindow is the time whose access units are added up: what moves changes several pictures, and noise less.
	gateWindow = 200 * time.Millisecond
	// gateGroups is how many quiet groups of pictures are remembered, gateLeast how many it takes to know what quiet is.
	gateGroups, gateLeast = 32, 3
	// personArea is how many pixels somebody covers who is just near enough to be decided: with 16 pixels between the eyes
	// a face has some 40×50, and head and shoulders twelve times that. Whoever comes in has to be coded anew, at about
	// the bytes a pixel costs in a key frame.
	personArea = 24000
	// gateDistrust is how many groups of pictures the gate stays open after it has missed somebody: five minutes of
	// key frames every two seconds.
	gateDistrust = 150
)

// gate tells from the sizes of access units whether anything can have moved since the last key frame. Inter-coded video
// says so by itself: of a scene that stands still only the noise is coded. It measures what quiet is while nobody is
// there, and cannot tell where that varies by as much as somebody who comes in would cost: then it stays open.
type gate struct {
	pixels int // of a picture

	window []weight // the latest units that are not key frames
	most   int      // bytes of the largest window of this group of pictures
	key    int      // bytes of its key frame

	quiet    []gop // groups of pictures in which nobody was seen, newest last
	distrust int   // groups to go
}

// weight is an access unit's size.
type weight struct {
	dts   int64
	bytes int
}

// gop is what is remembered of a group of pictures.
type gop struct{ most, key int }

// begin ends a group of pictures, in which nobody was seen or somebody, and begins another.
func (g *gate) begin(nobody bool, keyBytes int) {
	if nobody && g.key > 0 && g.most > 0 {
		if len(g.quiet) == gateGroups {
			g.quiet = slices.Delete(g.quiet, 0, 1)
		}
		g.quiet = append(g.quiet, gop{g.most, g.key})
	}
	g.distrust = max(0, g.distrust-1)
	g.window, g.most, g.key = g.window[:0], 0, keyBytes
}

// add takes the group's next access unit.
func (g *gate) add(dts int64, bytes int) {
	old := 0
	for old < len(g.window) && g.window[old].dts <= dts-frames.Ticks(gateWindow) {
		old++
	}
	g.window = append(slices.Delete(g.window, 0, old), weight{dts, bytes})
	sum := 0
	for _, w := range g.window {
		sum += w.bytes
	}
	g.most = max(g.most, sum)
}

// missed says that somebody was there whom the sizes did not announce.
func (g *gate) missed() { g.distrust = gateDistrust }

// forget makes the gate learn anew, because the video is another.
func (g *gate) forget() { *g = gate{} }

// calm reports whether nothing has moved in the group so far: false also where that cannot be told.
func (g *gate) calm() bool {
	limit, ok := g.limit()
	return ok && g.most <= limit
}

// limit is the largest window that counts as quiet. It stands as far above the lower quartile of the quiet groups as that
// stands above the least, and at least a quarter: groups in which something moved, but nobody, are in the upper half.
func (g *gate) limit() (bytes int, ok bool) {
	if g.distrust > 0 || len(g.quiet) < gateLeast || g.pixels == 0 {
		return 0, false
	}
	var most [gateGroups]int
	keys := 0
	for i, q := range g.quiet {
		most[i] = q.most
		keys += q.key
	}
	sorted := most[:len(g.quiet)]
	slices.Sort(sorted)
	least, quartile := sorted[0], sorted[len(sorted)/4]
	limit := quartile + max(quartile-least, quartile/4)
	person := personArea * (keys / len(g.quiet)) / g.pixels
	return limit, limit-least <= person
}
