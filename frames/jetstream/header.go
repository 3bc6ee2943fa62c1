package jetstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"

	"vigil/frames"
)

// The headers of a fragment's message. Its payload is the message's data, its camera the subject's last token.
const (
	headerEpoch    = "Vigil-Epoch"
	headerSeq      = "Vigil-Seq"
	headerKey      = "Vigil-Key" // "1" or "0"
	headerKeyPos   = "Vigil-Key-Pos"
	headerStart    = "Vigil-Start"    // RFC 3339 with nanoseconds, UTC
	headerDuration = "Vigil-Duration" // nanoseconds
	headerCodec    = "Vigil-Codec"
	headerSize     = "Vigil-Size" // "1920x1080"
	headerGap      = "Vigil-Gap"  // JSON; absent when nothing is missing
	headerLoss     = "Vigil-Loss" // "1"; absent when no packet was lost
)

// Bounds of what a header is believed.
const (
	maxEpoch    = 128
	maxDuration = time.Minute
	maxSide     = 1 << 16
)

func encode(f *frames.Fragment) (nats.Header, error) {
	if err := check(f); err != nil {
		return nil, err
	}
	h := nats.Header{}
	h.Set(nats.MsgIdHdr, f.ID())
	h.Set(headerEpoch, f.Epoch)
	h.Set(headerSeq, strconv.FormatUint(f.Seq, 10))
	h.Set(headerKey, "0")
	if f.Key {
		h.Set(headerKey, "1")
	}
	h.Set(headerKeyPos, strconv.FormatUint(f.KeyPos, 10))
	h.Set(headerStart, f.Start.UTC().Format(time.RFC3339Nano))
	h.Set(headerDuration, strconv.FormatInt(int64(f.Duration), 10))
	h.Set(headerCodec, string(f.Codec))
	h.Set(headerSize, strconv.Itoa(f.Width)+"x"+strconv.Itoa(f.Height))
	if f.Gap != nil {
		gap, err := json.Marshal(f.Gap)
		if err != nil {
			return nil, fmt.Errorf("gap: %w", err)
		}
		h.Set(headerGap, string(gap))
	}
	if f.Loss {
		h.Set(headerLoss, "1")
	}
	return h, nil
}

// check refuses what could not be read back.
func check(f *frames.Fragment) error {
	if _, err := frames.ParseStream(string(f.Camera)); err != nil {
		return err
	}
	if f.Epoch == "" || len(f.Epoch) > maxEpoch {
		return fmt.Errorf("epoch of %d bytes: want 1 to %d", len(f.Epoch), maxEpoch)
	}
	for _, r := range f.Epoch {
		if r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' {
			return fmt.Errorf("epoch %q: want printable ASCII without spaces", f.Epoch)
		}
	}
	switch {
	case len(f.Payload) > maxParts*partBytes:
		return fmt.Errorf("payload of %d bytes: want at most %d", len(f.Payload), maxParts*partBytes)
	case f.Codec != frames.H264 && f.Codec != frames.H265:
		return fmt.Errorf("codec %q: want %s or %s", f.Codec, frames.H264, frames.H265)
	case f.Duration < 0 || f.Duration > maxDuration:
		return fmt.Errorf("duration %s: want 0 to %s", f.Duration, maxDuration)
	case f.Width < 0 || f.Width > maxSide || f.Height < 0 || f.Height > maxSide:
		return fmt.Errorf("picture of %dx%d pixels: want sides of 0 to %d", f.Width, f.Height, maxSide)
	case f.Start.Year() < 0 || f.Start.Year() > 9999:
		return fmt.Errorf("start in year %d: want four digits (RFC 3339)", f.Start.Year())
	}
	return nil
}

// decode reads what encode wrote, all but Payload and Pos.
func decode(camera frames.CameraID, h nats.Header) (*frames.Fragment, error) {
	f := &frames.Fragment{
		Camera: camera,
		Epoch:  h.Get(headerEpoch),
		Key:    h.Get(headerKey) == "1",
		Codec:  frames.Codec(h.Get(headerCodec)),
		Loss:   h.Get(headerLoss) == "1",
	}
	var seq, keyPos, start, duration, size, gap error
	f.Seq, seq = strconv.ParseUint(h.Get(headerSeq), 10, 64)
	f.KeyPos, keyPos = strconv.ParseUint(h.Get(headerKeyPos), 10, 64)
	f.Start, start = time.Parse(time.RFC3339Nano, h.Get(headerStart))
	f.Start = f.Start.UTC()
	var ns int64
	ns, duration = strconv.ParseInt(h.Get(headerDuration), 10, 64)
	f.Duration = time.Duration(ns)
	f.Width, f.Height, size = parseSize(h.Get(headerSize))
	if text := h.Get(headerGap); text != "" {
		f.Gap = &frames.Gap{}
		gap = json.Unmarshal([]byte(text), f.Gap)
	}
	if err := errors.Join(seq, keyPos, start, duration, size, gap); err != nil {
		return nil, err
	}
	return f, check(f)
}

func parseSize(s string) (width, height int, err error) {
	var w, h uint16
	if n, err := fmt.Sscanf(s, "%dx%d", &w, &h); n != 2 || err != nil {
		return 0, 0, fmt.Errorf("size %q: want width x height", s)
	}
	return int(w), int(h), nil
}
