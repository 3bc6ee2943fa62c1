package whip

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// publishPage is a WHIP client as a web page has it: the camera, candidates by PATCH, restarts of ICE.
//
//go:embed testdata/peers/publish.html
var publishPage []byte

// newBrowser starts a Chromium with a camera and a microphone of its own.
func newBrowser(t *testing.T) (ctx context.Context, stop func()) {
	t.Helper()
	path := needs(t, "chromium", "make test-deps")
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

// Chromium offers VP8 first unless it is told otherwise, and sends what the answer takes.
func TestChromiumPublishes(t *testing.T) {
	for _, c := range []struct{ name, prefer string }{
		{"H.264 first", `"video/H264"`},
		{"as it comes, VP8 first", `""`},
		{"AV1 first", `"video/AV1"`},
		{"simulcast (W07)", `"video/H264", false, ["h", "l"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			needs(t, "ffmpeg", "make test-deps")
			ctx, stop := newBrowser(t)
			defer stop()
			e := newTestEndpoint(t, nil)
			open(ctx, t)
			if got := ask[string](ctx, t, `window.publish("`+e.url+`/whip/porch", "right", `+c.prefer+`)`); got != "published" {
				t.Fatalf("publish: got %q", got)
			}
			v := within(t, e.door.admitted, "admission")
			units := collect(t, v)
			checkPicture(t, units)
			for _, u := range units {
				if _, key := kind(u.NALUs); key && naluType(u.NALUs[0]) != naluSPS {
					t.Errorf("key frame begins with NAL unit type %d", naluType(u.NALUs[0]))
				}
			}
			if status := ask[int](ctx, t, `window.stop()`); status != http.StatusOK {
				t.Errorf("stop: got %d, want 200", status)
			}
			if reason := within(t, v.ended, "end"); !errors.Is(reason, errDeleted) {
				t.Errorf("reason: got %v, want %v", reason, errDeleted)
			}
		})
	}
}

// A browser whose network changes restarts ICE; its session, and its access units' timestamps, go on.
func TestChromiumRestartsICE(t *testing.T) {
	ctx, stop := newBrowser(t)
	defer stop()
	e := newTestEndpoint(t, nil)
	open(ctx, t)
	if got := ask[string](ctx, t, `window.publish("`+e.url+`/whip/porch", "right", "video/H264")`); got != "published" {
		t.Fatalf("publish: got %q", got)
	}
	v := within(t, e.door.admitted, "admission")
	collect(t, v)
	for range 2 {
		if got := ask[string](ctx, t, `window.restart()`); got != "restarted" {
			t.Fatalf("restart: got %q", got)
		}
		for len(v.units) > 0 {
			<-v.units // from before the restart
		}
		collect(t, v)
	}
	if len(v.ended) > 0 || len(e.door.admitted) > 0 {
		t.Error("the session did not outlive the restarts")
	}
	if status := ask[int](ctx, t, `window.stop()`); status != http.StatusOK {
		t.Errorf("stop: got %d, want 200", status)
	}
}

// What cannot be taken is refused in words that a page can show.
func TestChromiumIsRefused(t *testing.T) {
	ctx, stop := newBrowser(t)
	defer stop()
	e := newTestEndpoint(t, nil)
	open(ctx, t)
	got := ask[string](ctx, t, `window.publish("`+e.url+`/whip/porch", "right", "video/VP8", true).catch(e => e.message)`)
	if !strings.HasPrefix(got, "422 ") || !strings.Contains(got, "VP8") || !strings.Contains(got, "send H.264") {
		t.Errorf("got %q, want 422 that names VP8 and H.264", got)
	}
}

// open shows the publish page, from another origin than the endpoint's.
func open(ctx context.Context, t *testing.T) {
	t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(publishPage)
	}))
	t.Cleanup(page.Close)
	if err := chromedp.Do(ctx, chromedp.Navigate(page.URL)); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates a promise in the page.
func ask[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return got
}
