package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vigil/frames"
	"vigil/ingest"
)

const (
	// watchTime is how long a camera is watched at most: for its first key frame and the next.
	watchTime = ingest.KeyTimeout + 5*time.Second
	// longGOP is when the distance of key frames begins to hurt: decoding begins at them, and clips too.
	longGOP = 4 * time.Second
)

// Camera is a configured camera.
type Camera struct {
	ID     frames.CameraID // or the name of its stream for analysis
	Source ingest.Source   // nil: it publishes to Vigil
}

// Decode decodes a key frame. Nil: this program cannot.
type Decode func(p frames.Parameters, u frames.AccessUnit) error

// Cameras watches every camera for a short while, all at once. A running Vigil keeps its own connections meanwhile.
func Cameras(ctx context.Context, cameras []Camera, decode Decode, running *Running) []Finding {
	if len(cameras) == 0 {
		return []Finding{ok("cameras: none is named; every id may publish, from this machine only")}
	}
	all := make([]Finding, len(cameras))
	var tasks sync.WaitGroup
	for i, c := range cameras {
		tasks.Go(func() {
			if c.Source == nil {
				all[i] = publisher(c.ID, running)
				return
			}
			all[i] = watch(ctx, c, decode)
			if all[i].Level == Problem && online(c.ID, running) != nil {
				all[i].Level = Warning
				all[i].Text += "; the running vigil has its video: perhaps the camera takes no second connection"
			}
		})
	}
	tasks.Wait()
	return all
}

// online is the running Vigil's state of the camera whose video it has, or its stream's for analysis; nil: it has not.
func online(id frames.CameraID, running *Running) *frames.CameraState {
	if running == nil {
		return nil
	}
	for _, s := range running.Cameras {
		if s.Camera == id && s.Online || s.Camera.Detect() == id && s.Detect != nil && s.Detect.Online {
			return &s
		}
	}
	return nil
}

// publisher tells of a camera that connects to Vigil.
func publisher(id frames.CameraID, running *Running) Finding {
	s := online(id, running)
	switch {
	case s != nil && s.GOP > longGOP.Seconds():
		return far(id, time.Duration(s.GOP*float64(time.Second)))
	case s != nil:
		return ok("camera %s: publishes %s %dx%d, key frames %.1f s apart", id, s.Codec, s.Width, s.Height, s.GOP)
	case running != nil:
		return warning("start the publisher, with the camera's publish_token", "camera %s: publishes nothing to the running vigil", id)
	}
	return ok("camera %s: publishes to vigil; looked at when vigil runs", id)
}

func far(id frames.CameraID, gop time.Duration) Finding {
	return warning("set the key-frame (I-frame) interval to 1 or 2 s in the camera",
		"camera %s: key frames are %.1f s apart: that long nothing can be decoded after a reconnect, and clips begin early", id, gop.Seconds())
}

// watch pulls until there were two key frames.
func watch(ctx context.Context, c Camera, decode Decode) Finding {
	ctx, cancel := context.WithTimeout(ctx, watchTime)
	defer cancel()
	v := &viewer{from: time.Now()}
	err := c.Source.Run(ctx, v)
	v.mu.Lock()
	defer v.mu.Unlock()
	address := c.Source.String()
	switch {
	case errors.Is(err, ingest.ErrCredentials):
		return problem("mend user and password in its url", "camera %s: %s refuses user or password", c.ID, address)
	case v.key == nil && v.units > 0:
		return problem("set the key-frame interval to 1 or 2 s in the camera", "camera %s: %s sends video without a key frame in %s", c.ID, address, watchTime)
	case v.key == nil && err != nil && !errors.Is(err, errSeen):
		return problem("see whether the camera is on, and its address and path are right; `vigil cameras discover` lists them",
			"camera %s: %s: %v", c.ID, address, err)
	case v.key == nil:
		return problem("see whether another program blocks the camera's stream", "camera %s: %s sends no video in %s", c.ID, address, watchTime)
	}
	return v.verdict(c.ID, address, decode)
}

var errSeen = errors.New("seen enough")

// viewer is a sink that waits for two key frames.
type viewer struct {
	from time.Time

	mu     sync.Mutex
	params frames.Parameters
	units  int
	key    *frames.AccessUnit // the first key frame
	first  time.Duration      // until it came
	gop    time.Duration      // 0: no second one came
}

var _ ingest.Sink = (*viewer)(nil)

// Start implements ingest.Sink.
func (v *viewer) Start(p frames.Parameters) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.params = p
	return nil
}

// Unit implements ingest.Sink.
func (v *viewer) Unit(u ingest.Unit) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.units++
	params, key := ingest.Begins(v.params, u.NALUs)
	if !key {
		return nil
	}
	if v.key != nil {
		v.gop = frames.Duration(u.PTS - v.key.PTS)
		return errSeen
	}
	v.first = time.Since(v.from)
	v.key = &frames.AccessUnit{PTS: u.PTS, DTS: u.PTS, Key: true, NALUs: u.NALUs}
	v.params = params
	return nil
}

// Audio implements ingest.Sink.
func (v *viewer) Audio(ingest.Sound) {}

// Lost implements ingest.Sink.
func (v *viewer) Lost(uint64) {}

// verdict tells of a camera that sends key frames.
func (v *viewer) verdict(id frames.CameraID, address string, decode Decode) Finding {
	about := string(v.params.Codec)
	if w, h, err := v.params.Size(); err == nil {
		about += fmt.Sprintf(" %dx%d", w, h)
	}
	decoded := "not decoded here"
	if decode != nil {
		if err := decode(v.params, *v.key); err != nil {
			return problem("choose H.264 in the camera, of profile Main or High with 8 bits", "camera %s: %s: %s cannot be decoded: %v", id, address, about, err)
		}
		decoded = "decoded"
	}
	switch {
	case v.gop == 0:
		return far(id, watchTime-v.first)
	case v.gop > longGOP:
		return far(id, v.gop)
	}
	return ok("camera %s: %s: %s, %s; first key frame after %.1f s, then every %.1f s", id, address, about, decoded, v.first.Seconds(), v.gop.Seconds())
}
