package alerts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/frames"
	"vigil/vision"
)

// maxTracks bounds what a visit remembers of its tracks: somebody may loiter for days.
const maxTracks = 256

// ClipState says how far a clip of an alert has come.
type ClipState string

// The states of a clip. A due job is saved but perhaps not on the bus yet.
const (
	ClipNone      ClipState = "none"
	ClipDue       ClipState = "due"
	ClipScheduled ClipState = "scheduled"
	ClipMade      ClipState = "done"
	ClipFailed    ClipState = "failed"
)

// VisitTrack is what a visit remembers of one of its tracks.
type VisitTrack struct {
	Camera frames.CameraID `json:"camera"`
	Seen   time.Time       `json:"seen"` // capture time of its latest face
	Ended  bool            `json:"ended"`
}

// Visit is one identity's presence over all cameras, and all that is kept of the alert it raised. Mostly it is a stranger's; of
// somebody known, and of whom nothing could be decided, where a rule asks for them. No picture and no
// template is in it. A Visit is a value: what changes it returns another.
type Visit struct {
	Alert       Alert                 `json:"alert"`               // without links: they are made where they are sent
	Stranger    string                `json:"stranger"`            // whose it is, see identity
	Of          vision.Outcome        `json:"of,omitempty"`        // what they were decided to be when it was raised; empty: unknown
	Endpoints   []string              `json:"endpoints,omitempty"` // whom it is told; none: all
	Before      string                `json:"before,omitempty"`    // the alert of the same visit that this one outranked
	Start       time.Time             `json:"start"`               // capture time of the first sighting's first face
	Seen        time.Time             `json:"seen"`                // capture time of the latest face
	Tracks      map[string]VisitTrack `json:"tracks"`
	ShotKey     string                `json:"shot_key"`
	ShotScore   float64               `json:"shot_score"`
	ShotQuality *vision.Quality       `json:"shot_quality,omitempty"` // of that shot's face
	ClipState   ClipState             `json:"clip_state"`
	Job         *ClipJob              `json:"job,omitempty"` // as asked for; asked again, it is the same
	Clip        *Clip                 `json:"clip,omitempty"`
	ClipReason  string                `json:"clip_reason,omitempty"` // why there is no clip
	More        []Piece               `json:"more,omitempty"`        // clips of what happened after the first one
	Corrected   time.Time             `json:"corrected,omitzero"`    // capture time until which the alert was wrong
	Pending     []Pending             `json:"pending,omitempty"`     // saved, perhaps not on the bus yet
	Issued      []EventType           `json:"issued,omitempty"`

	Revision uint64 `json:"-"` // the store's, for its compare-and-set
}

// Piece is one more clip of a visit that the ones before do not show to its end.
type Piece struct {
	From   time.Time `json:"from"` // capture time at which it begins
	State  ClipState `json:"state"`
	Job    *ClipJob  `json:"job,omitempty"`
	Clip   *Clip     `json:"clip,omitempty"`
	Reason string    `json:"reason,omitempty"` // why there is no clip
}

// Clips are the visit's clips that are made, in the order of what they show, without links.
func (v Visit) Clips() (clips []Clip) {
	if v.Clip != nil {
		clips = append(clips, *v.Clip)
	}
	for _, p := range v.More {
		if p.Clip != nil {
			clips = append(clips, *p.Clip)
		}
	}
	return clips
}

// clipIn says whether a clip of the visit is in that state.
func (v Visit) clipIn(s ClipState) bool {
	return v.ClipState == s || slices.ContainsFunc(v.More, func(p Piece) bool { return p.State == s })
}

// asked is how many clips were asked for.
func (v Visit) asked() int {
	n := 0
	if v.ClipState != ClipNone {
		n++
	}
	for _, p := range v.More {
		if p.State != ClipNone {
			n++
		}
	}
	return n
}

// Filming says that a clip was asked for and is not there yet.
func (v Visit) Filming() bool { return v.clipIn(ClipDue) || v.clipIn(ClipScheduled) }

// Open says that the visit still lasts.
func (v Visit) Open() bool { return v.Alert.ClosedAt == nil }

// of is what the visit's identity was decided to be when it was raised.
func (v Visit) of() vision.Outcome { return cmp.Or(v.Of, vision.Unknown) }

// Shows says that the sighting is of whoever the visit is of.
func (v Visit) Shows(s vision.Sighting) bool { return shows(v.of(), v.Stranger, s) }

func shows(of vision.Outcome, who string, s vision.Sighting) bool {
	return s.Decision.Outcome == of && (of == vision.Unknown || identity(s) == who)
}

// takes says that what is said of a visit's track belongs to the visit. A stranger's keeps it, whatever is said: somebody
// enrolled corrects it. What is told of somebody known, or of nobody in particular, must not hide anybody else.
func takes(of vision.Outcome, who string, s vision.Sighting) bool {
	switch of {
	case vision.Known:
		return identity(s) == who
	case vision.Undecided:
		return s.Decision.Outcome != vision.Unknown
	default:
		return true
	}
}

// Wrong says that a track of the visit turned out to be somebody enrolled.
func (v Visit) Wrong() bool { return !v.Corrected.IsZero() }

// Settled says that nothing of the visit waits to be put on the bus.
func (v Visit) Settled() bool { return len(v.Pending) == 0 && !v.clipIn(ClipDue) }

