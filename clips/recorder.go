package clips

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/frames"
)

const (
	// maxLength bounds a clip.
	maxLength = 60 * time.Second
	// lateness is how long after a window's end its video may still arrive.
	lateness = 5 * time.Second
	// shotLateness is how long after the cut the best shot may still arrive.
	shotLateness = 5 * time.Second
	// poll is how often a window is looked at that should be complete by now, and slowPoll one that should not: a
	// camera whose clock is ahead has its video recorded before the wall clock gets there.
	poll     = 250 * time.Millisecond
	slowPoll = 5 * time.Second
	// storeTimeout bounds an upload, beside the time for its bytes: a stalled connection holds up other jobs.
	storeTimeout = 30 * time.Second
	// lookTimeout bounds the look for a clip that was made before: the video waits for its answer.
	lookTimeout = 10 * time.Second
	// slowest is the upload rate, in bytes a second, that is still waited for.
	slowest = 256 << 10
	// edge is how much may lack at a clip's ends without being reported: a picture or two.
	edge = 200 * time.Millisecond
	// rounding is what may lack at a window's end without being waited for: times go through ticks and milliseconds.
	rounding = 20 * time.Millisecond
)

// ErrBadJob says that a job can never be done: retrying it is pointless.
var ErrBadJob = errors.New("bad clip job")

// NotYet says that a job cannot be finished now and is to be handled again. Nothing is wrong with the job, and no
// number of such answers makes it so: deliveries that end in it are not to be counted against it.
type NotYet struct {
	After time.Duration
	Cause error // what is waited for
}

// Error implements error.
func (n NotYet) Error() string { return fmt.Sprintf("not yet, again in %v: %v", n.After, n.Cause) }

// Unwrap gives the cause.
func (n NotYet) Unwrap() error { return n.Cause }

// Facts says what a cut file holds.
type Facts struct {
	Start  time.Time // capture time of the first picture
	End    time.Time // capture time at which the last picture stops being shown
	Codec  frames.Codec
	Width  int // pixels
	Height int
	Units  int          // access units
	Gaps   []frames.Gap // capture time between the fragments that the file lacks or shows damaged, oldest first
}

// Cut writes fragments as one playable file. Where not all of them fit into one, those at the time at are written. The
// tail are fragments that follow: audio that belongs to the pictures may have come with them.
type Cut func(w io.Writer, fragments, tail []*frames.Fragment, at time.Time) (Facts, error)

// Announcer tells the rest of the program that a job is done. It may be told the same twice.
type Announcer interface {
	Publish(ctx context.Context, done alerts.ClipDone) error
}

// Recorder makes the clips that jobs ask for. Of jobs it keeps nothing in memory between two calls: what has been
// reached is read from the spool and the store, so that a job may be interrupted anywhere, handled again, and ends the
// same way. It remembers that the store is away: clips are then cut into the spool, and wait there.
type Recorder struct {
	Video     frames.Log
	Cut       Cut
	Store     Store
	Done      Announcer
	Key       ed25519.PrivateKey // signs records; none: they are not signed
	Spool     string             // folder of the clips that are not in the store yet; made when missing
	SpoolAge  time.Duration      // default 24 h: older clips are given up
	SpoolSize int64              // default 20 GB: beyond it the oldest clips are given up
	Log       *slog.Logger       // default: nothing is logged
	Now       func() time.Time   // default time.Now

	// private
	outage outage
	busy   sync.Map // alerts that are being worked on
}

var alertID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Handle does the job, or answers NotYet when it has to be asked again, ErrBadJob when it need not be, or another
// error. It does not wait: whoever calls it holds a message.
func (r *Recorder) Handle(ctx context.Context, job alerts.ClipJob) error {
	if err := check(job); err != nil {
		return fmt.Errorf("clip of alert %q: %w", job.Alert, err)
	}
	release, ok := r.claim(job.Name())
	if !ok {
		return fmt.Errorf("clip of alert %s: %w", job.Alert, NotYet{After: poll, Cause: errors.New("it is being made")})
	}
	defer release()
	if err := r.handle(ctx, job); err != nil {
		return fmt.Errorf("clip of alert %s: %w", job.Alert, err)
	}
	return nil
}

func check(job alerts.ClipJob) error {
	if !alertID.MatchString(job.Alert) {
		return fmt.Errorf("%w: alert id %q", ErrBadJob, job.Alert)
	}
	if job.Piece < 0 {
		return fmt.Errorf("%w: piece %d", ErrBadJob, job.Piece)
	}
	if _, err := frames.ParseCameraID(string(job.Camera)); err != nil {
		return fmt.Errorf("%w: %w", ErrBadJob, err)
	}
	if !job.End.After(job.Start) {
		return fmt.Errorf("%w: window from %v to %v", ErrBadJob, job.Start, job.End)
	}
	if len(job.Record) > 0 && !json.Valid(job.Record) {
		return fmt.Errorf("%w: its record is not JSON", ErrBadJob)
	}
	return nil
}

