package vision

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// explained plays a scene with a configuration's hash, and returns the observations.
func explained(t *testing.T, to float64, s *stageSet) []Observation {
	t.Helper()
	a, err := NewAnalysis(AnalysisConfig{
		Camera: "door", Engine: s.engine, Gallery: s.roster.Gallery, Strangers: s.strangers, ConfigHash: "c0ffee",
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(s.play(t, a, 0, to, nil), a.End()...)
}

func TestEvidenceSaysWhy(t *testing.T) {
	s := newStage(t, enrolled(t, "anna", "ben", "cid", "dan", "eve", "fay"), actor{
		name: "anna", from: 0, to: 12, where: stand(0.4, 0.3), quality: func(s float64) Quality {
			q := clear64
			switch {
			case s > 9:
				q.Yaw = 62.2351
			case s > 6:
				q.Sharpness = 5
			}
			return q
		},
	})
	var stages []string
	for _, o := range explained(t, 14, s) {
		if (o.Evidence == nil) != strings.HasPrefix(o.Stage, "seen-") {
			t.Errorf("%s: got evidence %v", o.Stage, o.Evidence)
		}
		if o.Evidence == nil {
			continue
		}
		stages = append(stages, o.Stage)
		e := o.Evidence
		if e.Gate != GateMatch || e.Gate != o.Decision.Gate || e.Reason != o.Decision.Reason || e.Held {
			t.Errorf("%s: got %s, %s of %+v", o.Stage, e.Gate, e.Reason, o.Decision)
		}
		if e.Model != "test-1" || e.Threshold != 0.4 || e.Margin != 0.06 || e.Enrolled != 6 || e.Config != "c0ffee" {
			t.Errorf("%s: got %+v", o.Stage, e)
		}
		if len(e.Fused) != 5 || e.Fused[0].Person != "anna" || math.Abs(e.Fused[0].Score-o.Decision.Score) > 0.001 ||
			math.Abs(e.Fused[0].Score-e.Fused[1].Score-o.Decision.Margin) > 0.002 {
			t.Errorf("%s: got fused %v, decided %+v", o.Stage, e.Fused, o.Decision)
		}
		checkShots(t, o)
	}
	if !slices.Equal(stages, []string{"decided", "ended"}) {
		t.Errorf("got evidence with %v", stages)
	}
}

func checkShots(t *testing.T, o Observation) {
	t.Helper()
	weight, limits := 0.0, map[string]int{}
	for i, s := range o.Evidence.Shots {
		weight += s.Weight
		limits[s.Limit]++
		if i > 0 && !s.Time.After(o.Evidence.Shots[i-1].Time) {
			t.Errorf("%s: shots are not in order of time", o.Stage)
		}
		if (s.Weight > 0) != (s.Limit == "") {
			t.Errorf("%s: shot refused by %q weighs %v", o.Stage, s.Limit, s.Weight)
		}
		if s.Limit == "usable_yaw" && (len(s.Scores) > 0 || s.Quality.Yaw != 62.235) {
			t.Errorf("%s: a face that was not compared: got %+v", o.Stage, s)
		}
		if s.Limit == "" && (len(s.Scores) != 5 || s.Scores[0].Person != "anna") {
			t.Errorf("%s: a good shot: got %+v", o.Stage, s)
		}
	}
	if math.Abs(weight-1) > 0.01 {
		t.Errorf("%s: the weights' sum is %v", o.Stage, weight)
	}
	switch {
	case o.Stage == "decided" && (len(o.Evidence.Shots) != 2 || limits[""] != 2):
		t.Errorf("decided: got %v", limits)
	case o.Ended && (limits["min_sharpness"] == 0 || limits["usable_yaw"] == 0 && len(o.Evidence.Shots) < maxShots):
		t.Errorf("ended: got %v", limits)
	}
}

func TestEvidenceOfATrackWithoutAGoodFace(t *testing.T) {
	tiny := clear64
	tiny.EyeDistance = 8
	s := newStage(t, enrolled(t, "anna"), actor{
		name: "zoe", from: 0, to: 9, where: stand(0.4, 0.3), quality: func(float64) Quality { return tiny },
	})
	all := explained(t, 11, s)
	e := all[0].Evidence
	if len(all) != 1 || e == nil || e.Gate != GateNoFace || len(e.Fused) != 0 || len(e.Shots) == 0 || len(e.Shots) > maxShots {
		t.Fatalf("got %v, %+v", ids(all), e)
	}
	for _, shot := range e.Shots {
		if shot.Limit != "usable_eye_distance" || shot.Weight != 0 || shot.Scores == nil {
			t.Errorf("got %+v", shot)
		}
	}
}

// Known stays known while somebody turns to mush; the evidence tells both.
func TestEvidenceOfAnAnswerThatIsHeld(t *testing.T) {
	s := newStage(t, enrolled(t, "anna"), actor{name: "anna", from: 0, to: 9, where: stand(0.4, 0.3)})
	a := s.analysis(t)
	all := s.play(t, a, 0, 11, func(at float64) {
		if at >= 4 { // her photos were replaced by others, in which nobody would know her
			g, err := NewGallery(testModel, 0, []Person{{"anna", []Embedding{lookOf("somebody", 1)}}})
			if err != nil {
				t.Fatal(err)
			}
			s.roster.Set(g)
		}
	})
	all = append(all, a.End()...)
	last := all[len(all)-1]
	if last.Decision.Person != "anna" || !last.Evidence.Held || last.Evidence.Gate != GateBelow {
		t.Errorf("got %+v, %+v", last.Decision, last.Evidence)
	}
}

func TestEvidenceIsSmall(t *testing.T) {
	const most = 8 << 10
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("%02d %s", i, strings.Repeat("ж", 90)))
	}
	s := newStage(t, enrolled(t, names...), actor{
		name: names[0], from: 0, to: 30, where: stand(0.4, 0.3), quality: func(s float64) Quality {
			q := clear64
			for i, v := range []*float64{&q.EyeDistance, &q.Sharpness, &q.Yaw, &q.Roll, &q.Pitch, &q.Light} {
				*v += math.Sin(s*float64(i+3)) / 3
			}
			q.Score = 0.3 + s/60
			return q
		},
	})
	all := explained(t, 32, s)
	last := all[len(all)-1]
	if len(last.Evidence.Shots) != maxShots || len(last.Evidence.Shots[0].Scores) != evidencePeople {
		t.Fatalf("got %d shots", len(last.Evidence.Shots))
	}
	text, err := json.Marshal(last.Sighting)
	if err != nil || len(text) > most {
		t.Errorf("got %d bytes, %v, want at most %d", len(text), err, most)
	}
	t.Logf("a sighting of %d shots and %d people each, with the longest names: %d bytes", maxShots, evidencePeople, len(text))
	if name := last.Evidence.Fused[0].Person; !strings.HasPrefix(names[0], strings.TrimSuffix(name, "…")) || len(name) > evidenceName+3 {
		t.Errorf("got name %q", name)
	}
}
