package jetstream

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"vigil/frames"
	"vigil/frames/framestest"
)

func FuzzDecode(f *testing.F) {
	f.Add("e", "1", "1", "0", "2026-11-22T20:15:31.204Z", "500000000", "h264", "1920x1080", "", "1")
	f.Add("e", "18446744073709551615", "0", "7", "0000-01-01T00:00:00+23:59", "-1", "h265", "0x0",
		`{"from":"2026-11-22T20:15:31Z","to":"2026-11-22T20:15:31Z","reason":"away"}`, "")
	f.Add("", "", "", "", "", "", "", "", "{", "{")
	f.Fuzz(func(t *testing.T, epoch, seq, key, keyPos, start, duration, codec, size, gap, loss string) {
		h := nats.Header{}
		for name, value := range map[string]string{
			headerEpoch: epoch, headerSeq: seq, headerKey: key, headerKeyPos: keyPos, headerStart: start,
			headerDuration: duration, headerCodec: codec, headerSize: size, headerGap: gap, headerLoss: loss,
		} {
			h.Set(name, value)
		}
		got, err := decode("door", h)
		if err != nil {
			return
		}
		again, err := encode(got)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := decode("door", again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !framestest.Equal(got, back) {
			t.Errorf("got %+v, want %+v", back, got)
		}
	})
}

func TestDecodeErrors(t *testing.T) {
	good := framestest.Fragments("door", "e", time.Unix(0, 0), 1, 1)[0]
	good.Gap = &frames.Gap{Reason: "away"}
	for _, name := range []string{
		headerEpoch, headerSeq, headerKeyPos, headerStart, headerDuration, headerCodec, headerSize, headerGap,
	} {
		h, err := encode(good)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode("door", h); err != nil {
			t.Fatal(err)
		}
		h.Set(name, "{")
		if name == headerEpoch {
			h.Del(name)
		}
		if _, err := decode("door", h); err == nil {
			t.Errorf("got no error for a spoilt %s", name)
		}
	}
}
