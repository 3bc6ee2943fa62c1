package rtsp

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"

	"vigil/ingest"
)

// FuzzTrack gives packets to a track: each is flags, sequence number, time, length and payload.
func FuzzTrack(f *testing.F) {
	f.Add(false, []byte{1, 1, 1, 2, 0x65, 9, 1, 2, 4, 1, 0x41})
	f.Add(false, []byte{0, 1, 1, 3, 0x7c, 0x85, 7, 0, 2, 1, 3, 0x7c, 0x05, 8, 1, 3, 1, 3, 0x7c, 0x45, 9})
	f.Add(false, []byte{0, 1, 1, 3, 0x7c, 0x85, 7, 0, 3, 1, 2, 0x7c, 0x05})
	f.Add(true, []byte{0, 1, 1, 4, 0x62, 1, 0x93, 7, 1, 2, 1, 4, 0x62, 1, 0x53, 8})
	f.Add(true, []byte{1, 1, 1, 3, 0x26, 1, 9, 1, 2, 9, 3, 0x02, 1, 9})
	f.Fuzz(func(t *testing.T, hevc bool, data []byte) {
		var video format.Format = &format.H264{PayloadTyp: 96, PacketizationMode: 1}
		if hevc {
			video = &format.H265{PayloadTyp: 96}
		}
		tr, err := findTrack(&description.Session{Medias: []*description.Media{{
			Type: description.MediaTypeVideo, Formats: []format.Format{video},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		for len(data) >= 4 {
			flags, n := data[0], min(int(data[3]), len(data)-4)
			pkt := &rtp.Packet{
				Header: rtp.Header{
					Version: 2, PayloadType: 96, Marker: flags&1 != 0,
					SequenceNumber: uint16(data[1]), Timestamp: uint32(data[2]) << (flags >> 3),
				},
				Payload: data[4 : 4+n],
			}
			data = data[4+n:]
			for range 1 + int(flags>>1&1)*200 { // some of them again and again
				u, ok, err := tr.unit(pkt, time.Now())
				checkUnit(t, tr, u, ok, err)
			}
		}
	})
}

func checkUnit(t *testing.T, tr *track, u ingest.Unit, ok bool, err error) {
	t.Helper()
	if ok && err != nil {
		t.Errorf("got a unit and the error %v", err)
	}
	if ok && (len(u.NALUs) == 0 || len(u.NALUs) > h264.MaxNALUsPerAccessUnit) {
		t.Errorf("got a unit of %d NAL units", len(u.NALUs))
	}
	if tr.packets > maxUnitPackets || tr.bytes > maxUnitBytes {
		t.Errorf("%d packets of %d bytes are held", tr.packets, tr.bytes)
	}
}
