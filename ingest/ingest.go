// Package ingest turns cameras into fragments in the log. Its adapters, ingest/rtsp and ingest/whip, end the
// protocols and hand access units to a Sink; a Segmenter makes fragments of them and a Publisher appends them.
// It imports frames and nothing else of ours.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vigil/frames"
)

// What a publisher can be refused for.
var (
	// ErrUnknownCamera says that no camera of that id takes publishers.
	ErrUnknownCamera = errors.New("no such camera")
	// ErrWrongToken says that the publisher's token is not the camera's. The same answer goes to every wrong token.
	ErrWrongToken = errors.New("wrong token")
)

// Unit is one access unit as a source received it.
type Unit struct {
	PTS      int64     // presentation time on the source's own clock, unwrapped, in ticks of frames.ClockRate
	Received time.Time // when its last packet arrived
	NTP      time.Time // of PTS by the sender's clock, from its RTCP reports; zero when it told nothing
	NALUs    [][]byte  // without start codes; the sink may keep them
	Missing  bool      // packets between the unit before and the end of this one never came
	Partial  bool      // Missing, and some of them are or may be of this unit
}

// Sink takes one connection's video, and the audio beside it. Calls of Start and Unit come from one goroutine at a
// time, in decoding order; Audio may be called from another.
type Sink interface {
	// Start says what the signalling knew of the tracks; parameter sets may be empty, they then come in band.
	// It is called once, before the first Unit and the first Audio.
	Start(p frames.Parameters) error
	// Unit takes the next access unit. An error ends the connection.
	Unit(u Unit) error
	// Audio takes the next packet of the audio track that Start told of. Nothing about it ends a connection.
	Audio(s Sound)
	// Lost notes that so many packets never came. It may be called from any goroutine after Start.
	Lost(packets uint64)
}

// Source is a camera that Vigil connects to. Run connects once, feeds sink and returns why the connection
// ended; it returns nil only when ctx ended it.
type Source interface {
	Run(ctx context.Context, sink Sink) error
	fmt.Stringer // for logs: without credentials
}

// Admission lets publishers in. Admit checks the token in constant time and returns the session's sink. The newest
// publisher that was let in takes the camera over: the context of the one before ends. Session.End must be called,
// with the reason, when the connection is over.
type Admission interface {
	Admit(ctx context.Context, camera, token, source string) (s *Session, err error)
}

// Session is one publisher's time on a camera.
type Session struct {
	Sink
	Context context.Context // ends when the session is taken over or the program stops; Cause says why
	End     func(reason error)
}
