package vision

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Limits of a photo for enrolment. They are stricter than those of a good face in a video: a template is what every
// face is compared with from then on.
const (
	enrolEyes = 20.0 // pixels between the eyes
	// enrolBystander is the part of the largest face's width below which another face is taken for a bystander in the
	// background. Above it nobody can tell whose photo it is.
	enrolBystander = 0.25
)

// NamedPicture is a photo, the file it came from, and which of its faces is meant.
type NamedPicture struct {
	Name string
	Face int    // counted from left to right, from 1; 0: the only one
	At   *Point // a place in the face that was chosen, ahead of Face: another detector may find other faces
	Picture
}

// Finding is what is to be said of a photo for enrolment.
type Finding string

// The findings. The last three come from comparing the photo with others, and an owner may know better.
const (
	PhotoOK       Finding = "ok"
	NoFace        Finding = "no face"
	SeveralFaces  Finding = "several faces"
	NoSuchFace    Finding = "no such face"
	FaceTooSmall  Finding = "too small"
	FaceBlurred   Finding = "blurred"
	FaceTurned    Finding = "turned away"
	FaceTruncated Finding = "cut off"
	FaceDark      Finding = "too dark"
	FaceBright    Finding = "too bright"
	FaceUnlike    Finding = "does not resemble the person's other photos"
	PhotosDiffer  Finding = "the photos do not resemble each other"
	FaceOfOther   Finding = "resembles somebody else"
)

// Verdict says whether a photo serves as a template, and why not.
type Verdict struct {
	File    string  `json:"file"`
	Finding Finding `json:"finding"`
	Faces   int     `json:"faces"`
	At      Point   `json:"at"`      // the middle of the face
	Quality Quality `json:"quality"` // of the face, where there is exactly one or one was chosen

	Doubt  Finding `json:"doubt,omitempty"`  // what was found and overruled
	Person string  `json:"person,omitempty"` // whom the face resembles, with FaceOfOther
	Score  float64 `json:"score,omitempty"`  // the cosine that FaceUnlike, PhotosDiffer or FaceOfOther rests on
}

// Candidate is a photo that may become a template.
type Candidate struct {
	Verdict
	Template Embedding // nil where the face itself does not serve
}

// OK reports whether the photo serves.
func (v Verdict) OK() bool { return v.Finding == PhotoOK }

// Overrule makes a photo serve that was refused for what comparing it has found. What is wrong with the face itself
// cannot be overruled.
func (v *Verdict) Overrule() {
	switch v.Finding {
	case FaceUnlike, PhotosDiffer, FaceOfOther:
		v.Doubt, v.Finding = v.Finding, PhotoOK
	}
}

// String is a sentence for people that names the file.
func (v Verdict) String() string { return v.File + ": " + v.Text() }

// Text is the same without the file.
func (v Verdict) Text() string {
	q := v.Quality
	switch v.Finding {
	case PhotoOK:
		text := fmt.Sprintf("ok, %.0f pixels between the eyes", q.EyeDistance)
		if v.Doubt != "" {
			text += ", although it " + v.compared(v.Doubt)
		}
		return text
	case NoFace:
		return "no face found"
	case SeveralFaces:
		return fmt.Sprintf("%d faces found, one wanted", v.Faces)
	case NoSuchFace:
		return fmt.Sprintf("the chosen face is not among the faces found, which are %d", v.Faces)
	case FaceTooSmall:
		return fmt.Sprintf("face too small, %.0f pixels between the eyes, %.0f wanted", q.EyeDistance, enrolEyes)
	case FaceTurned:
		return fmt.Sprintf("face turned away by %.0f°, at most %.0f° wanted", math.Abs(q.Yaw), DefaultLimits().MaxYaw)
	case FaceTruncated:
		return "face cut off by the edge of the photo"
	case FaceDark:
		return fmt.Sprintf("face too dark, mean grey %.2f, %.2f wanted", q.Light, DefaultLimits().MinLight)
	case FaceBright:
		return fmt.Sprintf("face too bright, mean grey %.2f, at most %.2f wanted", q.Light, DefaultLimits().MaxLight)
	case FaceBlurred:
		return fmt.Sprintf("face blurred, sharpness %.1f, %.0f wanted", q.Sharpness, DefaultLimits().MinSharpness)
	default:
		return v.compared(v.Finding)
	}
}

// Remedy says what whoever enrols can do about a photo that does not serve; empty where it does.
func (v Verdict) Remedy() string {
	if v.Finding == FaceOfOther {
		return fmt.Sprintf("enrol it as %s, or use --force if this is somebody else", v.Person)
	}
	return remedies[v.Finding]
}

