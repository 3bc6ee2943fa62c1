package vision

import (
	"image"
	"math"
	"strconv"
	"time"

	"vigil/frames"
)

// lookEvery is how often a face is embedded that is not expected to change the track's answer: to notice that
// somebody else took its place. While somebody known looks like themselves every time, it is each second time twice as
// long, lookDoubles times: what could make others of them moves, jumps or comes close, and is looked at for that.
const (
	lookEvery   = time.Second
	lookDoubles = 2
)

// seenEvery is how often a track says that it is still there.
const seenEvery = 5 * time.Second

// seenStage begins the stages that say no more than that.
const seenStage = "seen-"

// subject is what is known of one track.
type subject struct {
	*Track
	limits   Limits
	config   string // hash of the configuration
	id       string
	start    time.Time
	seen     time.Time
	shots    []shot
	decision Decision
	stranger string
	looked   int64          // PTS of the face that was embedded last
	widest   float64        // pixels between the eyes of the largest face that was embedded
	alike    int            // how many faces in a row were embedded that left somebody known who they were
	doubtful bool           // the last good face was not like the others
	refused  []ShotEvidence // the best of the faces that were not usable

	learnt bool      // there is a new face since judged
	judged *Gallery  // the gallery that was judged with last
	model  Model     // what was judged by then
	fused  Embedding // what was judged then
	latest Decision  // what was judged then, whether or not the decision in force was made by it

	best  Shot        // the best so far, without its key
	crop  *image.RGBA // of best
	fresh bool        // crop was not handed out yet

	trail trail // since the last sighting

	published answer // what was last published; empty before
	beats     int64  // how many times seenEvery had passed then
	revised   int    // how often a published outcome was changed
}

// answer is what a decision says of who it is: another answer is worth telling.
type answer struct {
	outcome Outcome
	person  string
}

func (s *subject) answer() answer { return answer{s.decision.Outcome, s.decision.Person} }

// wantsLook reports whether the face is worth embedding: each while it may decide, else the larger ones, those that
// raise doubt, and one every few seconds.
func (s *subject) wantsLook(p Picture, f Face) bool {
	eyes := eyePixels(p, f)
	switch {
	case s.Faces == 1 || s.doubtful || s.Jumped:
		return true
	case frames.Duration(p.PTS-s.looked) >= lookEvery<<min(s.alike, lookDoubles):
		return true
	case s.decision.Outcome == Known || s.decision.Outcome == Unknown || len(s.shots) == maxShots:
		// A face a quarter larger than any that was embedded is likely to be a clearer one.
		return eyes > s.widest*1.25
	default:
		return eyes >= s.limits.MinEyeDistance
	}
}

// settled reports whether the track, at the picture at pts, is somebody known, has said so, and goes its way without
// doubt. Strangers are looked at in full: by what is seen of them now they are known again later.
func (s *subject) settled(pts int64) bool {
	return s.Last == pts && !s.Jumped && !s.doubtful && s.slow() &&
		s.decision.Outcome == Known && s.answer() == s.published
}

// sees notes that the face was embedded.
func (s *subject) sees(p Picture, f Face) {
	s.looked, s.widest = p.PTS, max(s.widest, eyePixels(p, f))
}

// eyePixels is how many pixels lie between the eyes.
func eyePixels(p Picture, f Face) float64 {
	return math.Hypot((f.Landmarks[0].X-f.Landmarks[1].X)*float64(p.Width),
		(f.Landmarks[0].Y-f.Landmarks[1].Y)*float64(p.Height))
}

// foreign reports whether a face is the second good one in a row that is not like the track's. Only good faces can tell,
// on both sides: what networks make of half a face or of a blur is like nobody, and like none of the same person's.
func (s *subject) foreign(l looked, limit float64) bool {
	if !s.limits.good(l.quality) || s.Mean == nil {
		return false
	}
	before := s.doubtful
	s.doubtful = l.e.Dot(s.Mean) < limit
	return before && s.doubtful
}

