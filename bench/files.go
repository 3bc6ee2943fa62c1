package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// analyze runs Vigil on a file.
func (l *lab) analyze(ctx context.Context, video string, flags ...string) (cost, error) {
	args := append([]string{"analyze", "--json", "--people", l.people, video}, flags...)
	c, err := pinned(ctx, l.core, nil, l.vigil, args...)
	if err == nil && l.Machine.Engine == "unknown" {
		l.Machine.Engine = engine(c.errors)
	}
	return c, err
}

// own is analyze as its owner runs it.
func (l *lab) own(ctx context.Context, video string) (cost, error) { return l.analyze(ctx, video) }

// decode runs FFmpeg's decoder alone, on one thread. Its null output takes the pictures as they are: no filter, no
// conversion.
func (l *lab) decode(ctx context.Context, video string) (cost, error) {
	return pinned(ctx, l.core, nil, "ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", video, "-map", "0:v", "-f", "null", "-")
}

// baseline runs the Python script, whose decoder gets one thread as well.
func (l *lab) baseline(ctx context.Context, video string) (cost, error) {
	return pinned(ctx, l.core, []string{"OPENCV_FFMPEG_CAPTURE_OPTIONS=threads;1"},
		l.python, l.script, video, "--models", l.models, "--people", l.people)
}

// tracks is how many tracks Vigil printed.
func tracks(output string) int { return strings.Count(output, `"decision":`) }

// faces is how many faces the script printed that it found.
func faces(output string) (n int) {
	var said struct{ Faces int }
	_ = json.Unmarshal([]byte(output), &said) // a script that says nothing found nothing
	return said.Faces
}

// againstDecoder measures the CPU time of a file against that of decoding it.
func (l *lab) againstDecoder(ctx context.Context) error {
	for _, scene := range []struct {
		film  film
		times time.Duration // the length: the start is not to decide, and quiet takes the gate some fifteen seconds to learn
		what  string
		mark  *Mark
	}{
		{personFilm, 2, "somebody in view", atMost(1.3)},
		{calmFilm, 5, "quiet", atMost(0.4)},
		{quietFilm, 1, "quiet, with the noise coded", atMost(0.4)},
		{noisyFilm, 1, "quiet, constant bitrate with noise", nil},
	} {
		video, err := l.studio.shoot(ctx, scene.film, scene.times*l.length)
		if err != nil {
			return err
		}
		rate, err := bitrate(ctx, video)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("1080p25, %s, %.2g Mbit/s", scene.what, rate)
		if err := l.compareDecoder(ctx, video, what, scene.mark); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) compareDecoder(ctx context.Context, video, what string, mark *Mark) error {
	second, err := l.studio.cut(ctx, video, time.Second)
	if err != nil {
		return err
	}
	startUp, startDecoder, err := contest(l.repeat, l.on(ctx, l.own, second), l.on(ctx, l.decode, second))
	if err != nil {
		return err
	}
	all, floor, err := contest(l.repeat, l.on(ctx, l.own, video), l.on(ctx, l.decode, video))
	if err != nil {
		return err
	}
	const part = "CPU against FFmpeg's decoder"
	whole := figure(part, what+": ratio", "", mark, ratios(cpus(all), cpus(floor))...)
	whole.Note = fmt.Sprintf("%d tracks", tracks(all[0].output))
	l.add(
		figure(part, what+": Vigil", "s", nil, cpus(all)...),
		figure(part, what+": FFmpeg", "s", nil, cpus(floor)...),
		figure(part, what+": Vigil on its first second", "s", nil, cpus(startUp)...),
		figure(part, what+": FFmpeg on its first second", "s", nil, cpus(startDecoder)...),
		whole,
		figure(part, what+": ratio without the first second", "", mark, ratios(beyond(all, startUp), beyond(floor, startDecoder))...),
	)
	return nil
}

// beyond is what each took beyond its start, which a camera has once in months and a film of a minute has once a minute.
func beyond(costs, start []cost) []float64 {
	out := cpus(costs)
	for i := range out {
		out[i] -= percentile(cpus(start), 50)
	}
	return out
}

func (l *lab) on(ctx context.Context, run func(context.Context, string) (cost, error), video string) func() (cost, error) {
	return func() (cost, error) { return run(ctx, video) }
}

// againstPython measures the CPU time of a file against that of the Python script.
func (l *lab) againstPython(ctx context.Context) error {
	for _, scene := range []struct {
		film  film
		times time.Duration // the length
		what  string
	}{{calmFilm, 5, "quiet camera"}, {quietFilm, 1, "quiet camera, with the noise coded"}} {
		video, err := l.studio.shoot(ctx, scene.film, scene.times*l.length)
		if err != nil {
			return err
		}
		if err := l.comparePython(ctx, video, scene.what, atLeast(5)); err != nil {
			return err
		}
	}
	if l.videos == "" {
		l.skip("python: the filmed scenes: VIGIL_VIDEO_DIR is not set")
		return nil
	}
	if err := l.comparePython(ctx, filepath.Join(l.videos, "doorway-1080p25.mp4"), "doorway, mostly quiet", atLeast(5)); err != nil {
		return err
	}
	return l.comparePython(ctx, filepath.Join(l.videos, "lobby-720p20-cbr-bframes.mp4"), "lobby, dense with people", atLeast(2))
}

func (l *lab) comparePython(ctx context.Context, video, what string, mark *Mark) error {
	second, err := l.studio.cut(ctx, video, time.Second)
	if err != nil {
		return err
	}
	startScript, startOwn, err := contest(l.repeat, l.on(ctx, l.baseline, second), l.on(ctx, l.own, second))
	if err != nil {
		return err
	}
	script, own, err := contest(max(1, l.repeat-1), l.on(ctx, l.baseline, video), l.on(ctx, l.own, video))
	if err != nil {
		return err
	}
	const part = "CPU against Python and OpenCV"
	ratio := figure(part, what+": times less", "", mark, ratios(cpus(script), cpus(own))...)
	ratio.Note = fmt.Sprintf("%d faces there, %d tracks here", faces(script[0].output), tracks(own[0].output))
	l.add(figure(part, what+": Python", "s", nil, cpus(script)...), figure(part, what+": Vigil", "s", nil, cpus(own)...), ratio,
		figure(part, what+": times less without the first second", "", mark, ratios(beyond(script, startScript), beyond(own, startOwn))...))
	return nil
}
