package e2e

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vigil/alerts"
	"vigil/internal/mediatest"
)

// publishPage is a WHIP client as a web page has it.
//
//go:embed testdata/publish.html
var publishPage []byte

// doorbell is what the browser's camera shows: the stranger comes, goes, and stays away for a while. The picture is
// small because the browser encodes it on the processor.
func doorbell() mediatest.Scene {
	return mediatest.Scene{
		Name: "doorbell", Width: 960, Height: 540, FPS: 15, Length: 20 * time.Second,
		Passes: []mediatest.Pass{{Person: mediatest.Stranger(), Enter: 3 * time.Second, Leave: 7 * time.Second, Height: 0.34}},
	}
}

// browser starts a Chromium whose camera shows a file, over and over.
func browser(t *testing.T, film string) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 900),
		chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", film),
	)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// TestBrowser has a web page as the camera, and looks at the alert in the console, in the same browser.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser is slow")
	}
	t.Parallel()
	film := filepath.Join(t.TempDir(), "doorbell.mjpeg")
	draw(t, film)
	tab := browser(t, film)
	s := newSite(t)
	s.alerts = "visit_gap: 30s" // the film begins again before: that is the same visit
	_, g := start(t, s.config())
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(publishPage)
	}))
	defer page.Close()
	if err := chromedp.Do(tab, chromedp.Navigate(page.URL)); err != nil {
		t.Fatal(err)
	}
	if got := ask[string](tab, t, fmt.Sprintf("publish(%q, %q)", g.WHIP+"/"+camera, "wrong")); got != "401" {
		t.Errorf("with a wrong token: got %q, want 401", got)
	}
	if got := ask[string](tab, t, fmt.Sprintf("publish(%q, %q)", g.WHIP+"/"+camera, s.token)); got != "published" {
		t.Fatalf("publish: got %q", got)
	}
	opened := s.wait(t, alerts.Opened, 40*time.Second)
	opens(t, opened.Data.Alert.BestShotURL)
	made := s.wait(t, alerts.ClipReady, 40*time.Second)
	f := fetch(t, made.Data.Clip)
	if at := opened.Data.Alert.OpenedAt; at.Before(f.Start.Time) || at.After(f.End.Time) {
		t.Errorf("the clip is from %s to %s and lacks the sighting at %s", f.Start, f.End, at)
	}
	look(tab, t, g, opened.Data.Alert.ID)
	if got := ask[int](tab, t, "stop()"); got != http.StatusOK {
		t.Errorf("stop: got %d, want 200", got)
	}
	s.once(t, alerts.Opened, alerts.ClipReady)
	s.shaped(t)
}

func draw(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	if err := mediatest.WriteMJPEG(w, doorbell()); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// look opens the console in another tab, logs in, and plays the alert's clip.
func look(browser context.Context, t *testing.T, g greeting, alert string) {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	defer cancel()
	err := chromedp.Do(tab, chromedp.EmulateViewport(1400, 900), chromedp.Navigate(g.Console),
		chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", g.AdminToken), chromedp.Click("#login-form button"),
		chromedp.WaitVisible("#alerts .alert .state"))
	if err != nil {
		t.Fatalf("console: %v", err)
	}
	if got := ask[string](tab, t, `document.querySelector("#alerts .alert").innerText`); !strings.Contains(got, "clip ready") {
		t.Errorf("the alert's card says %q, want that the clip is ready", got)
	}
	if err := chromedp.Do(tab, chromedp.Click("#alerts .alert"), chromedp.WaitVisible("#detail video")); err != nil {
		t.Fatalf("console: %v", err)
	}
	if got := ask[string](tab, t, `document.querySelector("#detail").dataset.alert`); got != alert {
		t.Errorf("the console shows alert %s, want %s", got, alert)
	}
	const playing = `(() => {
		const v = document.querySelector("#detail video");
		return v.error ? "error: " + v.error.message
			: v.currentTime > 0.5 && v.readyState >= 2 && v.videoWidth > 0 ? "" : v.currentTime + " s, state " + v.readyState;
	})()`
	eventually(t, 20*time.Second, "the clip plays in the console", func() error {
		if got := ask[string](tab, t, playing); got != "" {
			return fmt.Errorf("it is at %s", got)
		}
		return nil
	})
	if path := os.Getenv("VIGIL_SCREENSHOT"); path != "" {
		screenshot(tab, t, path)
	}
}

// screenshot saves what the console shows, with the clip halted where the stranger is.
func screenshot(tab context.Context, t *testing.T, path string) {
	t.Helper()
	ask[bool](tab, t, `new Promise((resolve) => {
		const v = document.querySelector("#detail video");
		v.onseeked = () => resolve(true);
		v.pause();
		v.currentTime = v.duration / 2 + 0.5;
	})`)
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates an expression in the page and waits for the promise that it may be.
func ask[T any](tab context.Context, t *testing.T, expression string) T {
	t.Helper()
	got, err := chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return got
}
