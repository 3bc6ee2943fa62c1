package vision

import (
	"cmp"
	"math"
	"slices"
	"time"

	"vigil/frames"
)

// Limits of the tracker. Distances are in widths (and heights) of the face, so that they hold near and far.
const (
	// trackLost is how long a track lives without a face: a head that turns away and back, or passes behind
	// somebody, takes a second or so; somebody else does not take the same place within it.
	trackLost = 1500 * time.Millisecond

	// gateFirst is how far a face may be from a track whose speed is not known yet: somebody who crosses the picture
	// on foot moves two face widths in a fifth of a second.
	gateFirst = 2.5
	// gateNext is the same, from where a track of known speed is expected; it grows by gateMissed with every fifth of a
	// second without a face and with the speed itself, because people stop, up to gateMost.
	gateNext   = 1.25
	gateMissed = 0.75
	gateMost   = 3.0

	// maxGrowth is how much larger or smaller a face may be than the track's: e-fold sides of 0.7 are a factor two.
	maxGrowth = 0.7

	// coast is how long a track without a face is believed to go on at its speed.
	coast = 600 * time.Millisecond

	// doubt is how close two assignments may be in cost before appearance is asked. People who pass each other come
	// within less than a face width.
	doubt = 0.8
	// appearanceWeight makes a difference in cosine of one half count as much as a face width.
	appearanceWeight = 2.0

	// nearby is how far apart two faces are that may soon be taken for each other.
	nearby = 2.5

	// costUnmatched is above every possible cost of an assignment, so that as many as possible are made.
	costUnmatched = 20.0
)

// pictureTicks is the time between two analysed pictures at five a second.
const pictureTicks = frames.ClockRate / DefaultFPS

// Track is one face followed through one camera's pictures.
type Track struct {
	Start int64 // PTS of its first face
	N     int   // numbers the tracks that begin at the same picture, from 1, left to right
	Box   Box   // of its latest face
	Last  int64 // PTS of its latest face
	Faces int   // how many it has

	// Mean is what its faces look like, as a unit vector; nil while no good one was embedded. Its owner sets it.
	Mean Embedding
	// Jumped says that the latest face was not quite where it was expected, or came after a picture without one.
	Jumped bool

	vx, vy float64 // of the centre, in fractions of the picture per tick
}

// Tracker follows faces through one camera's pictures: each face goes to the track that expects it where it is, by
// the cheapest assignment of all; appearance settles what geometry leaves in doubt. It keeps no pictures.
type Tracker struct {
	// Foreign is the cosine below which a face is somebody else's than the track's.
	Foreign float64
	// Patience is how long a track lives without a face; trackLost when it is 0.
	Patience time.Duration

	live   []*Track
	begun  int   // tracks that began
	begunP int64 // at this PTS
	before int64 // PTS of the latest picture

	// What follows is used for one picture after the other.
	costs        table // a row for each live track, a column for each face
	assigner     assigner
	doubtful     []bool // the faces whose appearance is asked for
	owners, lost []*Track
}

// Live returns the tracks that are being followed, oldest first, valid until the next call of another method.
func (t *Tracker) Live() []*Track { return t.live }

// Update assigns the faces of the picture at pts, which come ordered from left to right, and returns each face's track
// and the tracks that are lost. look embeds the face of that index, or returns nil when its appearance says nothing; it
// is asked only in doubt. Both lists are valid until the next call.
func (t *Tracker) Update(pts int64, faces []Face, look func(i int) Embedding) (owners, lost []*Track) {
	t.sweep(pts)
	t.estimate(pts, faces)
	t.settle(look)
	t.owners = resized(t.owners, len(faces))
	for i, j := range t.assigner.assign(&t.costs) {
		if j >= 0 && t.costs.row(i)[j] < costUnmatched {
			t.owners[j] = t.live[i]
			t.live[i].follow(pts, t.before, faces[j].Box)
		}
	}
	for j := range faces {
		if t.owners[j] == nil {
			t.owners[j] = t.begin(pts, faces[j].Box)
		}
	}
	t.before = pts
	return t.owners, t.lost
}

// Split ends track and begins another with the same face, because it turned out to be somebody else's.
func (t *Tracker) Split(track *Track) *Track {
	t.remove(track)
	return t.begin(track.Last, track.Box)
}

// End forgets all tracks and returns them.
func (t *Tracker) End() []*Track {
	lost := t.live
	t.live, t.begun = nil, 0
	return lost
}

// alone reports whether nobody else is followed who may soon be taken for this one.
func (t *Tracker) alone(track *Track) bool {
	return !slices.ContainsFunc(t.live, func(o *Track) bool { return o != track && track.near(o) })
}

func (t *Tracker) begin(pts int64, box Box) *Track {
	if t.begunP != pts {
		t.begun, t.begunP = 0, pts
	}
	t.begun++
	track := &Track{Start: pts, N: t.begun, Box: box, Last: pts, Faces: 1}
	t.live = append(t.live, track)
	return track
}

func (t *Tracker) remove(track *Track) {
	if i := slices.Index(t.live, track); i >= 0 {
		t.live = slices.Delete(t.live, i, i+1)
	}
}

