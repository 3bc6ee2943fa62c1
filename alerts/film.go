package alerts

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"vigil/vision"
)

const (
	// MaxClip is the longest clip, pre-roll and post-roll included. A visit that goes on is shown by further ones.
	MaxClip = 60 * time.Second
	// MaxPieces bounds the clips of a visit: somebody may loiter for days, and ten minutes say who it is.
	MaxPieces = 10
)

// roll asks for the clips that the sighting makes due: one that is as long as it may be, and the last one when no track on
// the camera goes on. They show the camera that raised the alert.
func (e Evaluator) roll(v Visit, s vision.Sighting) (Visit, error) {
	for {
		v = e.next(v, s)
		start, waits := e.rolling(v)
		long := !v.seenOn(v.Alert.Camera).Add(e.PostRoll).Before(start.Add(MaxClip))
		if !waits || !long && !v.ended(v.Alert.Camera) {
			return v, nil
		}
		var err error
		if v, err = e.film(v); err != nil {
			return Visit{}, err
		}
	}
}

// next begins another piece when the sighting is of what those that were asked for do not show.
func (e Evaluator) next(v Visit, s vision.Sighting) Visit {
	last := v.Job
	if n := len(v.More); n > 0 {
		last = v.More[n-1].Job
	}
	if last == nil || len(v.More)+1 >= MaxPieces || s.Camera != v.Alert.Camera || !v.Shows(s) || !s.Seen.After(last.End) {
		return v
	}
	v.More = append(slices.Clip(v.More), Piece{From: later(last.End, s.Start.Add(-e.PreRoll)), State: ClipNone})
	return v
}

// rolling is where the latest piece begins, and whether it was not asked for yet.
func (e Evaluator) rolling(v Visit) (start time.Time, waits bool) {
	if n := len(v.More); n > 0 {
		return v.More[n-1].From, v.More[n-1].State == ClipNone
	}
	return v.Start.Add(-e.PreRoll), v.ClipState == ClipNone
}

// film asks for the latest piece, once: as long as the stranger was seen on the camera.
func (e Evaluator) film(v Visit) (Visit, error) {
	start, waits := e.rolling(v)
	if !waits {
		return v, nil
	}
	record, err := json.Marshal(clipRecord{v.Alert, v.ShotQuality})
	if err != nil {
		return Visit{}, fmt.Errorf("record of alert %s: %w", v.Alert.ID, err)
	}
	end := v.seenOn(v.Alert.Camera).Add(e.PostRoll)
	if last := start.Add(MaxClip); end.After(last) {
		end = last
	}
	job := &ClipJob{Alert: v.Alert.ID, Camera: v.Alert.Camera, Start: start, End: end, Record: record}
	n := len(v.More)
	if n == 0 {
		job.ShotKey = v.ShotKey
		v.ClipState, v.Job = ClipDue, job
		return v, nil
	}
	job.Piece = n + 1
	v.More = slices.Clone(v.More)
	v.More[n-1].State, v.More[n-1].Job = ClipDue, job
	return v, nil
}

// clipRecord is what is kept of the alert beside its clip.
type clipRecord struct {
	Alert
	ShotQuality *vision.Quality `json:"best_shot_quality"` // of the face in the best shot; null without one
}

// Filmed is v after the answer to a clip job. A clip that failed may still be made later; one that is made stays.
func (e Evaluator) Filmed(v Visit, done ClipDone) (Visit, error) {
	if done.Piece > 1 {
		return e.filmedMore(v, done)
	}
	if v.ClipState == ClipMade {
		return v, nil
	}
	if done.Clip == nil {
		v.ClipState, v.ClipReason = ClipFailed, done.Reason
		return v, nil
	}
	v.ClipState, v.ClipReason, v.Clip = ClipMade, "", done.Clip
	if done.ShotKey != "" {
		v.ShotKey = done.ShotKey // it lives as long as the clip beside it
	}
	return v.raise(ClipReady, done.Clip.End.Time, e.Links)
}

// filmedMore tells of a further piece in an event of its own: whoever waits for the first clip need not wait for the last.
func (e Evaluator) filmedMore(v Visit, done ClipDone) (Visit, error) {
	i := done.Piece - 2
	if i >= len(v.More) || v.More[i].State == ClipMade {
		return v, nil
	}
	v.More = slices.Clone(v.More)
	p := &v.More[i]
	if done.Clip == nil {
		p.State, p.Reason = ClipFailed, done.Reason
		return v, nil
	}
	clip := *done.Clip
	clip.Piece = done.Piece
	p.State, p.Reason, p.Clip = ClipMade, "", &clip
	d := v.Data(e.Links)
	d.Clip = linked(clip, e.Links)
	return v.tell(ClipReady, clip.End.Time, d)
}
