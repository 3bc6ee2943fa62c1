package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"time"

	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

const (
	// snapshotSubject is where the vision role, which can decode, makes a picture of a camera's latest key frame.
	snapshotSubject = "vigil.rpc.snapshot"
	// snapshotAge is how old that may be: longer than key frames are apart.
	snapshotAge = 30 * time.Second
	// snapshotWidth is how wide the picture is at most: with it an answer stays far below what a message may hold.
	snapshotWidth   = 1280
	snapshotQuality = 80
)

// snapshot is a picture; without a JPEG there is none.
type snapshot struct {
	JPEG []byte `json:"jpeg"`
}

// snap decodes the camera's latest key frame.
func (a *App) snap(ctx context.Context, camera frames.CameraID) (snapshot, error) {
	now := time.Now()
	fragments, err := a.frames.Between(ctx, camera, now.Add(-snapshotAge), now.Add(clockSlack))
	if errors.Is(err, frames.ErrNotFound) {
		return snapshot{}, nil
	}
	if err != nil {
		return snapshot{}, err
	}
	for _, f := range slices.Backward(fragments) {
		if !f.Key {
			continue
		}
		p, units, _, err := frames.Unpack(f.Payload)
		if err != nil || p == nil || len(units) == 0 {
			return snapshot{}, fmt.Errorf("key frame of %s: %w", camera, err)
		}
		var taken snapshot
		err = a.beside("snapshot", f.ID(), f.Pos, func() error {
			taken.JPEG, err = decodeJPEG(*p, units[0])
			return err
		})
		return taken, err
	}
	return snapshot{}, nil
}

// decodeJPEG decodes one key frame to its end, into a JPEG that is not wider than snapshotWidth.
func decodeJPEG(p frames.Parameters, u frames.AccessUnit) (out []byte, err error) {
	decoder, err := OpenDecoder(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, decoder.Close()) }()
	want := func(int64) bool { return out == nil }
	got := func(p vision.Picture) (err error) {
		out, err = encodeJPEG(p)
		return err
	}
	if err := errors.Join(decoder.Decode(u, want, got), decoder.Drain(want, got)); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errors.New("no picture came out")
	}
	return out, nil
}

func encodeJPEG(p vision.Picture) ([]byte, error) {
	w, h := p.Width, p.Height
	if w > snapshotWidth {
		w, h = snapshotWidth, max(1, h*snapshotWidth/w)
	}
	bgr := make([]byte, w*h*3)
	if err := p.Pixels.Scale(bgr, w*3, w, h); err != nil {
		return nil, fmt.Errorf("scale picture: %w", err)
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(img.Pix[4*i:], []byte{bgr[3*i+2], bgr[3*i+1], bgr[3*i], 255})
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, img, &jpeg.Options{Quality: snapshotQuality})
	return out.Bytes(), err
}

// Snapshot implements web.Cameras.
func (c shownCameras) Snapshot(ctx context.Context, camera frames.CameraID) ([]byte, error) {
	taken, err := bus.Request[frames.CameraID, snapshot](ctx, c.bus, snapshotSubject, camera)
	switch {
	case errors.Is(err, bus.ErrNoResponders):
		return nil, web.Refused{Reason: "no vision role runs that could decode a picture"}
	case err != nil:
		return nil, err
	case taken.JPEG == nil:
		return nil, fmt.Errorf("no picture of the last %s: %w", snapshotAge, web.ErrNotFound)
	}
	return taken.JPEG, nil
}
