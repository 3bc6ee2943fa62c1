package main

import "time"

// clockTolerance is by how much a camera's clock may be off before it is told.
const clockTolerance = 5 * time.Second

// The JSON of `vigil cameras discover`, one device a line.
type (
	deviceJSON struct {
		Address      string       `json:"address"`
		Service      string       `json:"service"`
		Name         string       `json:"name,omitempty"`
		Manufacturer string       `json:"manufacturer,omitempty"`
		Model        string       `json:"model,omitempty"`
		ClockAhead   float64      `json:"clock_ahead_s"`
		Streams      []streamJSON `json:"streams"`
		Cameras      []cameraJSON `json:"cameras"` // for the configuration
		Warnings     []string     `json:"warnings,omitempty"`
		Error        string       `json:"error,omitempty"`
	}
	streamJSON struct {
		Profile string  `json:"profile"`
		Source  string  `json:"source,omitempty"`
		Codec   string  `json:"codec,omitempty"`
		Width   int     `json:"width"`
		Height  int     `json:"height"`
		Rate    float64 `json:"rate,omitempty"`
		URL     string  `json:"url,omitempty"`
		Warning string  `json:"warning,omitempty"`
	}
	cameraJSON struct {
		ID      string `json:"id"`
		URL     string `json:"url"`
		URLFile string `json:"url_file,omitempty"`
		Warning string `json:"warning,omitempty"`
	}
)

func (s *sheet) printJSON(g *Globals, c camerasDiscover) error {
	for _, d := range s.devices {
		out := deviceJSON{
			Address: d.Device.Addr.String(), Service: d.Device.Service, Name: d.Device.Name,
			Manufacturer: d.Manufacturer, Model: d.Model, ClockAhead: d.Skew.Seconds(), Warnings: d.Device.Warnings,
			Streams: []streamJSON{}, Cameras: []cameraJSON{},
		}
		if d.err != nil {
			out.Error = d.err.Error()
		}
		for _, stream := range d.Streams {
			out.Streams = append(out.Streams, streamJSON{
				Profile: stream.Profile, Source: stream.Source, Codec: stream.Codec, Width: stream.Width, Height: stream.Height,
				Rate: stream.Rate, URL: s.shown(stream), Warning: stream.Warning,
			})
		}
		for _, e := range d.entries {
			camera := cameraJSON{ID: e.id, URL: s.shown(e.stream), Warning: e.stream.Warning}
			if c.Plain && !e.suspect() {
				camera.URL = s.whole(e.stream)
			}
			camera.URLFile = s.files[e.id]
			out.Cameras = append(out.Cameras, camera)
		}
		if err := g.print(out); err != nil {
			return err
		}
	}
	return nil
}
