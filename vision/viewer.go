package vision

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"vigil/frames"
)

// Bounds of what a viewer holds back: more is decoded, whether anything moves or not.
const (
	heldMostBytes = 16 << 20
	heldMostTime  = 20 * time.Second
	// stampsMost bounds the pictures that a decoder holds back; H.264 and H.265 reorder 16 at most.
	stampsMost = 256
)

// Viewer decodes one camera's access units as far as anything moves in them, and gives the pictures that are to be
// analysed to See. While the camera is quiet only its key frames are decoded and looked at; when something stirs, or a
// key frame shows a face, the group of pictures is decoded from its key frame, so that the pictures analysed are those
// that would have been without. It is used by one goroutine at a time.
type Viewer struct {
	Analysis   *Analysis
	NewDecoder NewDecoder
	// See analyses a picture; its error ends the call that led to it.
	See func(Picture) error
	// Ungated decodes everything: what the gate is measured against.
	Ungated bool

	guard    Guard            // nil: none
	of       *frames.Fragment // that the units come from; nil where nobody says
	entered  *frames.Fragment // whose unit was decoded last
	decoder  Decoder
	stamps   []stamp // of the access units whose pictures may still come
	gate     gate
	closed   bool
	held     []unit // while closed: the group of pictures that is not decoded, its key frame first
	bytes    int    // of held
	somebody bool   // was seen in this group of pictures
	level    Level  // of this group of pictures
	next     Level  // of the next one
	settled  int64
	counts   Counts

	sole   stamp // of the key frame that is looked at by itself
	nobody bool  // was seen in it
	calls  calls
}

// calls are the methods that decoders call. They are made once: a method as a value is an allocation.
type calls struct {
	want, only func(pts int64) bool
	show, look func(Picture) error
}

// Counts say what became of the access units.
type Counts struct {
	Decoded  int64 `json:"decoded"`  // access units given to the decoder
	Skipped  int64 `json:"skipped"`  // access units that were not, since nothing moved or there was no time
	Analysed int64 `json:"analysed"` // pictures looked at
}

// unit is an access unit and its capture time.
type unit struct {
	frames.AccessUnit
	at time.Time
	of *frames.Fragment
}

// stamp says when a picture was captured.
type stamp struct {
	pts int64
	at  time.Time
}

// Open opens a decoder for the access units that follow, the first of which is a key frame.
func (v *Viewer) Open(p frames.Parameters) error {
	decoder, err := v.NewDecoder(p)
	if err != nil {
		return fmt.Errorf("open decoder: %w", err)
	}
	v.decoder, v.closed, v.somebody = decoder, false, true // nothing is known of the group before
	v.calls = calls{want: v.Analysis.Want, only: v.only, show: v.show, look: v.look}
	v.gate.forget()
	return nil
}

// IsOpen reports whether there is a decoder.
func (v *Viewer) IsOpen() bool { return v.decoder != nil }

// Settled is the PTS of the newest picture looked at: nothing before it will be looked at any more.
func (v *Viewer) Settled() int64 { return v.settled }

// Oldest is the capture time of the oldest access unit whose picture may still be looked at, because the gate or the
// decoder holds it back; zero when there is none.
func (v *Viewer) Oldest() time.Time {
	switch {
	case len(v.held) > 0:
		return v.held[0].at
	case len(v.stamps) > 0:
		return v.stamps[0].at
	}
	return time.Time{}
}

// Gated reports whether the gate is closed.
func (v *Viewer) Gated() bool { return v.closed }

// Counts returns what became of the access units so far.
func (v *Viewer) Counts() Counts { return v.counts }

// SetLevel says how much to look at, from the next key frame on.
func (v *Viewer) SetLevel(l Level) { v.next = l }

