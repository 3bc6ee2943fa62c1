package vision

import (
	"strings"
	"testing"
)

func TestEnrol(t *testing.T) {
	photo := func(file string, pts int64) NamedPicture { return NamedPicture{Name: file, Picture: picture(pts)} }
	// A second of the scene for each photo.
	in := func(s int) (from, to float64) { return float64(s), float64(s) + 1 }
	var actors []actor
	add := func(s int, spoil func(*Quality), where func(float64) Box) {
		from, to := in(s)
		q := clear64
		spoil(&q)
		actors = append(actors, actor{
			name: "anna", from: from, to: to, where: where, quality: func(float64) Quality { return q },
		})
	}
	fine := func(*Quality) {}
	add(1, fine, stand(0.4, 0.4))
	add(2, fine, stand(0.2, 0.4))
	add(2, fine, stand(0.6, 0.4))
	add(3, func(q *Quality) { q.EyeDistance = 11 }, stand(0.4, 0.4))
	add(4, func(q *Quality) { q.Sharpness = 2 }, stand(0.4, 0.4))
	add(5, func(q *Quality) { q.Yaw = -50 }, stand(0.4, 0.4))
	add(6, func(q *Quality) { q.Inside = 0.6 }, stand(0.4, 0.4))
	add(7, fine, stand(0.4, 0.4))
	add(7, fine, func(float64) Box { return Box{0.9, 0.1, 0.02, 0.03} }) // on a poster
	add(8, func(q *Quality) { q.Light = 0.02 }, stand(0.4, 0.4))
	add(9, func(q *Quality) { q.Light = 0.99 }, stand(0.4, 0.4))
	files := []string{
		"void.jpg", "1.jpg", "two.jpg", "far.jpg", "soft.jpg", "side.jpg", "edge.jpg", "7.jpg", "night.jpg", "flash.jpg",
	}
	want := []Finding{
		NoFace, PhotoOK, SeveralFaces, FaceTooSmall, FaceBlurred, FaceTurned, FaceTruncated, PhotoOK, FaceDark, FaceBright,
	}
	var photos []NamedPicture
	for i, file := range files {
		photos = append(photos, photo(file, int64(i)*90000))
	}
	engine := &fakeEngine{actors: actors}
	got, err := Enrol(engine, photos)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d verdicts, %v", len(got), err)
	}
	for i, c := range got {
		if c.Finding != want[i] || !strings.HasPrefix(c.String(), files[i]+": ") || c.OK() != (want[i] == PhotoOK) {
			t.Errorf("%s: got %s (%s), want %s", files[i], c.Finding, c, want[i])
		}
		if c.OK() != (c.Remedy() == "") {
			t.Errorf("%s: got remedy %q", files[i], c.Remedy())
		}
		if c.OK() != (c.Template != nil) {
			t.Errorf("%s: got a template of %d numbers", files[i], len(c.Template))
		}
	}
	engine.blind = func(float64) bool { return true }
	if _, err := Enrol(engine, photos); err == nil || !strings.Contains(err.Error(), "void.jpg") {
		t.Errorf("broken detector: got %v, want an error that names the file", err)
	}
	engine.blind, engine.mute = nil, true
	if _, err := Enrol(engine, photos); err == nil || !strings.Contains(err.Error(), "1.jpg") {
		t.Errorf("broken embedder: got %v, want an error that names the file", err)
	}
}

// group is a photo of three people: bob, anna and cid from left to right, found in another order.
func group() *fakeEngine {
	var actors []actor
	for name, x := range map[string]float64{"bob": 0.1, "anna": 0.4, "cid": 0.7} {
		actors = append(actors, actor{name: name, to: 1, where: stand(x, 0.4)})
	}
	return &fakeEngine{actors: actors}
}

func TestEnrolChoosesAFace(t *testing.T) {
	for name, c := range map[string]struct {
		face int
		at   *Point
		want Finding
		who  string
	}{
		"none":        {0, nil, SeveralFaces, ""},
		"leftmost":    {1, nil, PhotoOK, "bob"},
		"second":      {2, nil, PhotoOK, "anna"},
		"rightmost":   {3, nil, PhotoOK, "cid"},
		"too many":    {4, nil, NoSuchFace, ""},
		"negative":    {-1, nil, NoSuchFace, ""},
		"chosen once": {1, &Point{0.71, 0.41}, PhotoOK, "cid"},
		"gone":        {1, &Point{0.95, 0.95}, NoSuchFace, ""},
	} {
		photo := NamedPicture{Name: "group.jpg", Face: c.face, At: c.at, Picture: picture(0)}
		got, err := Enrol(group(), []NamedPicture{photo})
		if err != nil || got[0].Finding != c.want || got[0].Faces != 3 {
			t.Fatalf("%s: got %+v, %v", name, got, err)
		}
		if c.who != "" && got[0].Template.Dot(lookOf(c.who, 0)) < 0.99 {
			t.Errorf("%s: got another face than %s's", name, c.who)
		}
		if c.want != PhotoOK {
			continue
		}
		// The place on record leads to the same face again.
		again, err := Enrol(group(), []NamedPicture{{Name: "group.jpg", At: &got[0].At, Picture: picture(0)}})
		if err != nil || again[0].Template.Dot(got[0].Template) < 0.99 {
			t.Errorf("%s: got %+v, %v from its place", name, again, err)
		}
	}
	if got := (Verdict{Finding: SeveralFaces}).Remedy(); !strings.Contains(got, "--face N") {
		t.Errorf("got %q, want how to choose", got)
	}
	if got := (Verdict{File: "a", Finding: SeveralFaces, Faces: 3}).String(); !strings.Contains(got, "a: 3 faces") {
		t.Errorf("got %q, want how many", got)
	}
}