// learn takes an embedded face into the track; alike is the cosine from which two faces can be of one person. A doubtful
// one is left out: it would spoil the mean. The mean that others are measured by is of good faces that agree: a single
// one may be the one that is wrong.
func (s *subject) learn(g *glance, i int, l looked, alike float64) {
	if s.doubtful || s.decision.Outcome != Known || s.Jumped {
		s.alike = 0
	} else if s.limits.good(l.quality) {
		s.alike++
	}
	if s.doubtful {
		return
	}
	if err := s.frame(g.picture, g.faces[i].Box, l.quality); err != nil {
		g.errs = append(g.errs, err)
	}
	s.learnt = true
	if limit := s.limits.unusable(l.quality); limit != "" {
		s.refuse(g.picture.Time, l.quality, limit)
		return
	}
	s.shots = addShot(s.shots, shot{
		pts: g.picture.PTS, time: g.picture.Time, e: l.e, quality: l.quality, good: s.limits.good(l.quality),
	})
	s.Mean = fuse(agreed(s.shots, alike))
}

// frame keeps the picture of the face when it is clearly better than the one before.
func (s *subject) frame(p Picture, box Box, q Quality) error {
	if s.crop != nil && q.Score <= s.best.Quality.Score*1.1+0.01 {
		return nil
	}
	cut, err := crop(p, box)
	if err != nil {
		return err
	}
	s.best = Shot{Time: p.Time, Box: box, Quality: q}
	s.crop, s.fresh = cut, true
	return nil
}

// judge decides by the gallery and the model, whose threshold is the one in force.
func (s *subject) judge(g *Gallery, m Model) (d Decision, err error) {
	for i := range s.shots {
		if s.judged == g && s.shots[i].compared {
			continue
		}
		if s.shots[i].own, err = g.Match(s.shots[i].e); err != nil {
			return d, err
		}
		s.shots[i].compared = true
	}
	w := weighing{shots: s.shots, best: s.best.Quality, limits: s.limits, model: m}
	s.fused = fuse(weighed(s.shots, m.Threshold*foreignPart))
	if s.fused != nil {
		if w.fused, err = g.Match(s.fused); err != nil {
			return d, err
		}
	}
	s.judged, s.model, s.learnt = g, m, false
	s.latest = w.decide()
	return s.latest, nil
}

// stage names the sighting that is due at pts, if any.
func (s *subject) stage(pts int64) string {
	beats := int64(frames.Duration(pts-s.Start) / seenEvery)
	switch {
	case s.published.outcome != "" && s.answer() != s.published:
		s.revised++
		s.published, s.beats = s.answer(), beats
		return "revised-" + strconv.Itoa(s.revised)
	case s.decision.Outcome == Known || s.decision.Outcome == Unknown:
		if s.published.outcome == "" {
			s.published, s.beats = s.answer(), beats
			return "decided"
		}
		if beats > s.beats {
			s.beats = beats
			return seenStage + strconv.FormatInt(beats, 10)
		}
		if s.trail.moved() {
			return movedStage + strconv.FormatInt(int64(frames.Duration(pts-s.Start)/movedEvery), 10)
		}
	}
	return ""
}

// observe is the sighting of that stage.
func (s *subject) observe(camera frames.CameraID, stage string) Observation {
	o := Observation{Sighting: Sighting{
		Camera:   camera,
		Track:    s.id,
		Stage:    stage,
		Stranger: s.stranger,
		Decision: s.decision,
		Start:    s.start,
		Seen:     s.seen,
		Trail:    s.trail.tell(),
	}}
	if o.Decides() {
		o.Evidence = s.evidence()
	}
	if s.crop == nil {
		return o
	}
	shot := s.best
	shot.Key = ShotKey(camera, s.id, s.start)
	o.Shot = &shot
	if s.fresh {
		o.JPEG, s.fresh = encode(s.crop), false
	}
	return o
}
