package ingest

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"vigil/frames"
)

// picture is what the types of an access unit's NAL units say.
type picture struct {
	coded         bool // holds at least one slice
	random        bool // is an IDR (H.264) or IRAP picture (H.265)
	recovers      bool // is a recovery point: decoding that starts here is whole a while later (gradual refresh)
	vps, sps, pps []byte
}

// key reports whether decoding can start here.
func (p picture) key() bool { return p.coded && (p.random || p.recovers) }

// inspect looks at the NAL units' types. Of several parameter sets of a kind the first counts: the others stay in
// the access unit, where decoders find them.
func inspect(codec frames.Codec, nalus [][]byte) picture {
	var p picture
	for _, n := range nalus {
		if codec == frames.H265 {
			p.h265(n)
		} else {
			p.h264(n)
		}
	}
	return p
}

func (p *picture) h264(n []byte) {
	switch typ := h264.NALUType(n[0] & 0x1f); {
	case typ == h264.NALUTypeSPS:
		first(&p.sps, n)
	case typ == h264.NALUTypePPS:
		first(&p.pps, n)
	case typ >= h264.NALUTypeNonIDR && typ <= h264.NALUTypeIDR: // RFC 6184 and H.264 table 7-1: 1 to 5 are slices
		p.coded = true
		p.random = p.random || typ == h264.NALUTypeIDR
	case typ == h264.NALUTypeSEI:
		p.recovers = p.recovers || recoveryPoint(h264.EmulationPreventionRemove(n[1:]))
	}
}

func (p *picture) h265(n []byte) {
	switch typ := h265.NALUType(n[0] >> 1 & 0x3f); {
	case typ == h265.NALUType_VPS_NUT:
		first(&p.vps, n)
	case typ == h265.NALUType_SPS_NUT:
		first(&p.sps, n)
	case typ == h265.NALUType_PPS_NUT:
		first(&p.pps, n)
	case typ < h265.NALUType_VPS_NUT: // H.265 table 7-1: below 32 are slices, 16 to 23 of them IRAP pictures
		p.coded = true
		p.random = p.random || typ >= h265.NALUType_BLA_W_LP && typ <= h265.NALUType_RSV_IRAP_VCL23
	case typ == h265.NALUType_PREFIX_SEI_NUT && len(n) > 2:
		p.recovers = p.recovers || recoveryPoint(h264.EmulationPreventionRemove(n[2:]))
	}
}

func first(set *[]byte, n []byte) {
	if *set == nil {
		*set = n
	}
}

// merge returns the parameters with the access unit's own put in their place.
func (p *picture) merge(params frames.Parameters) frames.Parameters {
	if p.vps != nil {
		params.VPS = p.vps
	}
	if p.sps != nil {
		params.SPS = p.sps
	}
	if p.pps != nil {
		params.PPS = p.pps
	}
	return params
}

// Begins reports whether decoding can begin with the access unit, and returns the parameters with those it brings itself.
func Begins(p frames.Parameters, nalus [][]byte) (frames.Parameters, bool) {
	pic := inspect(p.Codec, withoutEmpty(nalus))
	return pic.merge(p), pic.key()
}

func complete(p frames.Parameters) bool {
	return len(p.SPS) > 0 && len(p.PPS) > 0 && (p.Codec == frames.H264 || len(p.VPS) > 0)
}

func sameParameters(a, b frames.Parameters) bool {
	return a.Codec == b.Codec && bytes.Equal(a.VPS, b.VPS) && bytes.Equal(a.SPS, b.SPS) && bytes.Equal(a.PPS, b.PPS)
}

// withoutEmpty drops NAL units without a byte: they have no type, and no container can carry them.
func withoutEmpty(nalus [][]byte) [][]byte {
	for i, n := range nalus {
		if len(n) == 0 {
			kept := append([][]byte(nil), nalus[:i]...)
			for _, n := range nalus[i:] {
				if len(n) > 0 {
					kept = append(kept, n)
				}
			}
			return kept
		}
	}
	return nalus
}
