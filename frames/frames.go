// Package frames holds the words every other package shares: cameras, codecs, access units, fragments
// and the log they are kept in. It imports nothing of ours and knows no transport: adapters such as
// frames/jetstream keep the log, frames/framestest holds them to the contract.
package frames

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ClockRate is the unit of every media time here: ticks per second, as RTP counts video (RFC 6184, 8.2.1).
const ClockRate = 90000

// Bounds of a fragment.
const (
	MaxFragmentDuration = 500 * time.Millisecond
	MaxFragmentBytes    = 512 << 10
	// MaxUnitBytes bounds an access unit. One that is larger than a fragment may be is a fragment of its own.
	MaxUnitBytes = 8 << 20
)

// ErrNotFound says that the log holds nothing of the camera in the asked window. It is normal for a window
// that is older than the log's retention or that lies in a time when the camera was away.
var ErrNotFound = errors.New("no fragments in the window")

// CameraID names a camera. It is stable, and safe in subjects, object keys and URLs.
type CameraID string

var cameraID = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// ParseCameraID checks that s is 1 to 63 of a-z, 0-9 and "-".
func ParseCameraID(s string) (CameraID, error) {
	if !cameraID.MatchString(s) {
		return "", fmt.Errorf("camera id %q: want 1 to 63 of a-z, 0-9 and -", s)
	}
	return CameraID(s), nil
}

// detectSuffix ends the name of a camera's second stream. No camera's id has an underscore.
const detectSuffix = "_detect"

// Detect names the stream of smaller pictures that a camera may send for analysis. It is a name in the log, where it
// looks like a camera's; ParseCameraID does not take it.
func (c CameraID) Detect() CameraID { return c + detectSuffix }

// ParseStream checks that s is a camera's id, or the name of its stream for analysis.
func ParseStream(s string) (CameraID, error) {
	if _, err := ParseCameraID(strings.TrimSuffix(s, detectSuffix)); err != nil {
		return "", err
	}
	return CameraID(s), nil
}

// Codec names a codec.
type Codec string

// The codecs that travel through the log: of pictures, and of audio beside them.
const (
	H264 Codec = "h264"
	H265 Codec = "h265"
	AAC  Codec = "aac"
	Opus Codec = "opus"
)

// Parameters are a video track's codec and its parameter sets, raw NAL units without start codes, and what is known
// of the audio track beside it.
type Parameters struct {
	Codec Codec
	VPS   []byte // H.265 only
	SPS   []byte
	PPS   []byte
	Audio *Audio // nil without audio
}

// AccessUnit is one coded picture as it came off the wire, never re-encoded.
type AccessUnit struct {
	PTS   int64    // presentation time, in ticks of ClockRate since the epoch began
	DTS   int64    // decoding time, same clock; never above PTS, always rising
	Key   bool     // decoding can start here (IDR; IRAP for H.265)
	NALUs [][]byte // without start codes or length fields
}

// Gap says which capture time is missing in front of a fragment, and why.
type Gap struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

// Fragment is 500 ms or less of one camera's access units, at most 512 KiB or a single access unit, immutable. Audio travels
// in it too, but in its own time: see UnpackAudio.
type Fragment struct {
	Camera   CameraID      // or the name of its stream for analysis, see CameraID.Detect
	Epoch    string        // names the run of fragments with one clock and one set of parameters; unique per camera
	Seq      uint64        // place in the epoch, from 0
	Key      bool          // starts on a key access unit; the payload then begins with the init segment
	KeyPos   uint64        // log position of the key fragment this one decodes from; 0 in a key fragment
	Start    time.Time     // capture time of the first access unit (in decoding order), at its PTS
	Duration time.Duration // sum of the access units' durations
	Codec    Codec
	Width    int // in pixels, as displayed
	Height   int
	Gap      *Gap   // what is missing in front of this fragment, if anything
	Loss     bool   // packets were lost since the latest key access unit that came whole: pictures may be damaged
	Payload  []byte // fMP4, see Pack

	Pos uint64 // position in the log, rising but not dense; set by the log
}

// ID identifies the fragment for ever: camera/epoch/seq.
func (f *Fragment) ID() string {
	return string(f.Camera) + "/" + f.Epoch + "/" + strconv.FormatUint(f.Seq, 10)
}

// End is the capture time at which the fragment's last access unit stops being shown.
func (f *Fragment) End() time.Time { return f.Start.Add(f.Duration) }

// Log keeps the fragments of all cameras for a bounded time.
type Log interface {
	// Append stores f and returns its position. Appending the same ID again stores nothing and returns the
	// position of the first; so every error may be answered with a retry.
	Append(ctx context.Context, f *Fragment) (pos uint64, err error)

	// Follow yields the camera's fragments in log order, from position from on (0: the oldest kept; a position
	// that is kept no more: the oldest after it), then waits for new ones until ctx ends. It yields an error once,
	// as its last step; ending by ctx is not an error.
	Follow(ctx context.Context, camera CameraID, from uint64) iter.Seq2[*Fragment, error]

	// Between returns, in log order, what is kept of the fragments that overlap [start, end), beginning with the
	// key fragment that the first of them decodes from. ErrNotFound when there are none.
	Between(ctx context.Context, camera CameraID, start, end time.Time) ([]*Fragment, error)
}

// Ticks converts a duration to ticks of ClockRate.
func Ticks(d time.Duration) int64 {
	return int64(d/time.Second)*ClockRate + int64(d%time.Second)*ClockRate/int64(time.Second)
}

// Duration converts ticks of ClockRate to a duration.
func Duration(ticks int64) time.Duration {
	return time.Duration(ticks/ClockRate)*time.Second + time.Duration(ticks%ClockRate)*time.Second/ClockRate
}
