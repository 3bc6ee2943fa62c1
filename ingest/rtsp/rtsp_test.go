package rtsp

import (
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"

	"vigil/ingest"
)

// newTrack returns a track of an H.264 camera that says nothing of its parameters.
func newTrack(t testing.TB, video format.Format) *track {
	t.Helper()
	tr, err := findTrack(&description.Session{Medias: []*description.Media{{
		Type: description.MediaTypeVideo, Formats: []format.Format{video},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// After a loss every access unit has its own time, and none has a part of another's. A unit is written as its time and the
// number of its NAL units, and says of those behind a loss that something is missing.
func TestTrackAfterLoss(t *testing.T) {
	type packet struct {
		seq     uint16
		ts      uint32
		marker  bool
		payload []byte
	}
	sps, idr, slice, second := []byte{0x67, 1}, []byte{0x65, 0x81}, []byte{0x41, 0x81}, []byte{0x41, 1}
	begin, middle, end := fua(true, false, []byte{1}), fua(false, false, []byte{2}), fua(false, true, []byte{3})
	type unit struct {
		pts   int64
		nalus int
		lost  string // "missing" in front of it, "partial" for what it may lack itself
	}
	for _, tt := range []struct {
		name    string
		packets []packet
		want    []unit
	}{
		{"nothing is lost", []packet{
			{1, 100, false, sps}, {2, 100, false, begin}, {3, 100, true, end}, {4, 200, true, slice}, {5, 300, true, slice},
		}, []unit{{0, 2, ""}, {100, 1, ""}, {200, 1, ""}}},
		{"the end of a fragmented picture", []packet{
			{1, 100, true, idr}, {2, 200, false, begin}, {4, 300, true, slice}, {5, 400, true, slice},
		}, []unit{{0, 1, ""}, {200, 1, "missing"}, {300, 1, ""}}},
		{"the middle of one", []packet{
			{1, 100, true, idr}, {2, 200, false, begin}, {4, 200, true, end}, {5, 300, true, slice}, {6, 400, true, slice},
		}, []unit{{0, 1, ""}, {200, 1, "missing"}, {300, 1, ""}}},
		{"the middle of one behind its parameters", []packet{
			{1, 100, false, sps}, {2, 100, false, begin}, {4, 100, false, middle}, {5, 100, true, end}, {6, 200, true, slice}, {7, 300, true, slice},
		}, []unit{{100, 1, "missing"}, {200, 1, ""}}},
		{"the beginning of one", []packet{
			{1, 100, true, idr}, {3, 200, false, middle}, {4, 200, true, end}, {5, 300, true, slice}, {6, 400, true, slice},
		}, []unit{{0, 1, ""}, {200, 1, "missing"}, {300, 1, ""}}},
		{"a slice of several in a fragmented picture", []packet{
			{1, 100, false, begin}, {3, 100, false, end}, {4, 100, true, slice}, {5, 200, true, slice},
		}, []unit{{100, 1, "missing"}}},
		{"a picture", []packet{
			{1, 100, true, idr}, {3, 300, true, slice}, {4, 400, true, slice},
		}, []unit{{0, 1, ""}, {200, 1, "missing"}, {300, 1, ""}}},
		{"the first slice of several", []packet{
			{1, 100, true, idr}, {3, 200, true, second}, {4, 300, true, slice},
		}, []unit{{0, 1, ""}, {100, 1, "partial"}, {200, 1, ""}}},
		{"a slice of several", []packet{
			{1, 100, true, idr}, {2, 200, false, slice}, {4, 200, true, second}, {5, 300, true, slice},
		}, []unit{{0, 1, ""}, {100, 2, "partial"}, {200, 1, ""}}},
		{"the last slice of several", []packet{
			{1, 100, true, idr}, {2, 200, false, slice}, {4, 300, true, slice}, {5, 400, true, slice},
		}, []unit{{0, 1, ""}, {100, 1, "partial"}, {200, 1, "missing"}}},
		{"the numbers wrap", []packet{
			{65535, 100, true, idr}, {0, 200, true, slice}, {1, 300, true, slice},
		}, []unit{{0, 1, ""}, {100, 1, ""}, {200, 1, ""}}},
		{"markers do not exist", []packet{
			{1, 100, false, idr}, {2, 200, false, begin}, {4, 300, false, slice}, {5, 400, false, slice}, {6, 500, false, slice},
		}, []unit{{0, 1, ""}, {200, 1, "missing"}, {300, 1, ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTrack(t, &format.H264{PayloadTyp: 96, PacketizationMode: 1})
			var got []unit
			for _, p := range tt.packets {
				u, ok, _ := tr.unit(&rtp.Packet{ // errors are counted, which others test
					Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: p.seq, Timestamp: p.ts, Marker: p.marker},
					Payload: p.payload,
				}, time.Now())
				if ok {
					got = append(got, unit{u.PTS, len(u.NALUs), lossOf(u)})
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func lossOf(u ingest.Unit) string {
	switch {
	case u.Partial:
		return "partial"
	case u.Missing:
		return "missing"
	}
	return ""
}

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
		tr := newTrack(t, video)
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
