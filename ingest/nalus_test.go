package ingest

import (
	"bytes"
	"testing"

	"vigil/frames"
)

// FuzzNALUs gives NAL units, cut at zero bytes, to what reads their types.
func FuzzNALUs(f *testing.F) {
	f.Add(false, []byte{0x67, 66, 0, 0x68, 1, 0, 0x65, 1})
	f.Add(false, []byte{0, 0, 0x41, 1, 0, 0x06, 5})
	f.Add(true, []byte{0x40, 1, 0, 0x42, 1, 0, 0x44, 1, 0, 0x26, 1})
	f.Add(true, []byte{0x02, 1, 0, 0x2a, 1})
	f.Fuzz(func(t *testing.T, hevc bool, data []byte) {
		codec := frames.H264
		if hevc {
			codec = frames.H265
		}
		nalus := withoutEmpty(bytes.Split(data, []byte{0}))
		for _, n := range nalus {
			if len(n) == 0 {
				t.Fatal("an empty NAL unit is left")
			}
		}
		p := inspect(codec, nalus)
		if p.key && !p.coded {
			t.Error("a key picture without a slice")
		}
		if !hevc && p.vps != nil {
			t.Error("H.264 has no VPS")
		}
		was := frames.Parameters{Codec: codec, SPS: []byte{1}, PPS: []byte{2}, VPS: []byte{3}}
		now := p.merge(was)
		if !complete(now) || now.Codec != codec {
			t.Errorf("complete parameters became %+v", now)
		}
		if sameParameters(was, now) != (p.sps == nil && p.pps == nil && p.vps == nil) &&
			!bytes.Equal(p.sps, was.SPS) && !bytes.Equal(p.pps, was.PPS) && !bytes.Equal(p.vps, was.VPS) {
			t.Errorf("got %+v of %+v", now, p)
		}
	})
}
