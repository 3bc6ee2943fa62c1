package alerts

import (
	"encoding/json"
	"testing"
	"time"

	"vigil/vision"
)

type noLinks struct{}

func (noLinks) Shot(string) string    { return "" }
func (noLinks) Clip(string) string    { return "" }
func (noLinks) Console(string) string { return "" }

// What is kept beside the clip tells how good the face in the best shot was.
func TestRecordHasTheBestShotsQuality(t *testing.T) {
	at := time.Date(2026, 11, 22, 20, 15, 0, 0, time.UTC)
	e := Evaluator{Rules: []Rule{Strangers()}, Links: noLinks{}}
	sighting := func(second int, score float64) vision.Sighting {
		s := vision.Sighting{
			Camera: "door", Track: "door/e1/0-1", Stranger: "s-1", Start: at, Seen: at.Add(time.Duration(second) * time.Second),
			Decision: vision.Decision{Outcome: vision.Unknown},
		}
		if score > 0 {
			s.Shot = &vision.Shot{Key: "shots/1.jpg", Quality: vision.Quality{EyeDistance: 40, Pitch: -3, Detector: 0.9, Score: score}}
		}
		return s
	}
	for name, scores := range map[string][2]float64{"better later": {0.3, 0.8}, "better first": {0.8, 0.3}, "no shot": {}} {
		v, err := e.Opened(sighting(1, scores[0]), Strangers(), 1)
		if err != nil {
			t.Fatal(err)
		}
		last := sighting(2, scores[1])
		last.Ended = true
		if v, err = e.Sighted(v, last); err != nil || v.Job == nil {
			t.Fatalf("%s: got job %v, %v", name, v.Job, err)
		}
		var record struct {
			ID      string          `json:"id"`
			Quality *vision.Quality `json:"best_shot_quality"`
		}
		if err := json.Unmarshal(v.Job.Record, &record); err != nil || record.ID != v.Alert.ID {
			t.Fatalf("%s: got %s, %v", name, v.Job.Record, err)
		}
		if name == "no shot" {
			if record.Quality != nil {
				t.Errorf("%s: got %+v", name, record.Quality)
			}
			continue
		}
		if want := (vision.Quality{EyeDistance: 40, Pitch: -3, Detector: 0.9, Score: 0.8}); record.Quality == nil || *record.Quality != want {
			t.Errorf("%s: got %s, want %+v", name, v.Job.Record, want)
		}
	}
}