// Data is the visit as events and the console show it, with fresh links.
func (v Visit) Data(links Links) Data {
	d := Data{Alert: v.Alert}
	d.Alert.ConsoleURL = links.Console(v.Alert.ID)
	if v.ShotKey != "" {
		d.Alert.BestShotURL = links.Shot(v.ShotKey)
	}
	if v.Clip != nil {
		d.Clip = linked(*v.Clip, links)
	}
	return d
}

func linked(clip Clip, links Links) *Clip {
	clip.URL = links.Clip(clip.Key)
	clip.Gaps = append([]ClipGap{}, clip.Gaps...) // an empty list, never null
	clip.Piece = max(1, clip.Piece)
	return &clip
}

// AlertID is the ID of the alert that s raises: its time is the sighting's, the rest follows from who and which track,
// so that the same sighting, told twice, raises the same alert.
func AlertID(s vision.Sighting) string {
	sum := sha256.Sum256([]byte(identity(s) + s.Track))
	var id ulid.ULID
	if ms := s.Start.UnixMilli(); ms > 0 && uint64(ms) <= ulid.MaxTime() {
		_ = id.SetTime(uint64(ms)) // fails only beyond MaxTime
	}
	_ = id.SetEntropy(sum[:10]) // fails only when not 10 bytes
	return id.String()
}

// identity is whose visit s belongs to. A stranger without a name is nobody else than their own track. Those of whom
// nothing can be decided cannot be told apart: they are one a camera.
func identity(s vision.Sighting) string {
	switch {
	case s.Decision.Outcome == vision.Known:
		sum := sha256.Sum256([]byte(s.Decision.Person))
		return "p-" + hex.EncodeToString(sum[:4])
	case s.Decision.Outcome == vision.Undecided:
		return "u-" + string(s.Camera)
	case s.Stranger == "":
		return s.Track
	default:
		return s.Stranger
	}
}

// has says that the event was issued or is about to be. Those of further pieces do not count.
func (v Visit) has(t EventType) bool {
	return slices.Contains(v.Issued, t) ||
		slices.ContainsFunc(v.Pending, func(p Pending) bool { return p.Type == t && v.single(p) })
}

// single says that there is one such event of the visit: any but those of further pieces.
func (v Visit) single(p Pending) bool {
	return p.ID == Event{Type: p.Type, Data: Data{Alert: Alert{ID: v.Alert.ID}}}.ID()
}

// raise freezes an event, once.
func (v Visit) raise(t EventType, at time.Time, links Links) (Visit, error) {
	if v.has(t) {
		return v, nil
	}
	d := v.Data(links)
	if t == Opened {
		d.Clip = nil
	}
	return v.tell(t, at, d)
}

// tell freezes an event.
func (v Visit) tell(t EventType, at time.Time, d Data) (Visit, error) {
	n, err := NewNotice(Event{Type: t, Timestamp: Time{at}, Data: d})
	if err != nil {
		return Visit{}, fmt.Errorf("raise %s of alert %s: %w", t, v.Alert.ID, err)
	}
	v.Pending = append(slices.Clip(v.Pending), Pending{Notice: n})
	return v, nil
}

// continues is v as what before goes on as: whatever is said of its tracks belongs to v from now on.
func (v Visit) continues(before Visit) Visit {
	tracks := maps.Clone(before.Tracks)
	maps.Copy(tracks, v.Tracks)
	v.Tracks, v.Before = tracks, before.Alert.ID
	return v
}

// audience are those of the endpoints that are told of the visit.
func (v Visit) audience(endpoints []string) []string {
	if len(v.Endpoints) == 0 {
		return endpoints
	}
	return slices.DeleteFunc(slices.Clone(endpoints), func(id string) bool { return !slices.Contains(v.Endpoints, id) })
}

// follow notes the sighting's track.
func (v Visit) follow(s vision.Sighting) Visit {
	t := v.Tracks[s.Track]
	t.Camera = s.Camera
	t.Seen = later(t.Seen, s.Seen)
	t.Ended = t.Ended || s.Ended || s.Decision.Outcome == vision.Known && v.of() != vision.Known
	tracks := maps.Clone(v.Tracks)
	if tracks == nil {
		tracks = make(map[string]VisitTrack)
	}
	tracks[s.Track] = t
	for len(tracks) > maxTracks {
		delete(tracks, oldest(tracks))
	}
	v.Tracks = tracks
	return v
}

func oldest(tracks map[string]VisitTrack) string {
	var name string
	for n, t := range tracks {
		if name == "" || t.Seen.Before(tracks[name].Seen) || t.Seen.Equal(tracks[name].Seen) && n < name {
			name = n
		}
	}
	return name
}

// look keeps the better shot: the first one that there is, then the one with the higher quality.
func (v Visit) look(shot *vision.Shot) Visit {
	if shot != nil && shot.Key != "" && (v.ShotKey == "" || shot.Quality.Score > v.ShotScore) {
		v.ShotKey, v.ShotScore, v.ShotQuality = shot.Key, shot.Quality.Score, &shot.Quality
	}
	return v
}

// ended says that no track of the camera goes on.
func (v Visit) ended(camera frames.CameraID) bool {
	for _, t := range v.Tracks {
		if t.Camera == camera && !t.Ended {
			return false
		}
	}
	return true
}

// seenOn is the capture time of the latest face on the camera.
func (v Visit) seenOn(camera frames.CameraID) time.Time {
	seen := v.Start
	for _, t := range v.Tracks {
		if t.Camera == camera {
			seen = later(seen, t.Seen)
		}
	}
	return seen
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
