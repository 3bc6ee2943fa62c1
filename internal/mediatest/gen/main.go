// Command gen draws the scenes and encodes them as the clips that mediatest embeds, each with its truth beside it.
// It is run by go generate and is the only thing here that needs ffmpeg.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"

	"vigil/internal/mediatest"
)

func main() {
	dir := flag.String("dir", "media", "folder for the clips")
	crf := flag.Int("crf", 25, "x264's constant rate factor")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, s := range mediatest.Scenes() {
		if err := generate(ctx, s, *dir, *crf); err != nil {
			slog.Error("generate "+s.Name, "error", err)
			stop()
			os.Exit(1)
		}
	}
}

func generate(ctx context.Context, s mediatest.Scene, dir string, crf int) error {
	truth, err := json.MarshalIndent(s.Truth(), "", " ")
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, s.Name+".truth.json"), append(truth, '\n'), 0o644); err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	if err := encode(ctx, s, filepath.Join(dir, s.Name+".mp4"), crf); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return nil
}

// encode pipes the pictures through x264: one key frame a second, no B-frames, moov first. It uses one thread because
// with more the result depends on the machine.
func encode(ctx context.Context, s mediatest.Scene, path string, crf int) error {
	rate := strconv.Itoa(s.FPS)
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgba", "-s", fmt.Sprintf("%dx%d", s.Width, s.Height), "-r", rate, "-i", "-",
		"-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p",
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
		"-c:v", "libx264", "-threads", "1", "-profile:v", "main", "-preset", "veryslow", "-bf", "0",
		"-g", rate, "-keyint_min", rate, "-sc_threshold", "0", "-crf", strconv.Itoa(crf),
		"-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1", "-movflags", "+faststart", path)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	room := s.Room()
	for n := range s.Frames() {
		if _, err := pipe.Write(s.Frame(room, n).Pix); err != nil {
			break // ffmpeg is gone, and Wait says why
		}
	}
	if err := pipe.Close(); err != nil {
		return fmt.Errorf("close pipe: %w", err)
	}
	return cmd.Wait()
}
