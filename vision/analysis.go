package vision

import (
	"errors"
	"fmt"
	"math"

	"vigil/frames"
)

// ErrBlind says that a picture could not be looked at: the engine failed, or it and the gallery do not belong
// together. It is never normal, and never the same as a picture without faces.
var ErrBlind = errors.New("could not look at the picture")

// Observation is a sighting as it leaves the analysis, with the picture it speaks of.
type Observation struct {
	Sighting
	JPEG []byte // of Shot; nil when the track's shot has not changed since its last observation
}

// AnalysisConfig is what a camera's analysis works with. Camera, Engine and Strangers are needed.
type AnalysisConfig struct {
	Camera    frames.CameraID
	Engine    Engine          // may be shared by cameras when it is a *Lanes
	Gallery   func() *Gallery // whoever is enrolled now; nil, or returning nil: nobody
	Strangers *Strangers      // shared by all cameras
	FPS       int             // pictures analysed a second; 0: DefaultFPS
	Limits    Limits          // of a face; zero: DefaultLimits
	// ConfigHash names the configuration that decides, in the evidence of sightings: the same hash, the same limits.
	ConfigHash string
}

// Analysis turns one camera's pictures into sightings. It does no I/O, and what it says follows from the pictures: the
// same ones analysed again give the same tracks, sightings and strangers. It is used by one goroutine at a time.
type Analysis struct {
	config   AnalysisConfig
	model    Model
	sampler  *Sampler
	tracker  Tracker
	glance   glance
	still    stillness
	subjects map[*Track]*subject
	epoch    string
	level    Level
	nobody   *Gallery
}

// NewAnalysis returns the analysis of one camera.
func NewAnalysis(c AnalysisConfig) (*Analysis, error) {
	if c.Camera == "" || c.Engine == nil || c.Strangers == nil {
		return nil, errors.New("analysis: needs a camera, an engine and the memory of strangers")
	}
	if c.FPS == 0 {
		c.FPS = DefaultFPS
	}
	if c.FPS < 1 {
		return nil, fmt.Errorf("analysis of %s: got %d pictures a second, want at least 1", c.Camera, c.FPS)
	}
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits()
	}
	if c.Gallery == nil {
		c.Gallery = func() *Gallery { return nil }
	}
	m := c.Engine.Model()
	return &Analysis{
		config:   c,
		model:    m,
		sampler:  NewSampler(c.FPS),
		tracker:  Tracker{Foreign: m.Threshold * foreignPart},
		glance:   glance{engine: c.Engine, limits: c.Limits},
		subjects: make(map[*Track]*subject),
		nobody:   &Gallery{},
	}, nil
}

// Want reports whether the picture at pts is to be given to Picture; see Sampler.
func (a *Analysis) Want(pts int64) bool { return a.sampler.Want(pts) }

// Resume says that the video continues in the middle of an epoch, at the key frame at pts; see Sampler.
func (a *Analysis) Resume(pts int64) { a.sampler.Resume(pts) }

// SetLevel says how much of the video the pictures are taken from. Where they are key frames alone, a track lives for as
// long as two pictures may lie apart that decide it.
func (a *Analysis) SetLevel(l Level) {
	a.level = l
	a.pace(math.MinInt64)
	a.tracker.Patience = 0
	if l == KeyFrames {
		a.tracker.Patience = a.config.Limits.AgreeWithin
	}
}

// Quiet reports whether no track is being followed.
func (a *Analysis) Quiet() bool { return len(a.tracker.Live()) == 0 }

// Picture looks at one picture and returns the sightings that are due. An error that is ErrBlind means that nothing
// was seen of it; other errors concern single faces, and the observations beside them are valid.
func (a *Analysis) Picture(epoch string, p Picture) ([]Observation, error) {
	var due []Observation
	if epoch != a.epoch {
		due = a.Pause() // the sampler has begun with the epoch's first picture
		a.epoch = epoch
	}
	gallery, err := a.gallery()
	if err != nil {
		return due, err
	}
	if p.Width <= 0 || p.Height <= 0 || p.Pixels == nil {
		return due, fmt.Errorf("%w: %d×%d pixels", ErrBlind, p.Width, p.Height)
	}
	faces, err := a.detect(p)
	if err != nil {
		return due, err
	}
	a.glance.begin(p, faces)
	a.config.Strangers.Advance(a.config.Camera, p.Time)
	owners, lost := a.tracker.Update(p.PTS, a.glance.faces, a.glance.clear)
	due = append(due, a.ended(lost)...)
	for i, track := range owners {
		due = append(due, a.face(&a.glance, i, track, gallery)...)
	}
	a.pace(p.PTS)
	return due, errors.Join(a.glance.errs...)
}

// detect returns the faces in the picture, in the glance's room. It does not look for any while nobody is there and
// nothing changes.
func (a *Analysis) detect(p Picture) ([]Face, error) {
	quiet := a.Quiet()
	if quiet {
		still, err := a.still.holds(p)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBlind, err)
		}
		if still {
			return a.glance.faces[:0], nil
		}
	}
	a.still.forget()
	faces, err := a.config.Engine.Detect(p, a.glance.faces[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: detect: %w", ErrBlind, err)
	}
	if quiet && len(faces) == 0 {
		a.still.keep(p.PTS)
	}
	return faces, nil
}