// sweep parts those that are lost from those that live.
func (t *Tracker) sweep(pts int64) {
	clear(t.lost) // so that they can be forgotten
	all := t.live
	t.live, t.lost = t.live[:0], t.lost[:0]
	for _, track := range all {
		if pts-track.Last > frames.Ticks(cmp.Or(t.Patience, trackLost)) || pts < track.Last {
			t.lost = append(t.lost, track)
		} else {
			t.live = append(t.live, track)
		}
	}
	clear(all[len(t.live):])
}

// estimate sets the costs by geometry.
func (t *Tracker) estimate(pts int64, faces []Face) {
	t.costs.reset(len(t.live), len(faces))
	for i, track := range t.live {
		row := t.costs.row(i)
		for j := range faces {
			row[j] = track.cost(pts, faces[j].Box)
		}
	}
}

// settle adds appearance to the costs of the faces that two tracks want, and of those that want one track.
func (t *Tracker) settle(look func(i int) Embedding) {
	t.findDoubtful()
	for j, doubtful := range t.doubtful {
		if !doubtful {
			continue
		}
		e := look(j)
		if e == nil {
			continue
		}
		for i, track := range t.live {
			cost := &t.costs.row(i)[j]
			switch {
			case *cost >= costUnmatched:
			case track.Mean == nil:
				*cost += appearanceWeight / 2 // as if half alike: neither for nor against
			case e.Dot(track.Mean) < t.Foreign:
				*cost = costUnmatched
			default:
				*cost += appearanceWeight * (1 - e.Dot(track.Mean))
			}
		}
	}
}

// findDoubtful marks the faces that two assignments want at about the same cost.
func (t *Tracker) findDoubtful() {
	t.doubtful = resized(t.doubtful, t.costs.columns)
	mark := func(i, j, k, l int) {
		a, b := t.costs.row(i)[j], t.costs.row(k)[l]
		if max(a, b) < costUnmatched && math.Abs(a-b) < doubt {
			t.doubtful[j], t.doubtful[l] = true, true
		}
	}
	for i := range t.costs.rows {
		for j := range t.costs.columns {
			for k := i + 1; k < t.costs.rows; k++ {
				mark(i, j, k, j)
			}
			for l := j + 1; l < t.costs.columns; l++ {
				mark(i, j, i, l)
			}
		}
	}
}

// slow reports whether the face moves by less than half of itself in two pictures.
func (k *Track) slow() bool {
	return math.Abs(k.vx)*2*pictureTicks < k.Box.W/2 && math.Abs(k.vy)*2*pictureTicks < k.Box.H/2
}

// near reports whether a face may come as close to the other within two pictures as doubt begins.
func (k *Track) near(o *Track) bool {
	x, y := k.Box.centre()
	ox, oy := o.Box.centre()
	return math.Abs(x-ox) < nearby*max(k.Box.W, o.Box.W) && math.Abs(y-oy) < nearby*max(k.Box.H, o.Box.H)
}

// sane reports whether b can be a face: it has a size, and lies in or around the picture. It is false for what is not a
// number, with which no assignment would ever be the cheapest.
func (b Box) sane() bool {
	return b.W > 0 && b.H > 0 && b.W <= 2 && b.H <= 2 && b.X >= -2 && b.X <= 2 && b.Y >= -2 && b.Y <= 2
}

func (b Box) centre() (x, y float64) { return b.X + b.W/2, b.Y + b.H/2 }

// expect is where the track's face should be at pts.
func (k *Track) expect(pts int64) Box {
	dt := float64(min(pts-k.Last, frames.Ticks(coast)))
	b := k.Box
	b.X += k.vx * dt
	b.Y += k.vy * dt
	return b
}

// gate is how far from there it may be.
func (k *Track) gate(pts int64) float64 {
	missed := max(0, float64(pts-k.Last)/pictureTicks-1)
	if k.Faces < 2 {
		return min(gateMost, gateFirst+gateMissed*missed)
	}
	step := math.Hypot(k.vx/k.Box.W, k.vy/k.Box.H) * float64(min(pts-k.Last, frames.Ticks(coast)))
	return min(gateMost, gateNext+gateMissed*missed+step)
}

func (k *Track) cost(pts int64, face Box) float64 {
	if !face.sane() || !k.Box.sane() {
		return costUnmatched
	}
	expected := k.expect(pts)
	ex, ey := expected.centre()
	fx, fy := face.centre()
	distance := math.Hypot(2*(fx-ex)/(face.W+k.Box.W), 2*(fy-ey)/(face.H+k.Box.H))
	growth := math.Abs(math.Log(face.W*face.H/(k.Box.W*k.Box.H))) / 2
	cost := distance + growth + (1-expected.Overlap(face))/2
	if distance > k.gate(pts) || growth > maxGrowth || math.IsNaN(cost) {
		return costUnmatched
	}
	return cost
}

// follow takes the face of the picture at pts into the track; before is the picture before that one.
func (k *Track) follow(pts, before int64, face Box) {
	expected := k.expect(pts)
	k.Jumped = k.Last != before || pts-k.Last > pictureTicks*5/2 || expected.Overlap(face) < 0.1
	if dt := float64(pts - k.Last); dt > 0 {
		ox, oy := k.Box.centre()
		x, y := face.centre()
		// The newest step counts for most: heads do not keep a constant speed for long.
		keep := 0.4
		if k.Faces < 2 {
			keep = 0
		}
		k.vx = keep*k.vx + (1-keep)*(x-ox)/dt
		k.vy = keep*k.vy + (1-keep)*(y-oy)/dt
	}
	k.Box, k.Last = face, pts
	k.Faces++
}
