package mp4

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"vigil/frames"
)

// Reasons of the gaps that a clip reports.
const (
	reasonMissing    = "fragments missing"
	reasonRestarted  = "stream restarted"
	reasonNoKey      = "no key picture to decode from"
	reasonParameters = "parameters changed"
	reasonLoss       = "packets lost, pictures may be damaged"
)

// piece is an unpacked fragment.
type piece struct {
	*frames.Fragment
	units []frames.AccessUnit
	end   int64         // decoding time at which the last unit ends
	track *frames.Audio // nil without audio
	audio []frames.AudioUnit
}

// run is what one sample description can hold: pieces that share their parameters, the first of which is a key one.
type run struct {
	parameters frames.Parameters
	pieces     []piece
	gaps       []frames.Gap
}

func (r *run) start() time.Time { return r.pieces[0].Start }
func (r *run) end() time.Time   { return r.pieces[len(r.pieces)-1].End() }

// split unpacks the fragments and sorts them into runs. What cannot be decoded, because the pictures it refers to
// are missing, is left out and reported as a gap.
func split(fragments []*frames.Fragment) (runs []*run, lost []frames.Gap, err error) {
	var last *piece    // the last one taken
	var next uint64    // the sequence number that continues it
	var skipped *piece // the first one left out since
	var failure error
	for _, f := range fragments {
		follows := last != nil && f.Epoch == last.Epoch && f.Seq == next
		if last != nil && f.Epoch == last.Epoch && f.Seq < next {
			continue // told twice
		}
		parameters, units, end, err := frames.Unpack(f.Payload)
		if err != nil {
			failure = err
		}
		p := piece{Fragment: f, units: units, end: end}
		p.listen(parameters, last)
		if err != nil || (f.Key && parameters == nil) || (!f.Key && !follows) {
			if skipped == nil {
				skipped = &p
			}
			continue
		}
		if f.Key && (len(runs) == 0 || !same(runs[len(runs)-1].parameters, *parameters)) {
			runs = append(runs, &run{parameters: *parameters})
		}
		if last == nil && skipped != nil {
			lost = append(lost, frames.Gap{From: skipped.Start, To: f.Start, Reason: reasonNoKey})
		}
		current := runs[len(runs)-1]
		if gap := between(last, &p, follows); gap != nil {
			current.gaps = append(current.gaps, *gap)
		}
		current.lose(&p, last, follows)
		current.pieces = append(current.pieces, p)
		last, next, skipped = &p, f.Seq+1, nil
	}
	if skipped != nil && last != nil {
		lost = append(lost, frames.Gap{From: last.End(), To: fragments[len(fragments)-1].End(), Reason: reasonNoKey})
	}
	if len(runs) == 0 {
		return nil, nil, errors.Join(errors.New("no key fragment to begin with"), failure)
	}
	return runs, lost, nil
}

// listen reads the fragment's audio. Its track is told by key fragments, and is their epoch's.
func (p *piece) listen(parameters *frames.Parameters, last *piece) {
	switch {
	case parameters != nil:
		p.track = parameters.Audio
	case last != nil && last.Epoch == p.Epoch:
		p.track = last.track
	}
	if p.track != nil {
		p.audio, _ = frames.UnpackAudio(p.Payload) // pictures that can be read are worth a clip without it
	}
}

// between is the gap in front of p, nil when there is none.
func between(last, p *piece, follows bool) *frames.Gap {
	switch {
	case last == nil:
		return nil
	case p.Gap != nil:
		return p.Gap
	case follows || !p.Start.After(last.End()):
		return nil
	case p.Epoch == last.Epoch:
		return &frames.Gap{From: last.End(), To: p.Start, Reason: reasonMissing}
	default:
		return &frames.Gap{From: last.End(), To: p.Start, Reason: reasonRestarted}
	}
}

// lose notes the time in which the pictures of p may be damaged. It is a gap in what can be relied on.
func (r *run) lose(p, last *piece, follows bool) {
	switch {
	case !p.Loss:
	case follows && last.Loss && len(r.gaps) > 0 && r.gaps[len(r.gaps)-1].Reason == reasonLoss:
		r.gaps[len(r.gaps)-1].To = p.End()
	default:
		r.gaps = append(r.gaps, frames.Gap{From: p.Start, To: p.End(), Reason: reasonLoss})
	}
}

func same(a, b frames.Parameters) bool {
	return a.Codec == b.Codec && bytes.Equal(a.VPS, b.VPS) && bytes.Equal(a.SPS, b.SPS) && bytes.Equal(a.PPS, b.PPS)
}

// choose returns the run that is shown at the given time, else the longest, and the time of the others as gaps.
func choose(runs []*run, at time.Time) (*run, []frames.Gap) {
	best := runs[0]
	for _, r := range runs {
		if !at.Before(r.start()) && at.Before(r.end()) {
			best = r
			break
		}
		if r.end().Sub(r.start()) > best.end().Sub(best.start()) {
			best = r
		}
	}
	gaps := slices.Clone(best.gaps)
	for _, r := range runs {
		if r != best {
			gaps = append(gaps, frames.Gap{From: r.start(), To: r.end(), Reason: reasonParameters})
		}
	}
	return best, gaps
}

// timeline is a run on one clock.
type timeline struct {
	units []frames.AccessUnit
	end   int64   // decoding time at which the last unit ends
	audio []heard // in no order
	shift int64   // of the last epoch
}

// timeline puts the run's access units on one clock. Within an epoch their own times hold, so that missing fragments
// leave their time empty; a new epoch is set where its capture time says, but never over what is there already. Its
// audio goes with it.
func (r *run) timeline() *timeline {
	first := r.pieces[0]
	origin := first.units[0].PTS
	t := &timeline{}
	shown := int64(0)
	for i, p := range r.pieces {
		if i > 0 && p.Epoch != r.pieces[i-1].Epoch {
			t.shift = max(
				origin+frames.Ticks(p.Start.Sub(first.Start))-p.units[0].PTS,
				t.end-p.units[0].DTS,
				shown-p.units[0].PTS,
			)
		}
		for _, u := range p.units {
			u.PTS += t.shift
			u.DTS += t.shift
			t.units = append(t.units, u)
		}
		t.add(p.track, p.audio, t.shift)
		t.end = p.end + t.shift
		shown = lastShown(t.units, t.end)
	}
	return t
}

// lastShown is when the last picture in presentation order stops being shown: every picture is taken to last as
// long as the last one in decoding order.
func lastShown(units []frames.AccessUnit, end int64) int64 {
	latest := units[len(units)-1].PTS
	for _, u := range units[max(0, len(units)-64):] { // no codec reorders further
		latest = max(latest, u.PTS)
	}
	return latest + end - units[len(units)-1].DTS
}
