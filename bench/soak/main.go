// Command soak lets four cameras publish to one Vigil for a long time, hurts one of their connections every half minute,
// and says whether goroutines, descriptors and memory are at the end where they began. It writes docs/soak.md.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/internal/faultproxy"
	"vigil/internal/mediatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	vigil := flags.String("vigil", "bin/vigil", "the program to watch")
	length := flags.Duration("for", time.Hour, "how long")
	out := flags.String("out", "docs/soak.md", "file for the report")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vigil-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := &report{began: time.Now(), length: *length}
	if err := soak(ctx, *vigil, dir, *length, r); err != nil {
		return err
	}
	if err := os.WriteFile(*out, []byte(r.markdown()), 0o644); err != nil {
		return err
	}
	fmt.Print(r.markdown())
	return r.verdict()
}

// camera is one of the four, and the proxy in front of it.
type camera struct {
	id    string
	token string // of one that publishes; else Vigil connects to it
	proxy *faultproxy.Proxy
}

// soak runs everything.
func soak(ctx context.Context, vigil, dir string, length time.Duration, r *report) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
	receiver, err := mediatest.NewReceiver(secret) //nolint:contextcheck // it only listens; its Run has a ctx
	if err != nil {
		cancel()
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, group.Wait())
	}()
	group.Go(func() error { return receiver.Run(ctx) })

	cameras, yaml, err := pulled(ctx, group)
	if err != nil {
		return err
	}
	for _, id := range []string{"push-1", "push-2"} {
		c := &camera{id: id, token: strings.ToLower(rand.Text())}
		cameras = append(cameras, c)
		yaml += fmt.Sprintf("  - { id: %s, publish_token: %s }\n", c.id, c.token)
	}
	yaml = fmt.Sprintf("data_dir: %q\nhttp: { listen: \"127.0.0.1:0\" }\nrtsp: { listen: \"127.0.0.1:0\" }\n"+
		"webrtc: { udp: \"127.0.0.1:0\" }\nmodels: { dir: %q }\nalerts: { visit_gap: 5s }\nretention: { fragments: 5m }\n"+ // full when it counts
		"endpoints: [ { id: soak, url: %q, secret: %q, allow_private: true } ]\ncameras:\n%s",
		filepath.Join(dir, "data"), os.Getenv("VIGIL_MODELS_DIR"), receiver.URL(), secret, yaml)
	p, err := launch(ctx, vigil, dir, yaml)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	for _, c := range cameras {
		if c.token != "" {
			if err := c.publish(ctx, group, p.said.RTSP); err != nil {
				return err
			}
		}
	}
	err = watch(ctx, p, cameras, length, r)
	r.count(receiver.Deliveries())
	return err
}

// pulled starts two stations with a proxy each, and returns the lines of the configuration for them.
func pulled(ctx context.Context, group *errgroup.Group) (cameras []*camera, yaml string, err error) {
	for _, id := range []string{"pull-1", "pull-2"} {
		s, err := newStation(ctx, "walk")
		if err != nil {
			return nil, "", err
		}
		group.Go(func() error { return s.run(ctx) })
		c := &camera{id: id}
		if err := c.front(ctx, group, s.addr); err != nil {
			return nil, "", err
		}
		cameras = append(cameras, c)
		yaml += fmt.Sprintf("  - { id: %s, url: \"rtsp://%s/camera\" }\n", c.id, c.proxy.Addr())
	}
	return cameras, yaml, nil
}

// front puts a proxy before the target.
func (c *camera) front(ctx context.Context, group *errgroup.Group, target string) (err error) {
	if c.proxy, err = faultproxy.Listen(ctx, target); err != nil {
		return err
	}
	group.Go(func() error { return c.proxy.Run(ctx) })
	return nil
}

// publish lets a camera publish through a proxy, again and again.
func (c *camera) publish(ctx context.Context, group *errgroup.Group, address string) error {
	if err := c.front(ctx, group, strings.TrimPrefix(address, "rtsp://")); err != nil {
		return err
	}
	url := fmt.Sprintf("rtsp://camera:%s@%s/%s", c.token, c.proxy.Addr(), c.id)
	group.Go(func() error {
		for ctx.Err() == nil {
			// A connection that was hurt ends with an error; cameras try again.
			_ = mediatest.Camera{Clip: "solo", Loop: true}.Publish(ctx, url)
			_ = rest(ctx, time.Second)
		}
		return nil
	})
	return nil
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// injury is what is done to a camera's connection, and for how long.
type injury struct {
	fault faultproxy.Fault
	lasts time.Duration
}

// injuries in turn; a reset lasts no time. Twelve seconds of silence are more than the stall timeout.
var injuries = []injury{
	{faultproxy.Silent, 5 * time.Second},
	{faultproxy.Refused, 0},
	{faultproxy.Silent, 12 * time.Second},
	{faultproxy.Slow, 8 * time.Second},
	{faultproxy.Refused, 6 * time.Second},
	{faultproxy.Damaged, 3 * time.Second},
	{faultproxy.Silent, 30 * time.Second},
}

const (
	hurtEvery   = 30 * time.Second
	sampleEvery = 5 * time.Second
	// backWithin is how long a camera may take to bring video again: the longest back-off, and a group of pictures.
	backWithin = 2 * time.Minute
)

// watch hurts a camera every half minute, and samples what Vigil says of itself: for a while, so that faults were met, then
// without faults, which is the beginning; then the rest, and the end without faults again. A program
// that has met no fault has not taken the room that it needs for one.
func watch(ctx context.Context, p *program, cameras []*camera, length time.Duration, r *report) error {
	began, quiet := time.Now(), min(5*time.Minute, length/12)
	if err := harm(ctx, p, cameras, r, began.Add(length/4-quiet)); err != nil {
		return err
	}
	if err := r.window(ctx, p, quiet, &r.before); err != nil {
		return err
	}
	if err := harm(ctx, p, cameras, r, began.Add(length-quiet)); err != nil {
		return err
	}
	return r.window(ctx, p, quiet, &r.after)
}

// harm hurts cameras in turn until then.
func harm(ctx context.Context, p *program, cameras []*camera, r *report, until time.Time) error {
	var hurting sync.WaitGroup
	for time.Now().Before(until) {
		i := len(r.course)
		c, injury := cameras[i%len(cameras)], injuries[i%len(injuries)]
		hurting.Go(func() { r.healed(injury, c.hurt(ctx, p, injury)) })
		if err := rest(ctx, hurtEvery); err != nil {
			return err
		}
		s, err := p.sample(ctx)
		if err != nil {
			return err
		}
		r.course = append(r.course, s)
		fmt.Printf("%s  %-7s %-8s %4.0f goroutines %4.0f descriptors %4.0f MiB, %4.0f of vision\n", s.at.Format(time.TimeOnly), c.id,
			injury.fault, s.goroutines, s.descriptors, s.program, s.vision)
	}
	hurting.Wait()
	return nil
}

// hurt does it to the camera, and returns how long after its end video came again; more than backWithin when it did not.
func (c *camera) hurt(ctx context.Context, p *program, i injury) time.Duration {
	c.proxy.Set(i.fault)
	_ = rest(ctx, i.lasts)
	c.proxy.Set(faultproxy.None)
	over := time.Now()
	for time.Since(over) < backWithin && ctx.Err() == nil {
		s, err := p.sample(ctx)
		if err == nil && s.online[c.id] && s.latest[c.id] > float64(over.UnixMilli())/1000 {
			return time.Since(over)
		}
		_ = rest(ctx, 200*time.Millisecond)
	}
	return backWithin + time.Second
}
