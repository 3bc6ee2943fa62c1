package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vigil/internal/mediatest"
)

// film is a camera's video that the benchmark draws: a room of 1080p25 with the sensor's noise, as H.264 with a key
// frame every two seconds and no B-frames.
type film struct {
	name   string
	person string // ffmpeg's overlay expression of when and where the photo is; empty: nobody is there
	noise  int    // strength of ffmpeg's noise filter
	rate   string // x264's rate control
	small  bool   // 640×360 at ten pictures a second, for a film that is long
}

// A camera with a variable bitrate and a ceiling of 4 Mbit/s, which somebody in view makes it reach, so finely that noise
// is coded too, and one with a constant bitrate, which spends it on noise. calmFilm is coded as x264 does by default.
const (
	variable = "-crf 17 -maxrate 4M -bufsize 8M"
	constant = "-b:v 4M -minrate 4M -maxrate 4M -bufsize 4M"

	// Swaying, from one side of the picture to the other and back.
	swaying = "x='(W-w)/2+(W-w)/2.5*sin(2*PI*t/20)':y='(H-h)/2+20*sin(2*PI*t/1.2)'"
	// Crossing, in the second to the sixth second of every visitEvery.
	crossing = "x='-w+(W+w)*(mod(t,32)-1)/5':y='(H-h)/2+10*sin(2*PI*t/1.2)':enable='between(mod(t,32),1,6)'"
	// Crossing within three seconds, at an odd moment of every five minutes.
	seldom = "x='-w+(W+w)*(mod(t,300)-171.3)/3':y='(H-h)/2':enable='between(mod(t,300),171.3,174.3)'"
)

var (
	personFilm = film{name: "person", person: swaying, noise: 2, rate: variable}
	calmFilm   = film{name: "calm", noise: 2, rate: "-crf 23 -maxrate 4M -bufsize 8M"}
	quietFilm  = film{name: "quiet", noise: 2, rate: variable}
	noisyFilm  = film{name: "quiet-constant", noise: 6, rate: constant}
	visitsFilm = film{name: "visits", person: crossing, noise: 2, rate: variable}
	longFilm   = film{name: "long", person: seldom, noise: 2, rate: "-crf 23", small: true}
)

// studio draws films and keeps them for the next run.
type studio struct {
	dir   string
	photo string // a JPEG of somebody
}

// newStudio takes the photo from VIGIL_FACES_DIR, or draws one.
func newStudio(dir, faces string) (*studio, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("studio: %w", err)
	}
	if faces != "" {
		return &studio{dir: dir, photo: filepath.Join(faces, "portraits", "obama", "1.jpg")}, nil
	}
	s := &studio{dir: dir, photo: filepath.Join(dir, "drawn.jpg")}
	data, err := mediatest.PortraitJPEG(mediatest.Stranger(), 900, 0)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.photo, data, 0o644); err != nil {
		return nil, fmt.Errorf("studio: %w", err)
	}
	return s, nil
}

// shoot returns the film's file, which lasts that long, and makes it when it is not there.
func (s *studio) shoot(ctx context.Context, f film, length time.Duration) (string, error) {
	room := filepath.Join(s.dir, "room.png")
	if err := drawRoom(room); err != nil {
		return "", fmt.Errorf("draw the room: %w", err)
	}
	args := f.args(room, s.photo, length)
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(strings.Join(args, " ")))
	path := filepath.Join(s.dir, fmt.Sprintf("%s-%08x.mp4", f.name, sum.Sum32()))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	partial := path + ".partial.mp4"
	out, err := exec.CommandContext(ctx, "ffmpeg", append(args, partial)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("encode %s: %w\n%s", f.name, err, tail(string(out)))
	}
	return path, os.Rename(partial, path)
}

// args are ffmpeg's, but for the file that it writes.
func (f film) args(room, photo string, length time.Duration) []string {
	rate, gop, shrink := "25", "50", ""
	if f.small {
		rate, gop, shrink = "10", "20", "scale=640:360,"
	}
	args := []string{"-nostdin", "-v", "error", "-y", "-loop", "1", "-framerate", rate, "-i", room}
	filter := "[0]"
	if f.person != "" {
		args = append(args, "-loop", "1", "-framerate", rate, "-i", photo)
		filter = "[1]scale=-2:900,format=yuva420p,rotate='0.05*sin(2*PI*t/1.1)':c=none:ow=rotw(0.05):oh=roth(0.05)[p];" +
			"[0][p]overlay=" + f.person + ","
	}
	filter += shrink + "noise=c0s=" + strconv.Itoa(f.noise) + ":c0f=t,format=yuv420p"
	args = append(args, "-filter_complex", filter, "-t", fmt.Sprint(length.Seconds()),
		"-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-bf", "0", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0")
	return append(args, strings.Fields(f.rate)...)
}

func drawRoom(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	var room image.Image = mediatest.Scene{Width: 1920, Height: 1080}.Room()
	if err := png.Encode(file, room); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// cut returns the first length of a video, without encoding it again.
func (s *studio) cut(ctx context.Context, video string, length time.Duration) (string, error) {
	path := filepath.Join(s.dir, "start-"+filepath.Base(video))
	out, err := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "error", "-y", "-i", video, "-c", "copy", "-t",
		fmt.Sprint(length.Seconds()), path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cut %s: %w\n%s", video, err, tail(string(out)))
	}
	return path, nil
}

// bitrate asks ffprobe for the video's bits a second, in Mbit/s.
func bitrate(ctx context.Context, video string) (float64, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=bit_rate",
		"-of", "json", video).Output()
	if err != nil {
		return 0, fmt.Errorf("ffprobe %s: %w", video, err)
	}
	var probed struct {
		Streams []struct {
			BitRate string `json:"bit_rate"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(out, &probed); err != nil {
		return 0, fmt.Errorf("ffprobe %s: %w", video, err)
	}
	if len(probed.Streams) != 1 {
		return 0, fmt.Errorf("ffprobe %s: got %d video streams, want 1", video, len(probed.Streams))
	}
	bits, err := strconv.ParseFloat(probed.Streams[0].BitRate, 64)
	if err != nil {
		return 0, fmt.Errorf("ffprobe %s: bit rate: %w", video, err)
	}
	return bits / 1e6, nil
}