// Unit takes the next access unit in decoding order, captured at that time. After an error that is not See's the decoder
// is closed and opened again at a key frame.
func (v *Viewer) Unit(u frames.AccessUnit, at time.Time) error {
	if u.Key {
		return v.key(unit{u, at, v.of})
	}
	switch {
	case v.level == KeyFrames:
		v.counts.Skipped++
		return nil
	case v.closed:
		return v.hold(unit{u, at, v.of})
	}
	v.gate.add(u.DTS, size(u))
	return v.decode(unit{u, at, v.of})
}

// Release analyses the group of pictures that a closed gate held back, when it cannot be known whether more will follow:
// whoever did not stir the gate is seen at the next key frame, and there may be none.
func (v *Viewer) Release() error {
	if !v.closed {
		return nil
	}
	return v.open()
}

// Drain analyses the pictures that the gate and the decoder held back, when no access unit follows.
func (v *Viewer) Drain() error {
	if v.decoder == nil {
		return nil
	}
	if err := v.Release(); err != nil {
		return err
	}
	if err := v.enterAgain(); err != nil {
		return err
	}
	if err := v.decoder.Drain(v.calls.want, v.calls.show); err != nil {
		return fmt.Errorf("drain decoder: %w", err)
	}
	return nil
}

// Close closes the decoder. What was held back is forgotten.
func (v *Viewer) Close() error {
	if v.decoder == nil {
		return nil
	}
	err := v.decoder.Close()
	v.decoder, v.stamps, v.closed = nil, nil, false
	v.drop()
	if err != nil {
		return fmt.Errorf("close decoder: %w", err)
	}
	return nil
}

// key begins a group of pictures.
func (v *Viewer) key(u unit) error {
	calm := v.gate.calm()
	v.gate.begin(!v.somebody && v.level != KeyFrames, u.DTS, size(u.AccessUnit))
	v.somebody, v.level = false, v.next
	v.Analysis.SetLevel(v.level)
	switch {
	case v.level == KeyFrames:
		return v.glance(u)
	case v.closed:
		return v.goOn(u)
	case calm && !v.Ungated && v.Analysis.Quiet():
		return v.shut(u)
	}
	return v.decode(u)
}

// glance analyses the key frame alone.
func (v *Viewer) glance(u unit) error {
	v.closed = false
	v.drop() // there is no time for it
	if err := v.Drain(); err != nil {
		return err
	}
	if err := v.enter(u.of); err != nil {
		return err
	}
	v.sole = stamp{u.PTS, u.at}
	v.stamps = append(v.stamps[:0], v.sole)
	v.counts.Decoded++
	if err := v.decoder.Decode(u.AccessUnit, v.calls.only, v.calls.show); err != nil {
		return fmt.Errorf("decode key frame at %d: %w", u.PTS, err)
	}
	if err := v.decoder.Drain(v.calls.only, v.calls.show); err != nil {
		return fmt.Errorf("decode key frame at %d: %w", u.PTS, err)
	}
	return nil
}

// shut closes the gate at a key frame that shows nobody.
func (v *Viewer) shut(u unit) error {
	if err := v.Drain(); err != nil {
		return err
	}
	if !v.Analysis.Quiet() || !v.empty(u) {
		return v.decode(u)
	}
	v.closed = true
	v.keep(u)
	return nil
}

// goOn stays closed over another key frame that shows nobody. One that shows somebody says that the gate missed them.
func (v *Viewer) goOn(u unit) error {
	if !v.empty(u) {
		v.gate.missed()
		if err := v.open(); err != nil {
			return err
		}
		return v.decode(u)
	}
	// The sampler hears of all pictures, in the order they would have been shown.
	slices.SortFunc(v.held, func(a, b unit) int { return int(a.PTS - b.PTS) })
	for _, h := range v.held {
		v.Analysis.Want(h.PTS)
	}
	v.counts.Skipped += int64(len(v.held))
	v.drop()
	v.keep(u)
	return nil
}

