package ingest

import (
	"fmt"
	"slices"
	"sync"

	"vigil/frames"
)

// Replace ends the cameras of remove, puts what they still hold into the log, and begins those of add; a camera that has
// changed is in both. any is as in Config. The other cameras do not notice. It returns the cameras that are no more. After
// an error nothing has changed.
func (s *Supervisor) Replace(remove []frames.CameraID, add []Camera, any bool) (gone []frames.CameraID, err error) {
	for _, c := range add {
		if err := c.check(); err != nil {
			return nil, err
		}
		if s.has(c.ID) && !slices.Contains(remove, c.ID) {
			return nil, fmt.Errorf("camera %s: is there already", c.ID)
		}
	}
	var ending sync.WaitGroup
	for _, l := range s.takeOut(remove, add, any) {
		ending.Go(l.depart)
		stays := slices.ContainsFunc(add, func(c Camera) bool { return c.ID == l.ID || c.Detect != nil && c.ID.Detect() == l.ID })
		if !stays && !l.isDetect() {
			gone = append(gone, l.ID)
		}
	}
	ending.Wait() // the fragments of a camera that comes back follow those it had
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range add {
		s.put(c)
	}
	return gone, nil
}

// has says that the camera is configured. One that is there because anybody may publish is not.
func (s *Supervisor) has(id frames.CameraID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[id]
	return l != nil && !l.OpenPublish
}

// takeOut makes cameras unknown: no publisher is admitted to them from now on. Those that are there because anybody might
// publish go when nobody may any more, or when they are configured.
func (s *Supervisor) takeOut(remove []frames.CameraID, add []Camera, any bool) (out []*lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Any = any
	for id, l := range s.lanes {
		configured := slices.ContainsFunc(add, func(c Camera) bool { return c.ID == id })
		leaves := slices.ContainsFunc(remove, func(r frames.CameraID) bool { return id == r || id == r.Detect() })
		if l.OpenPublish {
			leaves = !any || configured
		}
		if !leaves {
			continue
		}
		if l.OpenPublish {
			s.any--
		}
		delete(s.lanes, id)
		out = append(out, l)
	}
	return out
}

// depart stops the camera's connection, and then what carries on what came of it. A camera that never ran has nothing to end.
func (l *lane) depart() {
	if l.cut == nil {
		return
	}
	l.cut()
	l.pulls.Wait()
	l.stop(ErrChanged)
	l.leave()
	l.rest.Wait()
}

func (l *lane) isDetect() bool {
	_, ok := l.states.(detectStates)
	return ok
}