// pace takes half of the pictures, from the one at pts on, while they would decide nothing.
func (a *Analysis) pace(pts int64) { a.sampler.Thin(a.level != Full || a.settled(pts)) }

// settled reports whether all that can be said of whoever is in the picture at pts has been said, and nobody is about to
// be mistaken for somebody else. Half the pictures then suffice to notice who else comes.
func (a *Analysis) settled(pts int64) bool {
	for _, track := range a.tracker.Live() {
		if s := a.subjects[track]; s == nil || !s.settled(pts) || !a.tracker.alone(track) {
			return false
		}
	}
	return !a.Quiet()
}

// Empty reports whether the picture, which is not one that Want asked for, shows nobody.
func (a *Analysis) Empty(p Picture) (bool, error) {
	faces, err := a.detect(p)
	if err != nil {
		return false, err
	}
	a.config.Strangers.Advance(a.config.Camera, p.Time)
	return len(faces) == 0, nil
}

// End ends all tracks, because the epoch or the video is over, and returns their last sightings. It is called before
// the next epoch's pictures are offered to Want.
func (a *Analysis) End() []Observation {
	due := a.Pause()
	a.sampler.Restart()
	return due
}

// Pause ends all tracks, because no pictures come, and returns their last sightings. The epoch may go on.
func (a *Analysis) Pause() []Observation {
	a.still.forget()
	due := a.ended(a.tracker.End())
	a.pace(math.MinInt64)
	return due
}

func (a *Analysis) gallery() (*Gallery, error) {
	g := a.config.Gallery()
	switch {
	case g == nil:
		return a.nobody, nil
	case g.Templates() > 0 && g.Model() != a.model.ID:
		return nil, fmt.Errorf("%w: the gallery is of model %q, the engine has %q", ErrBlind, g.Model(), a.model.ID)
	}
	return g, nil
}

// face takes the picture's face i into its track.
func (a *Analysis) face(g *glance, i int, track *Track, gallery *Gallery) []Observation {
	var due []Observation
	s := a.subject(track, g.picture)
	if !a.tracker.alone(track) {
		s.alike = 0
	}
	if s.wantsLook(g.picture, g.faces[i]) || g.has(i) {
		s.sees(g.picture, g.faces[i])
		if l, ok := g.look(i); ok && s.foreign(l, a.tracker.Foreign) {
			due = a.ended([]*Track{track})
			s = a.subject(a.tracker.Split(track), g.picture)
			s.sees(g.picture, g.faces[i])
			s.learn(g, i, l, a.tracker.Foreign)
		} else if ok {
			s.learn(g, i, l, a.tracker.Foreign)
		}
	}
	s.seen = g.picture.Time
	s.trail.mark(s.seen.Sub(s.start), g.faces[i].Box)
	if err := a.judge(s, gallery); err != nil {
		g.errs = append(g.errs, err)
	}
	if stage := s.stage(g.picture.PTS); stage != "" {
		due = append(due, s.observe(a.config.Camera, stage))
	}
	return due
}

func (a *Analysis) subject(track *Track, p Picture) *subject {
	s := a.subjects[track]
	if s == nil {
		s = &subject{
			Track: track, limits: a.config.Limits, config: a.config.ConfigHash,
			id:    fmt.Sprintf("%s/%s/%d-%d", a.config.Camera, a.epoch, track.Start, track.N),
			start: p.Time,
			seen:  p.Time,
		}
		a.subjects[track] = s
	}
	return s
}

// judge brings the subject's decision up to date and remembers strangers.
func (a *Analysis) judge(s *subject, gallery *Gallery) error {
	if s.judged == gallery && !s.learnt {
		a.config.Strangers.Seen(s.id, s.seen)
		return nil
	}
	d, err := s.judge(gallery, a.model.within(gallery))
	if err != nil {
		return err
	}
	before := s.decision.Outcome
	switch {
	case before == Known && d.Person != s.decision.Person && gallery.Has(s.decision.Person):
		// Once known, somebody stays known while the track lasts: turning away does not make a stranger of them.
	case before == Unknown && d.Outcome == Undecided:
		// A stranger stays one until there is something better to say.
	default:
		s.decision = d
	}
	if s.decision.Outcome == Unknown {
		who := a.config.Strangers.Identify(s.fused, s.id, s.seen)
		if s.stranger == "" {
			s.stranger = who
		}
	} else if before == Unknown {
		a.config.Strangers.Forget(s.id)
		s.stranger = ""
	}
	return nil
}

// ended is the last sighting of each track.
func (a *Analysis) ended(lost []*Track) []Observation {
	var due []Observation
	for _, track := range lost {
		s := a.subjects[track]
		if s == nil {
			continue
		}
		delete(a.subjects, track)
		o := s.observe(a.config.Camera, "ended")
		o.Ended = true
		due = append(due, o)
	}
	return due
}