// hold takes an access unit of a quiet group of pictures, and opens the gate when it is quiet no longer.
func (v *Viewer) hold(u unit) error {
	v.keep(u)
	v.gate.add(u.DTS, size(u.AccessUnit))
	if v.gate.calm() && v.bytes <= heldMostBytes && frames.Duration(u.DTS-v.held[0].DTS) <= heldMostTime {
		return nil
	}
	return v.open()
}

// open decodes what was held back.
func (v *Viewer) open() error {
	held := v.held
	v.closed, v.held, v.bytes = false, nil, 0
	for _, h := range held {
		if err := v.decode(h); err != nil {
			return err
		}
	}
	return nil
}

// empty reports whether the key frame shows nobody. Where that cannot be said it is false: the same frame is then
// decoded and analysed as any other, and what is wrong with it is told there.
func (v *Viewer) empty(u unit) bool {
	if v.enter(u.of) != nil {
		return false
	}
	v.sole, v.nobody = stamp{u.PTS, u.at}, false
	v.counts.Decoded++
	err := errors.Join(
		v.decoder.Decode(u.AccessUnit, v.calls.only, v.calls.look), v.decoder.Drain(v.calls.only, v.calls.look))
	if err != nil || !v.nobody {
		return false
	}
	v.settled = u.PTS
	return true
}

// only wants the sole key frame.
func (v *Viewer) only(pts int64) bool { return pts == v.sole.pts }

// look sees whether it shows nobody.
func (v *Viewer) look(p Picture) (err error) {
	p.Time = v.sole.at
	v.counts.Analysed++
	v.nobody, err = v.Analysis.Empty(p)
	return err
}

func (v *Viewer) decode(u unit) error {
	if err := v.enter(u.of); err != nil {
		return err
	}
	v.stamps = append(v.stamps, stamp{u.PTS, u.at})
	if extra := len(v.stamps) - stampsMost; extra > 0 {
		v.stamps = slices.Delete(v.stamps, 0, extra)
	}
	v.counts.Decoded++
	if err := v.decoder.Decode(u.AccessUnit, v.calls.want, v.calls.show); err != nil {
		return fmt.Errorf("decode access unit at %d: %w", u.PTS, err)
	}
	return nil
}

// enter tells the guard what is decoded. Its error means that it must not be.
func (v *Viewer) enter(f *frames.Fragment) error {
	if v.guard == nil || f == nil {
		return nil
	}
	if err := v.guard.Enter(f); err != nil {
		return err
	}
	v.entered = f
	return nil
}

// enterAgain goes on with what was decoded last: the decoder may hold pictures of it back.
func (v *Viewer) enterAgain() error {
	if v.decoder == nil {
		return nil
	}
	return v.enter(v.entered)
}

// show gives a picture to See.
func (v *Viewer) show(p Picture) error {
	p.Time = v.captured(p.PTS)
	v.gate.pixels = p.Width * p.Height
	v.settled = p.PTS
	v.counts.Analysed++
	err := v.See(p)
	v.somebody = v.somebody || !v.Analysis.Quiet()
	return err
}

// captured is the capture time of the picture at pts, as its access unit said.
func (v *Viewer) captured(pts int64) time.Time {
	var at time.Time
	left := v.stamps[:0]
	for _, s := range v.stamps {
		if s.pts <= pts {
			// The nearest below, for a decoder that rounds.
			if at.Before(s.at) {
				at = s.at
			}
			continue
		}
		left = append(left, s)
	}
	v.stamps = left
	return at
}

func (v *Viewer) keep(u unit) {
	v.held = append(v.held, u)
	v.bytes += size(u.AccessUnit)
}

func (v *Viewer) drop() {
	clear(v.held) // they hold the fragments' bytes
	v.held, v.bytes = v.held[:0], 0
}

// size is how many bytes an access unit has.
func size(u frames.AccessUnit) int {
	n := 0
	for _, nalu := range u.NALUs {
		n += len(nalu)
	}
	return n
}
