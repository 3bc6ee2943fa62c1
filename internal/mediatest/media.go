package mediatest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

//go:generate go run ./gen -dir media

//go:embed media
var media embed.FS

// Truth says who walks through a clip, and when.
type Truth struct {
	Width   int         `json:"w"`
	Height  int         `json:"h"`
	FPS     int         `json:"fps"`
	Seconds float64     `json:"seconds"`
	Passes  []TruthPass `json:"passes"`
}

// TruthPass is one pass through a clip; times are in seconds from its start.
type TruthPass struct {
	Person string  `json:"person"`
	Enter  float64 `json:"enter"`
	Leave  float64 `json:"leave"`
	Height float64 `json:"height"` // of the face, as a fraction of the picture's height
}

// Truth describes the scene.
func (s Scene) Truth() Truth {
	t := Truth{Width: s.Width, Height: s.Height, FPS: s.FPS, Seconds: s.Length.Seconds()}
	for _, p := range s.Passes {
		t.Passes = append(t.Passes, TruthPass{
			Person: strings.ToLower(p.Person.Name), Enter: p.Enter.Seconds(), Leave: p.Leave.Seconds(), Height: p.Height,
		})
	}
	return t
}

// Clip returns the embedded clip of a scene, "walk" or "solo", as an MP4 file. The caller must not change it.
func Clip(name string) ([]byte, error) {
	b, err := media.ReadFile("media/" + name + ".mp4")
	if err != nil {
		return nil, fmt.Errorf("clip %q: %w", name, err)
	}
	return b, nil
}

// Open returns the embedded clip as a file to read.
func Open(name string) (io.ReadSeeker, error) {
	b, err := Clip(name)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(b), nil
}

// ClipTruth returns who walks through the embedded clip.
func ClipTruth(name string) (Truth, error) {
	var t Truth
	b, err := media.ReadFile("media/" + name + ".truth.json")
	if err != nil {
		return t, fmt.Errorf("truth of clip %q: %w", name, err)
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return t, fmt.Errorf("truth of clip %q: %w", name, err)
	}
	return t, nil
}
