// Package vision decides who is in a camera's pictures. It is pure Go: pictures come from vision/decode, faces and
// embeddings from an Engine such as vision/opencv. It imports frames and nothing else of ours.
package vision

import (
	"image"
	"math"
	"strings"
	"time"

	"vigil/frames"
)

// Point is a place in a picture, in fractions of its width and height, from the top left.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Box is a rectangle in a picture, in fractions of its width and height.
type Box struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// Overlap is the intersection over the union of two boxes, 0 to 1.
func (b Box) Overlap(o Box) float64 {
	w := min(b.X+b.W, o.X+o.W) - max(b.X, o.X)
	h := min(b.Y+b.H, o.Y+o.H) - max(b.Y, o.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (b.W*b.H + o.W*o.H - w*h)
}

// Pixels give a picture's pixels as packed BGR, 8 bits a channel, converted only where and only as large as they are
// asked for.
type Pixels interface {
	// Scale writes the whole picture, made w×h pixels large, to dst: rows of w×3 bytes from the top, stride bytes apart.
	Scale(dst []byte, stride, w, h int) error
	// Crop writes the pixels of r, which is not empty and lies inside the picture, to dst: rows of r.Dx()×3 bytes.
	Crop(dst []byte, r image.Rectangle) error
}

// Picture is one decoded picture. Its pixels are valid until the next picture is asked of the same decoder.
type Picture struct {
	Width  int
	Height int
	Pixels Pixels
	PTS    int64     // ticks of frames.ClockRate since the epoch began
	Time   time.Time // capture time
}

// Quality says how far a face can be trusted.
type Quality struct {
	EyeDistance float64 `json:"eye_distance"` // pixels between the eyes
	Sharpness   float64 `json:"sharpness"`    // detail of eyes, nose and mouth beyond its noise; see MinSharpness
	Yaw         float64 `json:"yaw"`          // degrees, estimated from the landmarks; 0 looks into the camera
	Pitch       float64 `json:"pitch"`        // degrees, estimated from the landmarks; positive looks up
	Roll        float64 `json:"roll"`         // degrees, from the line between the eyes
	Light       float64 `json:"light"`        // mean grey of the aligned face, 0 to 1
	Inside      float64 `json:"inside"`       // part of the box that lies inside the picture, 0 to 1
	Detector    float64 `json:"detector"`     // how sure the detector was that this is a face, 0 to 1
	Score       float64 `json:"score"`        // 0 to 1, all of the above in one number: the weight of the face in its track
}

// Landmarks are right eye, left eye, nose, right and left corner of the mouth: the subject's right.
type Landmarks [5]Point

// Face is one detection in one picture.
type Face struct {
	Box       Box       `json:"box"`
	Landmarks Landmarks `json:"landmarks"`
	Score     float64   `json:"score"` // the detector's, 0 to 1
	Quality   Quality   `json:"quality"`
}

// Embedding is a face as a unit vector; its length is its model's.
type Embedding []float32

// Dot is the cosine of two embeddings of the same model, −1 to 1.
func (e Embedding) Dot(o Embedding) float64 {
	var sum float32
	for i, v := range e {
		sum += v * o[i]
	}
	return float64(sum)
}

// Normalize scales e to length 1, in place, and returns it.
func (e Embedding) Normalize() Embedding {
	var sum float64
	for _, v := range e {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return e
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range e {
		e[i] *= scale
	}
	return e
}

// Model names the network that makes embeddings, and what its scores mean.
type Model struct {
	Engine    string  `json:"engine"`    // "deep" or "classic"
	ID        string  `json:"id"`        // the embedder's id and version: templates of another id are worthless
	Threshold float64 `json:"threshold"` // cosine from which two faces are one person's, whatever the gallery
	Margin    float64 `json:"margin"`
	// Calibration turns a stated rate into a threshold. Without points it is estimated from Threshold.
	Calibration Calibration `json:"calibration,omitzero"`
}

// Engine finds and embeds faces. It is used by one goroutine at a time.
type Engine interface {
	// Detect appends the faces in the picture to faces and returns the result, as append does; they are without their
	// Quality. None is not an error.
	Detect(p Picture, faces []Face) ([]Face, error)
	// Embed aligns the face and returns its embedding, which is the caller's to keep, and its Quality.
	Embed(p Picture, f Face) (Embedding, Quality, error)
	Model() Model
	Close() error
}

// Outcome is a decision's kind.
type Outcome string

// The three answers to "who is it?".
const (
	Known     Outcome = "known"     // somebody enrolled
	Unknown   Outcome = "unknown"   // nobody enrolled
	Undecided Outcome = "undecided" // too small, blurred, turned away, contradictory, or too short
)

// Decision is a track's answer.
type Decision struct {
	Outcome Outcome `json:"decision"`
	Person  string  `json:"person,omitempty"` // who, when known
	Nearest string  `json:"nearest,omitempty"`
	Score   float64 `json:"score"`          // cosine to the nearest person, 0 when the gallery is empty
	Margin  float64 `json:"margin"`         // Score less the second nearest person's
	Gate    Gate    `json:"gate,omitempty"` // the condition that it came down to
	Reason  string  `json:"reason"`         // one clause for people
}

// Sighting is a track's decision as published. The same track publishes one when it is decided, one every few
// seconds while it lasts, one a second while it moves, and a last one when it has ended.
type Sighting struct {
	Camera    frames.CameraID `json:"camera"`
	Track     string          `json:"track"`    // camera/epoch/pts-n: the same when the same video is analysed again
	Stage     string          `json:"stage"`    // "decided", "seen-<n>", "seen-moved-<n>", "revised-<n>", "ended": with Track, the sighting's identity
	Stranger  string          `json:"stranger"` // who the unknown is, "s-…"; empty for other outcomes
	Decision  Decision        `json:"decision"`
	Start     time.Time       `json:"start"` // capture time of the track's first face
	Seen      time.Time       `json:"seen"`  // capture time of its latest
	Ended     bool            `json:"ended"`
	Trail     []Mark          `json:"trail,omitempty"`    // where the face was since the sighting before, thinned, Seen's place last
	Shot      *Shot           `json:"shot,omitempty"`     // the best so far
	Published time.Time       `json:"-"`                  // when the bus had it; set where it is read
	Evidence  *Evidence       `json:"evidence,omitempty"` // why; only with the stages "decided", "revised-<n>" and "ended"
}

// ID identifies the sighting for ever.
func (s Sighting) ID() string { return s.Track + "/" + s.Stage }

// Decides reports whether the sighting says something new of its track, and with it why.
func (s Sighting) Decides() bool { return !strings.HasPrefix(s.Stage, seenStage) }

// Shot is the best picture of a track. Its JPEG lies in the store; no picture travels on the bus.
type Shot struct {
	Key     string    `json:"key"` // object key of the JPEG
	Time    time.Time `json:"time"`
	Box     Box       `json:"box"` // in the whole picture
	Quality Quality   `json:"quality"`
}
