package alerts

import (
	"cmp"
	"slices"
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

// Links makes the addresses that leave the house, from keys and IDs.
type Links interface {
	Shot(key string) string
	Clip(key string) string
	Console(alert string) string
}

// Evaluator decides what becomes of visits. It keeps nothing: every method is a function of its arguments.
// Visits are measured on the capture clock, waiting on the wall clock.
type Evaluator struct {
	Rules    []Rule        // in their order: the first is the most important
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

// Raises is the first rule that the sighting matches, and from when on it does.
func (e Evaluator) Raises(s vision.Sighting) (r Rule, from time.Time, ok bool) {
	return first(e.Rules, s)
}

// Outranks is the first rule that s matches of those before the one that has raised v: what matters more is told though
// something less important of the same visit has been. A rule that is gone is outranked by none.
func (e Evaluator) Outranks(v Visit, s vision.Sighting) (r Rule, from time.Time, ok bool) {
	rank := slices.IndexFunc(e.Rules, func(r Rule) bool { return r.Name == v.Alert.Rule })
	if !v.Open() || v.Wrong() || rank < 0 {
		return Rule{}, time.Time{}, false
	}
	r, from, ok = first(e.Rules[:rank], s)
	return r, later(from, v.Start.Add(time.Millisecond)), ok // alerts are told apart by their time
}

func first(rules []Rule, s vision.Sighting) (r Rule, from time.Time, ok bool) {
	for _, r := range rules {
		if from, ok := r.Matches(s); ok {
			return r, from, true
		}
	}
	return Rule{}, time.Time{}, false
}

// Refutes says that s is of a stranger who is still there after a correction at that time. The owner was told that it was
// somebody enrolled, and looks away: whoever goes on as a stranger, on the same track or another, raises an alert of
// their own. What was seen before the correction, and comes late or again, raises none.
func (e Evaluator) Refutes(s vision.Sighting, corrected time.Time) bool {
	return !corrected.IsZero() && s.Decision.Outcome == vision.Unknown && s.Seen.After(corrected)
}

// Joins says that the sighting belongs to the open visit v by who it shows.
func (e Evaluator) Joins(v Visit, s vision.Sighting) bool {
	return v.Open() && v.Stranger == identity(s) && !e.Refutes(s, v.Corrected) &&
		s.Start.Sub(v.Seen) <= e.gap() && v.Start.Sub(s.Seen) <= e.gap()
}

// Span is capture time.
type Span struct{ From, To time.Time }

// Covers says that the sighting lies within a visit of its identity, which may be closed by now: another camera, whose
// video is analysed minutes later, shows what the rule has told already. What goes on after the visit is another one, and
// what matters more than the rule is told all the same.
func (e Evaluator) Covers(visit Span, rule string, s vision.Sighting) bool {
	rank := slices.IndexFunc(e.Rules, func(r Rule) bool { return r.Name == rule })
	_, _, outranked := first(e.Rules[:max(rank, 0)], s)
	return !outranked && visit.From.Sub(s.Start) <= e.gap() && s.Seen.Sub(visit.To) <= e.gap()
}

// Outlasts says that the sighting shows v to be over: the same identity, after the gap.
func (e Evaluator) Outlasts(v Visit, s vision.Sighting) bool {
	return v.Open() && v.Stranger == identity(s) && s.Start.Sub(v.Seen) > e.gap()
}

// Opened is the visit that begins with the sighting by the rule, the identity's visits-th.
func (e Evaluator) Opened(s vision.Sighting, r Rule, visits int) (Visit, error) {
	v := Visit{
		Alert: Alert{
			ID: AlertID(s), Camera: s.Camera, OpenedAt: Time{s.Start}, Rule: r.Name,
			Decision: s.Decision.Outcome, Stranger: identity(s), Visits: visits, Score: s.Decision.Score,
		},
		Stranger: identity(s), Of: s.Decision.Outcome, Endpoints: r.Endpoints,
		Start: s.Start, Seen: later(s.Start, s.Seen), ClipState: ClipNone,
	}
	if who := cmp.Or(s.Decision.Person, s.Decision.Nearest); who != "" {
		v.Alert.Nearest = &Nearest{Person: shorten(who), Score: s.Decision.Score}
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
	if v.Shows(s) {
		v.Seen = later(v.Seen, s.Seen)
		v = v.look(s.Shot)
	}
	return e.roll(v, s)
}

// corrected is v after s, which may show that its alert was wrong: a track of it turned out to be somebody enrolled. The
// tracks of a visit look like one person, so one such track corrects it as a whole, and the first one says who it was.
// All that the visit has seen by then is corrected with it.
func (e Evaluator) corrected(v Visit, s vision.Sighting) (Visit, error) {
	if s.Decision.Outcome != vision.Known || v.of() == vision.Known || v.Wrong() {
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
