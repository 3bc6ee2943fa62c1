package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"vigil/alerts"
	"vigil/internal/mediatest"
)

const (
	// settle is how long cameras publish before they are measured.
	settle = 6 * time.Second
	// visitEvery is how long the film of visits is: one visit each.
	visitEvery = 32 * time.Second
	// visitRounds is how often each camera shows it.
	visitRounds = 3
)

// load is what n cameras cost.
type load struct {
	cpu    float64 // cores
	memory float64 // MiB
	busy   float64 // part of the machine that was at work, publishers included
}

// cameras measures what further cameras cost, and how long a webhook takes.
func (l *lab) cameras(ctx context.Context) error {
	for _, content := range []struct {
		film   film
		what   string
		counts []int
	}{
		{quietFilm, "quiet", []int{1, 2, 4, 8}},
		{personFilm, "somebody in view", []int{1, 2, 4}},
	} {
		video, err := l.studio.shoot(ctx, content.film, l.length)
		if err != nil {
			return err
		}
		if err := l.grow(ctx, video, content.what, content.counts); err != nil {
			return err
		}
	}
	return l.latency(ctx)
}

func (l *lab) grow(ctx context.Context, video, what string, counts []int) error {
	const part = "Cost of further cameras"
	var n, cpu, memory []float64
	for _, count := range counts {
		got, err := l.watch(ctx, video, count)
		if err != nil {
			return fmt.Errorf("%d cameras: %w", count, err)
		}
		n, cpu, memory = append(n, float64(count)), append(cpu, got.cpu), append(memory, got.memory)
		f := figure(part, fmt.Sprintf("%s, %d × 1080p25: CPU", what, count), "cores", nil, got.cpu)
		f.Note = fmt.Sprintf("%s each; %.0f MiB resident; machine %.0f %% busy", number(got.cpu/float64(count)), got.memory, 100*got.busy)
		l.add(f)
	}
	work, room := fit(n, cpu), fit(n, memory)
	last := len(n) - 1
	straight := figure(part, what+": CPU each at the most cameras over CPU of one", "", atMost(1.15), cpu[last]/n[last]/cpu[0])
	straight.Note = fmt.Sprintf("farthest from a straight line: %.0f %%", 100*work.farthest)
	l.add(
		figure(part, what+": CPU of a further camera", "cores", nil, work.slope), straight,
		figure(part, what+": memory of a further camera", "MiB", nil, room.slope),
		figure(part, what+": memory without cameras, by that line", "MiB", nil, room.start),
	)
	return nil
}

// watch measures a Vigil with so many cameras that show the video.
func (l *lab) watch(ctx context.Context, video string, count int) (got load, err error) {
	s, err := l.open(ctx, whole(l.somebody(), "", ""))
	if err != nil {
		return load{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for range count {
		if err := s.publish(ctx, video); err != nil {
			return load{}, err
		}
	}
	if err := rest(ctx, settle); err != nil {
		return load{}, err
	}
	return watch(ctx, s.vigil.Process.Pid, l.window)
}

// watch is what a process and its children take during the window.
func watch(ctx context.Context, pid int, window time.Duration) (load, error) {
	before, err := used(pid)
	if err != nil {
		return load{}, err
	}
	began := time.Now()
	resting, err := idle()
	if err != nil {
		return load{}, err
	}
	if err := rest(ctx, window); err != nil {
		return load{}, err
	}
	after, err := used(pid)
	if err != nil {
		return load{}, err
	}
	took := time.Since(began).Seconds()
	rested, err := idle()
	if err != nil {
		return load{}, err
	}
	return load{
		cpu: (after.cpu - before.cpu) / took, memory: after.memory,
		busy: 1 - (rested-resting)/took/float64(runtime.NumCPU()),
	}, nil
}

// somebody is the folder of the first person's photos.
func (l *lab) somebody() string {
	found, err := folders(l.people)
	if err != nil || len(found) == 0 {
		return ""
	}
	abs, err := filepath.Abs(found[0])
	if err != nil {
		return found[0]
	}
	return abs
}

// latency measures how long after a stranger's first face was recorded the webhook arrives. Of four cameras one after the
// other sees somebody cross, far enough apart that each crossing is a visit.
func (l *lab) latency(ctx context.Context) error {
	video, err := l.studio.shoot(ctx, visitsFilm, visitEvery)
	if err != nil {
		return err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
	receiver, err := mediatest.NewReceiver(secret) //nolint:contextcheck // it only listens; its Run has a ctx
	if err != nil {
		return err
	}
	receiving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- receiver.Run(receiving) }()
	err = l.visits(ctx, video, receiver.URL(), secret)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	const part = "From a picture to the webhook"
	waits := waits(receiver.Deliveries())
	if len(waits) == 0 {
		l.skip("latency: no alert was raised")
		return nil
	}
	what := "4 × 1080p25, a track's first face recorded → alert.opened received, "
	l.add(figure(part, what+"p50", "s", atMost(1), waits...))
	worst := figure(part, what+"p95", "s", atMost(3), percentile(waits, 95))
	worst.Note = fmt.Sprintf("of %d alerts in %d visits", len(waits), 4*visitRounds)
	l.add(worst)
	return nil
}

// visits lets four cameras show the video, each a quarter of it later than the one before.
func (l *lab) visits(ctx context.Context, video, hook, secret string) (err error) {
	s, err := l.open(ctx, whole("", hook, secret))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for range 4 {
		if err := s.publish(ctx, video); err != nil {
			return err
		}
		if err := rest(ctx, visitEvery/4); err != nil {
			return err
		}
	}
	return rest(ctx, (visitRounds-1)*visitEvery)
}

// waits is how long each alert took to arrive, in seconds; repetitions do not count.
func waits(deliveries []mediatest.Delivery) (out []float64) {
	seen := map[string]bool{}
	for _, d := range deliveries {
		if d.Event.Type == alerts.Opened && !seen[d.ID] {
			seen[d.ID] = true
			out = append(out, d.Received.Sub(d.Event.Data.Alert.OpenedAt.Time).Seconds())
		}
	}
	return out
}
