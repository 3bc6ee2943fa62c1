package mqtt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"vigil/alerts"
	"vigil/frames"
	"vigil/vision"
)

// Visits are where the house's visits are read.
type Visits interface {
	// Get returns alerts.ErrNotFound when there is none.
	Get(ctx context.Context, alert string) (alerts.Visit, error)
	List(ctx context.Context) ([]alerts.Visit, error)
}

// presence is who is there and what was last, by camera. It is read from the store, not added up from events: those may
// come late and again.
type presence struct {
	visits Visits
	links  alerts.Links

	mu     sync.Mutex
	loaded bool
	open   map[frames.CameraID]map[string]bool // alerts of strangers who are there
	last   map[frames.CameraID]latest
}

// latest is a camera's latest alert as its topics tell it.
type latest struct{ id, alert, shot string }

// reload reads everything anew at the next look, and so makes links that live from then on.
func (p *presence) reload() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded = false
}

// load reads all visits, if need be.
func (p *presence) load(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded {
		return nil
	}
	all, err := p.visits.List(ctx)
	if err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	p.open, p.last = map[frames.CameraID]map[string]bool{}, map[frames.CameraID]latest{}
	for _, v := range all {
		if err := p.take(v); err != nil {
			return err
		}
	}
	p.loaded = true
	return nil
}

// changed looks at an alert of which something was told.
func (p *presence) changed(ctx context.Context, alert string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.loaded {
		return nil
	}
	v, err := p.visits.Get(ctx, alert)
	if errors.Is(err, alerts.ErrNotFound) { // erased; what else it was of is read anew
		p.loaded = false
		return nil
	}
	if err != nil {
		p.loaded = false
		return fmt.Errorf("read alert %s: %w", alert, err)
	}
	return p.take(v)
}

func (p *presence) take(v alerts.Visit) error {
	camera, id := v.Alert.Camera, v.Alert.ID
	if p.open[camera] == nil {
		p.open[camera] = map[string]bool{}
	}
	delete(p.open[camera], id)
	if v.Open() && v.Alert.Decision == vision.Unknown {
		p.open[camera][id] = true
	}
	if id < p.last[camera].id { // an alert's id begins with its time
		return nil
	}
	data := v.Data(p.links)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // people read it, and the & of links
	if err := encoder.Encode(data); err != nil {
		return fmt.Errorf("alert %s: %w", id, err)
	}
	p.last[camera] = latest{id: id, alert: string(bytes.TrimSpace(text.Bytes())), shot: data.Alert.BestShotURL}
	return nil
}

// topics are what the camera's retained topics should say.
func (p *presence) topics(n names, s frames.CameraState) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	say := map[string]string{
		n.of(s.Camera, leafOnline):   onOff(s.Online),
		n.of(s.Camera, leafStranger): onOff(len(p.open[s.Camera]) > 0),
	}
	if l, ok := p.last[s.Camera]; ok {
		say[n.of(s.Camera, leafAlert)] = l.alert
		say[n.of(s.Camera, leafBestShot)] = l.shot // empty: that of the alert before is none of this one
	}
	return say
}
