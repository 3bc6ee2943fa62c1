package mp4

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vigil/frames"
)

// playPage plays a clip and tells where in it the beep is heard, in seconds.
const playPage = `<!doctype html><title>play</title><body><script>
window.play = async (src) => {
  const video = document.createElement('video');
  video.src = src;
  document.body.append(video);
  const audio = new AudioContext();
  const source = audio.createMediaElementSource(video), scope = audio.createAnalyser();
  scope.fftSize = 256;
  source.connect(scope);
  scope.connect(audio.destination);
  const wave = new Float32Array(scope.fftSize);
  let heard = -1;
  const watch = setInterval(() => {
    scope.getFloatTimeDomainData(wave);
    if (heard < 0 && Math.max(...wave) > 0.1) heard = video.currentTime;
  }, 3);
  const ended = new Promise((resolve, reject) => {
    video.onended = () => resolve(heard);
    video.onerror = () => reject(new Error(video.error.message));
  });
  await video.play();
  return ended.finally(() => clearInterval(watch));
};
</script>`

// TestChromiumPlaysSound listens to clips in a browser: the beep is heard with the picture it belongs to.
func TestChromiumPlaysSound(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser is slow")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	file, units := open(t, "bframes.mp4")
	clips := http.NewServeMux()
	clips.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(playPage)) })
	server := httptest.NewServer(clips)
	defer server.Close()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, opts...)
	defer cancelAllocator()
	tab, cancelBrowser := chromedp.NewContext(ctx)
	defer cancelBrowser()
	if err := chromedp.Do(tab, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"beep-aac.mp4", "beep-opus.mp4"} {
		var all []frames.AudioUnit
		file.Parameters.Audio, all = tone(t, name)
		for what, audio := range map[string][]frames.AudioUnit{
			"whole": all, "late": all[30:], "gap": append(all[:20:20], all[40:]...),
		} {
			_, b := write(t, cutWith(t, file.Parameters, units, audio, 0), captured)
			clip := "/" + what + "/" + name
			clips.HandleFunc(clip, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "video/mp4")
				_, _ = w.Write(b)
			})
			got, err := chromedp.Run(tab, chromedp.Evaluate[float64](fmt.Sprintf("play(%q)", clip), chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatalf("%s: %v", clip, err)
			}
			at := time.Duration(got * float64(time.Second))
			t.Logf("%s: the beep is heard at %v", clip, at)
			// On a machine that is busy the page hears late; early it never does.
			if at < beep-100*time.Millisecond || at > beep+300*time.Millisecond {
				t.Errorf("%s: the beep is heard at %v, want %v", clip, at, beep)
			}
		}
	}
}
