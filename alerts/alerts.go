// Package alerts turns sightings into visits, visits into alerts, and alerts into events that leave the house.
// It imports vision and frames; what keeps and sends are its adapters, alerts/jetstream and alerts/webhook.
package alerts

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"vigil/frames"
	"vigil/vision"
)

// EventType names an event, as receivers see it.
type EventType string

// The events.
const (
	Opened    EventType = "alert.opened"
	ClipReady EventType = "alert.clip_ready"
	// Corrected says that the alert was wrong: whoever raised it is enrolled.
	Corrected EventType = "alert.corrected"
	Closed    EventType = "alert.closed"
	// CameraOffline and CameraOnline say that a camera's video went away, and that it is back.
	CameraOffline EventType = "camera.offline"
	CameraOnline  EventType = "camera.online"
	Test          EventType = "test"
)

// Nearest is the enrolled person most like a stranger; in a corrected alert, who it was.
type Nearest struct {
	Person string  `json:"person"`
	Score  float64 `json:"score"`
}

// Time is an instant as events carry it: RFC 3339 with milliseconds, UTC.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// Alert is what a visit raises. Receivers may rely on these fields: some may be added, none changed.
type Alert struct {
	ID          string          `json:"id"` // a ULID that follows from the visit's first track: raised again, it is the same
	Camera      frames.CameraID `json:"camera"`
	OpenedAt    Time            `json:"opened_at"` // capture time from which on the rule matched
	ClosedAt    *Time           `json:"closed_at"`
	CorrectedAt *Time           `json:"corrected_at"` // capture time until which it was wrong; null unless it was
	Rule        string          `json:"rule"`
	Decision    vision.Outcome  `json:"decision"` // "known" when the alert is corrected, or raised by somebody known; then Nearest is who
	Stranger    string          `json:"stranger"` // whose visit it is: "s-…", of somebody known "p-…", of undecided ones "u-<camera>"
	Visits      int             `json:"visits"`   // how many visits of this stranger are remembered, this one included
	Score       float64         `json:"score"`
	Nearest     *Nearest        `json:"nearest"`
	BestShotURL string          `json:"best_shot_url"`
	ConsoleURL  string          `json:"console_url"`
}

// Clip is the alert's video as events describe it.
type Clip struct {
	URL    string       `json:"url"`
	Key    string       `json:"key"`
	Bytes  int64        `json:"bytes"`
	SHA256 string       `json:"sha256"`
	Start  Time         `json:"start"`
	End    Time         `json:"end"`
	Codec  frames.Codec `json:"codec"`
	Width  int          `json:"width"`
	Height int          `json:"height"`
	Gaps   []ClipGap    `json:"gaps"`
	Piece  int          `json:"piece"` // from 1; a long visit is told in several, each a clip of its own
}

// ClipGap is capture time that the clip lacks, or shows damaged because packets were lost.
type ClipGap struct {
	From   Time   `json:"from"`
	To     Time   `json:"to"`
	Reason string `json:"reason"`
}

// Event is what leaves the house. Its JSON is the webhook's body.
type Event struct {
	Type      EventType `json:"type"`
	Timestamp Time      `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is an event's payload: an alert, with its clip when there is one, or a camera.
type Data struct {
	Alert  Alert         `json:"alert,omitzero"`
	Clip   *Clip         `json:"clip,omitempty"`
	Camera *CameraChange `json:"camera,omitempty"`
}

// About is the camera that the event is of.
func (d Data) About() frames.CameraID {
	if d.Camera != nil {
		return d.Camera.ID
	}
	return d.Alert.Camera
}

// ID identifies the event for ever and is the webhook-id, which may hold no dot (Standard Webhooks 1.0.0).
func (e Event) ID() string {
	about, piece := e.Data.Alert.ID, ""
	if c := e.Data.Clip; e.Type == ClipReady && c != nil && c.Piece > 1 {
		piece = "-" + strconv.Itoa(c.Piece)
	}
	if c := e.Data.Camera; c != nil {
		about = string(c.ID) + "-" + strconv.FormatInt(c.Since.UnixMilli(), 10)
	}
	return about + "-" + strings.NewReplacer(".", "-", "_", "-").Replace(string(e.Type)) + piece
}

// ClipJob asks for an alert's clip.
type ClipJob struct {
	Alert   string          `json:"alert"`
	Camera  frames.CameraID `json:"camera"`
	Start   time.Time       `json:"start"` // capture time, pre-roll included
	End     time.Time       `json:"end"`   // capture time, post-roll included
	ShotKey string          `json:"shot_key"`
	Record  json.RawMessage `json:"record"`          // the alert as raised, for the record beside the clip
	Piece   int             `json:"piece,omitempty"` // of the visit, from 2; 0 is the first
}

// Name is what the clip's files are called: the alert, and from the second piece on its number.
func (j ClipJob) Name() string { return pieceName(j.Alert, j.Piece) }

func pieceName(alert string, piece int) string {
	if piece < 2 {
		return alert
	}
	return alert + "-" + strconv.Itoa(piece)
}

// ClipDone answers a ClipJob. Clip.URL is empty: links are made where they are sent.
type ClipDone struct {
	Alert   string          `json:"alert"`
	Camera  frames.CameraID `json:"camera"`
	ShotKey string          `json:"shot_key"`        // the best shot beside the clip; empty when there is none
	Clip    *Clip           `json:"clip"`            // nil when no clip could be made
	Reason  string          `json:"reason"`          // why not
	Piece   int             `json:"piece,omitempty"` // as the job's
}

// Name is the job's.
func (d ClipDone) Name() string { return pieceName(d.Alert, d.Piece) }
