package mediatest

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"vigil/clips/mp4"
	"vigil/frames"
	"vigil/ingest/rtsp"
)

// Camera is a camera that shows an embedded clip.
type Camera struct {
	Clip string // the clip's name: "walk" or "solo"
	Loop bool   // begin again when the clip ends, with the clock running on
}

// Units returns what the camera sends: its parameter sets and its access units in decoding order, without end when
// it loops.
func (c Camera) Units() (frames.Parameters, iter.Seq2[frames.AccessUnit, error], error) {
	r, err := Open(c.Clip)
	if err != nil {
		return frames.Parameters{}, nil, err
	}
	file, err := mp4.Read(r)
	if err != nil {
		return frames.Parameters{}, nil, fmt.Errorf("clip %q: %w", c.Clip, err)
	}
	units := file.Units()
	if c.Loop {
		units = repeat(units, frames.Ticks(file.Duration))
	}
	return file.Parameters, units, nil
}

// Publish shows the clip, in real time, at an RTSP URL such as rtsp://any:token@127.0.0.1:8554/door. It returns nil
// when the clip has ended or ctx has.
func (c Camera) Publish(ctx context.Context, url string) error {
	p, units, err := c.Units()
	if err != nil {
		return fmt.Errorf("camera: %w", err)
	}
	if err := rtsp.Publish(ctx, url, p, units, true); err != nil {
		return fmt.Errorf("camera: %w", err)
	}
	return nil
}

// repeat yields units again and again, each time length ticks later.
func repeat(units iter.Seq2[frames.AccessUnit, error], length int64) iter.Seq2[frames.AccessUnit, error] {
	return func(yield func(frames.AccessUnit, error) bool) {
		for shift := int64(0); ; shift += length {
			empty := true
			for u, err := range units {
				empty = false
				u.PTS += shift
				u.DTS += shift
				if !yield(u, err) || err != nil {
					return
				}
			}
			if empty {
				yield(frames.AccessUnit{}, errors.New("repeat: no access units"))
				return
			}
		}
	}
}