// handle goes on from wherever an earlier call got to: the clip is in the spool, or in the store, or nowhere yet.
func (r *Recorder) handle(ctx context.Context, job alerts.ClipJob) error {
	spool, err := openSpool(r.Spool, job.Name())
	if err != nil {
		return err
	}
	clip, err := spool.peek()
	if err == nil && r.outage.bars(r.now()) {
		return whenBack(errAway)
	}
	if err == nil {
		err = spool.check(clip)
	}
	switch {
	case err == nil:
		return r.finish(ctx, job, spool, clip)
	case !errors.Is(err, os.ErrNotExist):
		r.logger().Warn("clip in the spool is cut again", "alert", job.Alert, "reason", err)
	}
	end := earlier(job.End, job.Start.Add(maxLength))
	late := r.now().After(end.Add(lateness))
	if !late {
		if err := r.complete(ctx, job.Camera, end); err != nil {
			return err
		}
	}
	unsure := errAway // not asked, so that the video is not kept waiting
	if !r.outage.on() {
		var record *record
		if record, unsure = r.recorded(ctx, job); unsure == nil {
			return r.Done.Publish(ctx, record.done(job))
		}
	}
	clip, err = r.record(ctx, job, end, spool)
	var impossible uncuttable
	switch {
	case errors.Is(err, frames.ErrNotFound) && !late:
		return NotYet{After: poll, Cause: err}
	case errors.Is(err, frames.ErrNotFound):
		return r.unrecorded(ctx, job, unsure)
	case errors.As(err, &impossible):
		return r.giveUp(ctx, job, "the video cannot be cut: "+impossible.Error())
	case err != nil:
		return err
	}
	return r.finish(ctx, job, spool, clip)
}

// recorded returns the record of a clip that was made before, or ErrNotFound. Any other error is the store's: the video
// does not wait for it to come back.
func (r *Recorder) recorded(ctx context.Context, job alerts.ClipJob) (*record, error) {
	var found *record
	err := r.withStore(ctx, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		found, err = r.stored(ctx, job)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, errAway) {
		r.logger().Warn("store does not answer, cutting all the same", "alert", job.Alert, "reason", err)
	}
	return found, err
}

// unrecorded ends a job whose video the log does not have, or has no more. The store may have it.
func (r *Recorder) unrecorded(ctx context.Context, job alerts.ClipJob, unsure error) error {
	if errors.Is(unsure, errAway) {
		var record *record
		if record, unsure = r.recorded(ctx, job); unsure == nil {
			return r.Done.Publish(ctx, record.done(job))
		}
	}
	if !errors.Is(unsure, ErrNotFound) {
		return whenBack(unsure)
	}
	return r.giveUp(ctx, job, noVideo(job))
}

// giveUp answers the job without a clip.
func (r *Recorder) giveUp(ctx context.Context, job alerts.ClipJob, reason string) error {
	r.logger().Warn("alert has no clip", "alert", job.Alert, "camera", job.Camera, "reason", reason)
	return r.Done.Publish(ctx, alerts.ClipDone{Alert: job.Alert, Camera: job.Camera, Piece: job.Piece, Reason: reason})
}

func noVideo(job alerts.ClipJob) string {
	const layout = "2006-01-02T15:04:05.000Z"
	return fmt.Sprintf("no video recorded between %s and %s, or none kept",
		job.Start.UTC().Format(layout), job.End.UTC().Format(layout))
}

// uncuttable is Cut's own verdict on the fragments. They are immutable: asking again gives the same.
type uncuttable struct{ error }

// record cuts the clip into the spool.
func (r *Recorder) record(ctx context.Context, job alerts.ClipJob, end time.Time, spool *spool) (*spooled, error) {
	fragments, err := r.Video.Between(ctx, job.Camera, job.Start, end)
	if err != nil {
		return nil, err
	}
	tail, err := r.tail(ctx, fragments)
	if err != nil {
		return nil, err
	}
	if err := r.trim(); err != nil {
		return nil, err
	}
	clip := &spooled{Cut: r.now().UTC(), Job: job}
	var facts Facts
	err = spool.write(func(w io.Writer) (err error) {
		if facts, err = r.Cut(w, fragments, tail, sighting(job)); err != nil && !errors.Is(err, errSpool) {
			return uncuttable{err}
		}
		return err
	}, &clip.Bytes, &clip.SHA256)
	if err != nil {
		return nil, err
	}
	clip.describe(facts, job, end)
	return clip, spool.commit(clip)
}

// complete answers NotYet until the log holds the last moment before end, and what is heard with it.
func (r *Recorder) complete(ctx context.Context, camera frames.CameraID, end time.Time) error {
	last, err := r.Video.Between(ctx, camera, end.Add(-audioLag), end)
	if err != nil && !errors.Is(err, frames.ErrNotFound) {
		return err
	}
	if err == nil && !last[len(last)-1].End().Before(end.Add(-rounding)) {
		return r.waitAudio(ctx, last)
	}
	after := min(max(poll, end.Add(poll).Sub(r.now())), slowPoll)
	return NotYet{After: after, Cause: errors.New("the window's video is still coming in")}
}

// sighting is the capture time that the clip must show: when the alert was raised, else the window's middle.
func sighting(job alerts.ClipJob) time.Time {
	var raised struct {
		OpenedAt time.Time `json:"opened_at"`
	}
	if json.Unmarshal(job.Record, &raised) == nil && !raised.OpenedAt.Before(job.Start) && raised.OpenedAt.Before(job.End) {
		return raised.OpenedAt
	}
	return job.Start.Add(job.End.Sub(job.Start) / 2)
}

// finish brings a clip from the spool into the store, announces it, and only then lets go of it.
func (r *Recorder) finish(ctx context.Context, job alerts.ClipJob, spool *spool, clip *spooled) error {
	var record *record
	err := r.withStore(ctx, func(ctx context.Context) (err error) {
		record, err = r.upload(ctx, job, spool, clip)
		return err
	})
	var wait NotYet
	switch {
	case err == nil:
	case ctx.Err() != nil || errors.Is(err, errSpool) || errors.As(err, &wait):
		return err
	default:
		return whenBack(err)
	}
	done := record.done(job)
	if err := r.Done.Publish(ctx, done); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	r.logger().Info("clip stored", "alert", job.Alert, "camera", job.Camera, "key", done.Clip.Key, "bytes", done.Clip.Bytes)
	return spool.remove()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (r *Recorder) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

func (r *Recorder) logger() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}