var remedies = map[Finding]string{
	NoFace:        "take one from the front, upright, from nearer",
	SeveralFaces:  "crop the photo, or choose a face with --face N, counted from left to right",
	NoSuchFace:    "--face counts them from left to right, from 1",
	FaceTooSmall:  "use the photo in its full size, or one from nearer",
	FaceTurned:    "take one that looks into the camera",
	FaceTruncated: "take one that shows the whole head",
	FaceDark:      "take one with more light on the face",
	FaceBright:    "take one with less light on the face",
	FaceBlurred:   "take one that is in focus and does not move",
	FaceUnlike:    "leave it out, or use --force if this is the same person",
	PhotosDiffer:  "leave out those of others, or use --force if this is the same person",
}

func (v Verdict) compared(f Finding) string {
	switch f {
	case FaceOfOther:
		return fmt.Sprintf("resembles %s, cosine %.2f", v.Person, v.Score)
	case PhotosDiffer:
		return fmt.Sprintf("resembles no other of these photos, which do not agree whom they show, cosine at most %.2f", v.Score)
	default:
		return fmt.Sprintf("does not resemble the other photos of this person, cosine at most %.2f", v.Score)
	}
}

// Enrol looks at photos for enrolment by themselves, one after the other: Gallery.Admit compares them. An error means
// that a photo could not be looked at, which is no verdict about it.
func Enrol(engine Engine, photos []NamedPicture) ([]Candidate, error) {
	all := make([]Candidate, 0, len(photos))
	for _, photo := range photos {
		c, err := enrolOne(engine, photo)
		if err != nil {
			return nil, fmt.Errorf("enrol %s: %w", photo.Name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func enrolOne(engine Engine, photo NamedPicture) (Candidate, error) {
	c := Candidate{Verdict: Verdict{File: photo.Name}}
	faces, err := engine.Detect(photo.Picture, nil)
	if err != nil {
		return c, fmt.Errorf("detect: %w", err)
	}
	faces = Foreground(faces)
	c.Faces = len(faces)
	face, finding := photo.choose(faces)
	if finding != PhotoOK {
		c.Finding = finding
		return c, nil
	}
	e, q, err := engine.Embed(photo.Picture, face)
	if err != nil {
		return c, fmt.Errorf("embed: %w", err)
	}
	c.At = middle(face)
	c.Quality, c.Finding = q, findingOf(q)
	if c.OK() {
		c.Template = e
	}
	return c, nil
}

// choose is the face that is meant, which is there with PhotoOK only.
func (p NamedPicture) choose(faces []Face) (Face, Finding) {
	switch {
	case len(faces) == 0:
		return Face{}, NoFace
	case p.At != nil:
		return nearestAt(faces, *p.At)
	case p.Face < 0 || p.Face > len(faces):
		return Face{}, NoSuchFace
	case p.Face > 0:
		return faces[p.Face-1], PhotoOK
	case len(faces) > 1:
		return Face{}, SeveralFaces
	}
	return faces[0], PhotoOK
}

// nearestAt is the face around at; of several the one whose middle is nearest.
func nearestAt(faces []Face, at Point) (Face, Finding) {
	away := func(f Face) float64 { return math.Hypot(middle(f).X-at.X, middle(f).Y-at.Y) }
	f := slices.MinFunc(faces, func(a, b Face) int { return cmp.Compare(away(a), away(b)) })
	if at.X < f.Box.X || at.X > f.Box.X+f.Box.W || at.Y < f.Box.Y || at.Y > f.Box.Y+f.Box.H {
		return Face{}, NoSuchFace
	}
	return f, PhotoOK
}

func middle(f Face) Point {
	x, y := f.Box.centre()
	return Point{X: x, Y: y}
}

// Foreground are the faces that a photo may have been taken of, from left to right: NamedPicture.Face counts them.
// Bystanders, whose faces are much smaller than the largest, are left out.
func Foreground(faces []Face) []Face {
	largest := 0.0
	for _, f := range faces {
		largest = max(largest, f.Box.W)
	}
	kept := make([]Face, 0, len(faces))
	for _, f := range faces {
		if f.Box.W >= largest*enrolBystander {
			kept = append(kept, f)
		}
	}
	slices.SortFunc(kept, func(a, b Face) int { return cmp.Compare(middle(a).X, middle(b).X) })
	return kept
}

func findingOf(q Quality) Finding {
	good := DefaultLimits()
	switch {
	case q.EyeDistance < enrolEyes:
		return FaceTooSmall
	case q.Inside < good.MinInside:
		return FaceTruncated
	case math.Abs(q.Yaw) > good.MaxYaw:
		return FaceTurned
	case q.Light < good.MinLight:
		return FaceDark
	case q.Light > good.MaxLight:
		return FaceBright
	case q.Sharpness < good.MinSharpness:
		return FaceBlurred
	}
	return PhotoOK
}
