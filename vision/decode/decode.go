//go:build !nocv

package decode

// #cgo pkg-config: libavcodec libavutil libswscale
// #cgo CFLAGS: -O2 -Wall
// #include <stdlib.h>
// #include <libavutil/error.h>
// #include "libav.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"vigil/frames"
	"vigil/vision"
)

// Bounds of what is decoded. The pixels are those of H.264's and H.265's level 6.2, above which nothing is defined
// that a camera could send, and below which a crafted parameter set cannot ask for all of the memory.
const (
	MaxSide   = 8192        // pixels, of width and of height
	maxPixels = 8192 * 4352 // of the coded picture
	maxUnit   = 8 << 20     // bytes of an access unit
)

// ErrCorrupt says that a unit could not be decoded, or only in part. It is normal after loss: the decoder goes on
// with the next unit, and its caller counts.
var ErrCorrupt = errors.New("corrupt video")

var errClosed = errors.New("decode: decoder is closed")

// Decoder decodes one run of access units with one set of parameters. It is used by one goroutine at a time.
type Decoder struct {
	c       *C.vigil_decoder
	row     []byte // a conversion with the rows as libswscale wants them; nil while they could be written in place
	drained bool
	keeps   bool // the latest picture given, until the next one
}

var _ vision.Decoder = (*Decoder)(nil)

// New returns a decoder for the parameters. It works on the goroutine that calls it, in one thread.
func New(p frames.Parameters) (*Decoder, error) {
	name, sets := "h264", [][]byte{p.SPS, p.PPS}
	switch p.Codec {
	case frames.H264:
	case frames.H265:
		name, sets = "hevc", [][]byte{p.VPS, p.SPS, p.PPS}
	default:
		return nil, fmt.Errorf("decode: codec %q: want h264 or h265", p.Codec)
	}
	extra := make([]byte, annexBSize(sets))
	appendAnnexB(extra[:0], sets)
	if len(extra) > maxUnit {
		return nil, fmt.Errorf("decode: %w: parameter sets of %d bytes", ErrCorrupt, len(extra))
	}

	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	var code C.int
	c := C.vigil_open(cname, (*C.uint8_t)(unsafe.SliceData(extra)), C.int(len(extra)), maxPixels, &code)
	if c == nil {
		return nil, fmt.Errorf("decode: open %s: %w", name, codeError(code))
	}
	return &Decoder{c: c}, nil
}

// NewKeeping is New for a decoder whose latest picture stays valid until it gives another or is closed. It holds one
// picture's memory more.
func NewKeeping(p frames.Parameters) (*Decoder, error) {
	d, err := New(p)
	if err != nil {
		return nil, err
	}
	d.keeps = true
	return d, nil
}

// Decode takes one unit, in decoding order, and gives got the pictures that are ready, in the order they are shown;
// where there are B-frames that is not the picture of this unit. Pictures that want does not ask for are decoded but
// not given, and of those that are given only the pixels that are asked for are converted. Time is left zero: only the caller knows when the epoch began. A picture is valid until
// got returns. An error of got ends the giving and comes back; ErrCorrupt leaves the decoder usable.
func (d *Decoder) Decode(u frames.AccessUnit, want func(pts int64) bool, got func(vision.Picture) error) error {
	if d.c == nil {
		return errClosed
	}
	if d.drained {
		C.vigil_reset(d.c)
		d.drained = false
	}
	size := annexBSize(u.NALUs)
	if size == 0 || size > maxUnit {
		return fmt.Errorf("decode: %w: access unit of %d bytes", ErrCorrupt, size)
	}
	if code := C.vigil_reserve(d.c, C.int(size)); code < 0 {
		return fmt.Errorf("decode: access unit of %d bytes: %w", size, codeError(code))
	}
	appendAnnexB(unsafe.Slice((*byte)(d.c.packet.data), size)[:0], u.NALUs)
	sent := C.vigil_send(d.c, C.int64_t(u.PTS), C.int64_t(u.DTS))
	err := d.receive(want, got)
	if err == nil && sent < 0 {
		err = fmt.Errorf("decode: unit at %d: %w", u.PTS, codeError(sent))
	}
	return err
}

// Drain gives got the pictures that the decoder still holds back for reordering. Decode may follow; it begins anew,
// so with a key unit.
func (d *Decoder) Drain(want func(pts int64) bool, got func(vision.Picture) error) error {
	if d.c == nil {
		return errClosed
	}
	if d.drained {
		return nil
	}
	d.drained = true
	if code := C.vigil_end(d.c); code < 0 {
		return fmt.Errorf("decode: drain: %w", codeError(code))
	}
	return d.receive(want, got)
}

// Close frees the decoder. It may be called again.
func (d *Decoder) Close() error {
	C.vigil_close(d.c)
	d.c, d.row = nil, nil
	trim()
	return nil
}

// receive takes all the pictures that are ready. It goes on after an error, without giving: a decoder that still
// holds a picture refuses the next unit.
func (d *Decoder) receive(want func(pts int64) bool, got func(vision.Picture) error) error {
	if !d.keeps {
		defer C.vigil_forget(d.c)
	}
	var first error
	for failures := 0; failures < maxFailures; {
		code := C.vigil_receive(d.c)
		if code == C.VIGIL_NONE {
			return first
		}
		if code < 0 {
			failures++
			if first == nil {
				first = fmt.Errorf("decode: picture: %w", codeError(code))
			}
			continue
		}
		pts := int64(d.c.next.pts)
		if first != nil || pts == noPTS || !want(pts) {
			continue
		}
		C.vigil_take(d.c)
		if first = d.fits(pts); first == nil {
			first = got(vision.Picture{Width: d.width(), Height: d.height(), Pixels: (*shown)(d), PTS: pts})
		}
	}
	return first
}

// maxFailures bounds how often in a row the decoder is asked for a picture after it has failed.
const maxFailures = 16

func (d *Decoder) width() int  { return int(d.c.frame.width) }
func (d *Decoder) height() int { return int(d.c.frame.height) }

// fits reports whether the current frame's size is one that pictures may have.
func (d *Decoder) fits(pts int64) error {
	if w, h := d.width(), d.height(); w < 1 || h < 1 || w > MaxSide || h > MaxSide {
		return fmt.Errorf("decode: picture at %d: %w: %d×%d pixels, at most %d a side are decoded", pts, ErrCorrupt, w, h, MaxSide)
	}
	return nil
}

func codeError(code C.int) error {
	if code == C.VIGIL_ENOMEM {
		return errors.New("out of memory")
	}
	var text [128]C.char
	C.av_strerror(code, &text[0], C.size_t(len(text)))
	return fmt.Errorf("%w: %s", ErrCorrupt, C.GoString(&text[0]))
}

// noPTS is AV_NOPTS_VALUE.
const noPTS = math.MinInt64

var startCode = []byte{0, 0, 0, 1}

func annexBSize(nalus [][]byte) int {
	size := 0
	for _, n := range nalus {
		if len(n) > 0 {
			size += len(startCode) + len(n)
		}
	}
	return size
}

// appendAnnexB writes NAL units with start codes (ITU-T H.264 and H.265, Annex B).
func appendAnnexB(dst []byte, nalus [][]byte) []byte {
	for _, n := range nalus {
		if len(n) > 0 {
			dst = append(append(dst, startCode...), n...)
		}
	}
	return dst
}
