package alerts

import (
	"time"

	"vigil/vision"
)

// Times of a visit.
const (
	DefaultVisitGap = 30 * time.Second
	// quiet is how long nothing may be heard of a visit before its clip is asked for although no track has ended:
	// tracks report every few seconds, so vision is away.
	quiet = 10 * time.Second
	// settle is what vision may need to decide a track that began before the gap was over.
	settle = 5 * time.Second
	// maxName bounds the one name in an event: bodies stay small whatever people are called.
	maxName = 100
)

// Rule says who raises an alert.
type Rule struct {
	Name    string
	Outcome vision.Outcome
}

// Strangers is the rule that a fresh install has: unknown, everywhere, always.
func Strangers() Rule { return Rule{Name: "strangers", Outcome: vision.Unknown} }

// Matches says that the sighting raises an alert, or goes on with one.
func (r Rule) Matches(s vision.Sighting) bool { return s.Decision.Outcome == r.Outcome }

// Links makes the addresses that leave the house, from keys and IDs.
type Links interface {
	Shot(key string) string
	Clip(key string) string
	Console(alert string) string
}

// Evaluator decides what becomes of visits. It keeps nothing: every method is a function of its arguments.
// Visits are measured on the capture clock, waiting on the wall clock.
type Evaluator struct {
	Rule     Rule
	VisitGap time.Duration // how long a stranger may be away within one visit; DefaultVisitGap when zero
	PreRoll  time.Duration // how much of the clip lies before the first face
	PostRoll time.Duration // how much of it lies after the last
	Links    Links
}

func (e Evaluator) gap() time.Duration {
	if e.VisitGap == 0 {
		return DefaultVisitGap
	}
	return e.VisitGap
}

// Refutes says that s is of a stranger who is still there after a correction at that time. The owner was told that it was
// somebody enrolled, and looks away: whoever goes on as a stranger, on the same track or another, raises an alert of
// their own. What was seen before the correction, and comes late or again, raises none.
func (e Evaluator) Refutes(s vision.Sighting, corrected time.Time) bool {
	return !corrected.IsZero() && e.Rule.Matches(s) && s.Seen.After(corrected)
}

// Joins says that the sighting belongs to the open visit v.
func (e Evaluator) Joins(v Visit, s vision.Sighting) bool {
	if e.Refutes(s, v.Corrected) {
		return false
	}
	if _, ok := v.Tracks[s.Track]; ok {
		return true
	}
	return v.Open() && e.Rule.Matches(s) && v.Stranger == identity(s) &&
		s.Start.Sub(v.Seen) <= e.gap() && v.Start.Sub(s.Seen) <= e.gap()
}

// Span is capture time.
type Span struct{ From, To time.Time }

// Covers says that the sighting lies within a visit of its stranger, which may be closed by now: another camera, whose
// video is analysed minutes later, shows what was told already. What goes on after the visit is another one.
func (e Evaluator) Covers(visit Span, s vision.Sighting) bool {
	return e.Rule.Matches(s) && visit.From.Sub(s.Start) <= e.gap() && s.Seen.Sub(visit.To) <= e.gap()
}

// Outlasts says that the sighting shows v to be over: the same stranger, after the gap.
func (e Evaluator) Outlasts(v Visit, s vision.Sighting) bool {
	return v.Open() && e.Rule.Matches(s) && v.Stranger == identity(s) && s.Start.Sub(v.Seen) > e.gap()
}

// Opened is the visit that begins with the sighting, the stranger's visits-th.
func (e Evaluator) Opened(s vision.Sighting, visits int) (Visit, error) {
	v := Visit{
		Alert: Alert{
			ID: AlertID(s), Camera: s.Camera, OpenedAt: Time{s.Start}, Rule: e.Rule.Name,
			Decision: s.Decision.Outcome, Stranger: identity(s), Visits: visits, Score: s.Decision.Score,
		},
		Stranger: identity(s), Start: s.Start, Seen: later(s.Start, s.Seen), ClipState: ClipNone,
	}
	if s.Decision.Nearest != "" {
		v.Alert.Nearest = &Nearest{Person: shorten(s.Decision.Nearest), Score: s.Decision.Score}
	}
	v, err := v.look(s.Shot).raise(Opened, v.Seen, e.Links)
	if err != nil {
		return Visit{}, err
	}
	v.Pending[len(v.Pending)-1].Decided = s.Published
	return e.Sighted(v, s)
}

// Sighted is v after one more sighting of it. A closed visit notes the track, and whether the alert was wrong, and is
// otherwise left alone: its end has been told.
func (e Evaluator) Sighted(v Visit, s vision.Sighting) (Visit, error) {
	v, err := e.corrected(v.follow(s), s)
	if err != nil || !v.Open() {
		return v, err
	}
	if e.Rule.Matches(s) {
		v.Seen = later(v.Seen, s.Seen)
		v = v.look(s.Shot)
	}
	return e.roll(v, s)
}

// corrected is v after s, which may show that its alert was wrong: a track of it turned out to be somebody enrolled. The
// tracks of a visit look like one person, so one such track corrects it as a whole, and the first one says who it was.
// All that the visit has seen by then is corrected with it.
func (e Evaluator) corrected(v Visit, s vision.Sighting) (Visit, error) {
	if s.Decision.Outcome != vision.Known || v.Wrong() {
		return v, nil
	}
	v.Corrected = later(v.Seen, s.Seen)
	v.Alert.CorrectedAt = &Time{v.Corrected}
	v.Alert.Decision, v.Alert.Score = vision.Known, s.Decision.Score
	v.Alert.Nearest = &Nearest{Person: shorten(s.Decision.Person), Score: s.Decision.Score}
	return v.raise(Corrected, v.Corrected, e.Links)
}

// Passed is v when its stranger was last heard of at heard and it is now, both on the wall clock.
func (e Evaluator) Passed(v Visit, heard, now time.Time) (Visit, error) {
	silence := now.Sub(heard)
	if !v.Open() || silence < min(quiet, e.gap()) {
		return v, nil
	}
	if silence >= e.gap()+min(settle, e.gap()) {
		return e.Closed(v)
	}
	if silence >= quiet {
		return e.film(v)
	}
	return v, nil
}

// Closed is v when it is over.
func (e Evaluator) Closed(v Visit) (Visit, error) {
	if !v.Open() {
		return v, nil
	}
	v, err := e.film(v)
	if err != nil {
		return Visit{}, err
	}
	v.Alert.ClosedAt = &Time{v.Seen}
	return v.raise(Closed, v.Seen.Add(e.gap()), e.Links)
}

func shorten(name string) string {
	if r := []rune(name); len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return name
}
