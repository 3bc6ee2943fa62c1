package vision

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"vigil/frames"
)

// Limits of the detail.
const (
	// detailFar is how far a picture of the main stream may lie from one of the stream for analysis: their clocks differ
	// by some 100 ms where the camera's reports do not tie them. Where in it the face is, is looked for again.
	detailFar = 300 * time.Millisecond
	// detailMostBytes bounds what is kept of the main stream.
	detailMostBytes = 16 << 20
)

// detail is a camera's main stream beside the one that is analysed. It is kept undecoded; a picture of it is decoded, from
// its group's key frame on, when somebody in it is looked at.
type detail struct {
	open    NewDecoder // its pictures stay valid until the next one is given
	guard   Guard
	trouble *tally

	kept  []*frames.Fragment // from a key fragment on, without a break inside a group
	bytes int

	decoder Decoder
	epoch   string              // the decoder's
	zero    time.Time           // capture time of its PTS 0
	fed     uint64              // Pos of the fragment that units are of
	of      *frames.Fragment    // that fragment
	units   []frames.AccessUnit // not decoded yet
	latest  Picture             // given by the decoder; without Pixels: none
	broken  uint64              // Pos of the key fragment of a group that cannot be decoded
	wanted  time.Time           // of the picture that is looked for
	passed  bool                // the decoder has come as far

	pair twofold
}

// keep takes the next fragment. What lies in groups of pictures that end before since is not needed any more.
func (d *detail) keep(f *frames.Fragment, since time.Time) {
	if n := len(d.kept); n > 0 && f.Pos <= d.kept[n-1].Pos ||
		!f.Key && (n == 0 || d.kept[n-1].Epoch != f.Epoch || d.kept[n-1].Seq+1 != f.Seq) {
		return
	}
	d.kept = append(d.kept, f)
	d.bytes += len(f.Payload)
	for len(d.kept) > 0 {
		second := d.group(1)
		if d.bytes <= detailMostBytes && (second == len(d.kept) || d.kept[second].Start.After(since)) {
			break
		}
		d.drop(second)
	}
	if d.decoder != nil && (len(d.kept) == 0 || d.fed < d.kept[0].Pos) {
		d.close() // nobody was looked at for a while
	}
}

// group is where the first group of pictures from the fragment at from on begins.
func (d *detail) group(from int) int {
	for from < len(d.kept) && !d.kept[from].Key {
		from++
	}
	return from
}

func (d *detail) drop(n int) {
	for _, f := range d.kept[:n] {
		d.bytes -= len(f.Payload)
	}
	d.kept = slices.Delete(d.kept, 0, n)
}

// close closes the decoder, and takes back its picture.
func (d *detail) close() {
	if d.decoder == nil {
		return
	}
	if err := d.decoder.Close(); err != nil {
		d.trouble.add(fmt.Errorf("main stream: close decoder: %w", err))
	}
	d.decoder, d.units, d.latest, d.fed, d.of = nil, nil, Picture{}, 0, nil
}

// with returns the picture with the main stream's pixels behind it, where a larger one lies near; else as it is.
func (d *detail) with(p Picture) Picture {
	f := d.near(p.Time)
	if f == nil || f.Width <= p.Width || f.Height <= p.Height {
		return p
	}
	d.pair = twofold{small: p, detail: d, width: f.Width, height: f.Height, room: d.pair.room}
	p.Width, p.Height, p.Pixels = f.Width, f.Height, &d.pair
	return p
}

// near is a kept fragment that has a picture near t; nil: none, or none that can be decoded.
func (d *detail) near(t time.Time) *frames.Fragment {
	key := d.key(t)
	if key < 0 || d.kept[key].Pos == d.broken {
		return nil
	}
	for i := len(d.kept) - 1; i >= key; i-- {
		if f := d.kept[i]; !f.Start.After(t.Add(detailFar)) {
			if f.End().Before(t.Add(-detailFar)) {
				return nil
			}
			return f
		}
	}
	return nil
}

// key is the key fragment from which the picture at t is decoded; −1: there is none.
func (d *detail) key(t time.Time) int {
	key := -1
	for i, f := range d.kept {
		if f.Key && (key < 0 || !f.Start.After(t)) {
			key = i
		}
	}
	return key
}

// picture decodes the picture nearest to t; false when none is near. It stays valid until the next call, and keep.
func (d *detail) picture(t time.Time) (Picture, bool) {
	key := d.key(t)
	if key < 0 || d.kept[key].Pos == d.broken {
		return Picture{}, false
	}
	if err := d.decode(key, t); err != nil {
		d.trouble.add(fmt.Errorf("main stream: fragment %s and what follows: %w", d.kept[key].ID(), err))
		d.broken = d.kept[key].Pos
		d.close()
		return Picture{}, false
	}
	return d.latest, d.latest.Pixels != nil && d.latest.Time.Sub(t).Abs() <= detailFar
}

// decode goes on to the picture nearest to t, from the key fragment where it has not come as far yet, or beyond.
func (d *detail) decode(key int, t time.Time) error {
	beyond := d.latest.Pixels != nil && d.latest.Time.After(t.Add(detailFar))
	if d.decoder == nil || d.epoch != d.kept[key].Epoch || d.fed < d.kept[key].Pos || beyond {
		if err := d.begin(key); err != nil {
			return err
		}
	}
	d.wanted, d.passed = t, d.latest.Pixels != nil && !d.latest.Time.Before(t)
	for !d.passed {
		if len(d.units) == 0 {
			more, err := d.unpack()
			if err != nil {
				return err
			}
			if !more {
				return nil
			}
		}
		u := d.units[0]
		d.units = d.units[1:]
		if err := d.guard.Enter(d.of); err != nil {
			return err
		}
		if err := d.decoder.Decode(u, d.nearer, d.got); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the decoder begin at the key fragment.
func (d *detail) begin(key int) error {
	f := d.kept[key]
	if err := d.guard.Enter(f); err != nil {
		return err
	}
	p, units, _, err := frames.Unpack(f.Payload)
	if err != nil {
		return err
	}
	if d.decoder != nil && d.epoch == f.Epoch {
		err = d.decoder.Drain(func(int64) bool { return false }, nil)
	} else {
		d.close()
		if p == nil {
			return errors.New("key fragment without init segment")
		}
		var opened Decoder
		if opened, err = d.open(*p); err == nil {
			d.decoder = opened
		}
	}
	if err != nil {
		return err
	}
	d.epoch, d.fed, d.of, d.units, d.latest = f.Epoch, f.Pos, f, units, Picture{}
	d.zero = f.Start.Add(-frames.Duration(units[0].PTS))
	return nil
}

// unpack takes the fragment that follows, if it is there and of the decoder's epoch.
func (d *detail) unpack() (more bool, err error) {
	for _, f := range d.kept {
		if f.Pos <= d.fed {
			continue
		}
		if f.Epoch != d.epoch {
			return false, nil
		}
		_, d.units, _, err = frames.Unpack(f.Payload)
		d.fed, d.of = f.Pos, f
		return true, err
	}
	return false, nil
}

// nearer wants a picture that lies nearer to the time wanted than the latest.
func (d *detail) nearer(pts int64) bool {
	after := d.zero.Add(frames.Duration(pts)).Sub(d.wanted)
	d.passed = d.passed || after >= 0
	off := after.Abs()
	return off <= detailFar && (d.latest.Pixels == nil || off < d.latest.Time.Sub(d.wanted).Abs())
}

func (d *detail) got(p Picture) error {
	p.Time = d.zero.Add(frames.Duration(p.PTS))
	d.latest = p
	return nil
}
