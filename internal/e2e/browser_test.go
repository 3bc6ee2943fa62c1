package e2e

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// draw writes what the browser's camera shows: nobody, the stranger, and nobody for a while. The picture is small
// because the browser encodes it on the processor; drawing takes long, so the empty room is drawn once.
func draw(t *testing.T, path string) {
	t.Helper()
	room := mediatest.Scene{Name: "doorbell", Width: 960, Height: 540, FPS: 10, Length: 100 * time.Millisecond}
	visit := room
	visit.Length = 4 * time.Second
	visit.Passes = []mediatest.Pass{{Person: mediatest.Stranger(), Leave: visit.Length, Height: 0.34}}
	var empty, walk bytes.Buffer
	if err := errors.Join(mediatest.WriteMJPEG(&empty, room), mediatest.WriteMJPEG(&walk, visit)); err != nil {
		t.Fatal(err)
	}
	before, after := bytes.Repeat(empty.Bytes(), 3*room.FPS), bytes.Repeat(empty.Bytes(), 8*room.FPS)
	if err := os.WriteFile(path, slices.Concat(before, walk.Bytes(), after), 0o644); err != nil {
		t.Fatal(err)
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

// TestBrowser has a web page as the camera. What the console shows of it is tested beside the page, in web/test.
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
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, f.body, 0o644); err != nil {
		t.Fatal(err)
	}
	plays(t, path, "avc1", "Opus")
	if heard := hear(t, path); heard.at[0] > time.Second || heard.end < f.End.Sub(f.Start.Time)-100*time.Millisecond {
		t.Errorf("audio is heard from %v to %v of %v, want all of it", heard.at[0], heard.end, f.End.Sub(f.Start.Time))
	}
	if got := ask[int](tab, t, "stop()"); got != http.StatusOK {
		t.Errorf("stop: got %d, want 200", got)
	}
	s.once(t, alerts.Opened, alerts.ClipReady)
	s.shaped(t)
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
