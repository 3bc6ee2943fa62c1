package whip

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vigil/frames"
	"vigil/ingest"
)

// publishPage is a WHIP client as a web page has it: the camera, H.264 first, candidates by PATCH.
const publishPage = `<!doctype html><title>publish</title><script>
window.publish = async (url, token) => {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}, audio: true});
  const pc = new RTCPeerConnection();
  for (const track of stream.getTracks()) {
    const t = pc.addTransceiver(track, {direction: 'sendonly', streams: [stream]});
    if (track.kind === 'video') {
      const codecs = RTCRtpSender.getCapabilities('video').codecs;
      const h264 = codecs.filter(c => c.mimeType === 'video/H264');
      t.setCodecPreferences(h264.concat(codecs.filter(c => c.mimeType !== 'video/H264')));
    }
  }
  const found = [];
  let patch = c => found.push(c);
  pc.onicecandidate = e => e.candidate && patch(e.candidate);
  await pc.setLocalDescription();
  const auth = {Authorization: 'Bearer ' + token};
  const resp = await fetch(url, {method: 'POST', body: pc.localDescription.sdp,
    headers: {...auth, 'Content-Type': 'application/sdp'}});
  if (resp.status !== 201) throw new Error(resp.status + ' ' + await resp.text());
  const session = new URL(resp.headers.get('Location'), url), etag = resp.headers.get('ETag');
  await pc.setRemoteDescription({type: 'answer', sdp: await resp.text()});
  patch = c => fetch(session, {method: 'PATCH', headers: {...auth, 'If-Match': etag,
    'Content-Type': 'application/trickle-ice-sdpfrag'},
    body: 'm=audio 9 RTP/AVP 0\r\na=mid:' + c.sdpMid + '\r\na=' + c.candidate + '\r\n'});
  const statuses = (await Promise.all(found.map(patch))).map(r => r.status);
  window.stop = async () => (await fetch(session, {method: 'DELETE', headers: auth})).status;
  return statuses.every(s => s === 204) ? 'published' : 'trickle: ' + statuses;
};
</script>`

// newBrowser starts a Chromium with a camera and a microphone of its own.
func newBrowser(t *testing.T) (ctx context.Context, stop func()) {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is slow")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
	)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, opts...)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	return ctx, func() {
		cancelBrowser()
		cancelAllocator()
		cancel()
	}
}

func TestChromiumPublishes(t *testing.T) {
	ctx, stop := newBrowser(t)
	defer stop()
	e := newTestEndpoint(t, nil)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(publishPage))
	}))
	defer page.Close()
	if err := chromedp.Do(ctx, chromedp.Navigate(page.URL)); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`window.publish("`+e.url+`/whip/porch", "right")`, chromedp.EvalAwaitPromise))
	if err != nil || got != "published" {
		t.Fatalf("publish: got %q, %v", got, err)
	}
	v := within(t, e.door.admitted, "admission")
	if got := within(t, v.started, "start"); got.Audio == nil || got.Audio.Codec != frames.Opus {
		t.Errorf("got audio %+v, want opus", got.Audio)
	}
	keys, last := 0, int64(-1)
	for n := 0; keys < 3; n++ {
		u := within(t, v.units, "unit")
		if u.PTS <= last {
			t.Fatalf("PTS %d after %d", u.PTS, last)
		}
		last = u.PTS
		if _, key := kind(u.NALUs); key {
			keys++
			if naluType(u.NALUs[0]) != naluSPS {
				t.Errorf("key frame begins with NAL unit type %d", naluType(u.NALUs[0]))
			}
		}
		if n > 600 {
			t.Fatalf("%d key frames in 600 units, want 3", keys)
		}
	}
	wantTogether(t, v)
	status, err := chromedp.Run(ctx, chromedp.Evaluate[int](`window.stop()`, chromedp.EvalAwaitPromise))
	if err != nil || status != http.StatusOK {
		t.Errorf("stop: got %d, %v, want 200", status, err)
	}
	if reason := within(t, v.ended, "end"); !errors.Is(reason, errDeleted) {
		t.Errorf("reason: got %v, want %v", reason, errDeleted)
	}
}

// wantTogether waits until the browser has reported both clocks, and expects that what they say agrees with arrival.
func wantTogether(t *testing.T, v *visit) {
	t.Helper()
	var u ingest.Unit
	for u.NTP.IsZero() {
		u = within(t, v.units, "unit with its time")
	}
	var s ingest.Sound
	for s.NTP.IsZero() || s.Received.Before(u.Received) {
		s = within(t, v.sounds, "audio with its time")
	}
	skew := s.Received.Sub(u.Received) - s.NTP.Sub(u.NTP)
	t.Logf("audio arrives %v later than video that was captured with it", skew)
	if skew.Abs() > time.Second {
		t.Errorf("reports and arrival differ by %v", skew)
	}
}
