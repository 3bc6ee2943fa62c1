package vision

import "fmt"

// Limits of a photo for enrolment. They are stricter than those of a good face in a video: a template is what every
// face is compared with from then on.
const (
	enrolEyes = 20.0 // pixels between the eyes
	// enrolBystander is the part of the largest face's width below which another face is taken for a bystander in the
	// background. Above it nobody can tell whose photo it is.
	enrolBystander = 0.25
)

// NamedPicture is a photo, and the file it came from.
type NamedPicture struct {
	Name string
	Picture
}

// Finding is what is to be said of a photo for enrolment.
type Finding string

// The findings.
const (
	PhotoOK       Finding = "ok"
	NoFace        Finding = "no face"
	SeveralFaces  Finding = "several faces"
	FaceTooSmall  Finding = "too small"
	FaceBlurred   Finding = "blurred"
	FaceTurned    Finding = "turned away"
	FaceTruncated Finding = "cut off"
)

// Verdict says whether a photo serves as a template, and why not.
type Verdict struct {
	File    string  `json:"file"`
	Finding Finding `json:"finding"`
	Faces   int     `json:"faces"`
	Quality Quality `json:"quality"` // of the face, where there is exactly one
}

// OK reports whether the photo serves.
func (v Verdict) OK() bool { return v.Finding == PhotoOK }

// String is a sentence for people that names the file.
func (v Verdict) String() string {
	q := v.Quality
	switch v.Finding {
	case PhotoOK:
		return fmt.Sprintf("%s: ok, %.0f pixels between the eyes", v.File, q.EyeDistance)
	case NoFace:
		return v.File + ": no face found"
	case SeveralFaces:
		return fmt.Sprintf("%s: %d faces found, one wanted", v.File, v.Faces)
	case FaceTooSmall:
		return fmt.Sprintf("%s: face too small, %.0f pixels between the eyes, %.0f wanted", v.File, q.EyeDistance, enrolEyes)
	case FaceTurned:
		return fmt.Sprintf("%s: face turned away by %.0f°, at most %.0f° wanted", v.File, max(q.Yaw, -q.Yaw), DefaultLimits().MaxYaw)
	case FaceTruncated:
		return v.File + ": face cut off by the edge of the photo"
	default:
		return fmt.Sprintf("%s: face %s", v.File, v.Finding)
	}
}

// Enrol makes templates of photos of one person: one of each photo whose verdict is OK, in order. There is a verdict
// for each photo. An error means that a photo could not be looked at, which is no verdict about it.
func Enrol(engine Engine, photos []NamedPicture) (templates []Embedding, verdicts []Verdict, err error) {
	for _, photo := range photos {
		e, v, err := enrolOne(engine, photo)
		if err != nil {
			return nil, nil, fmt.Errorf("enrol %s: %w", photo.Name, err)
		}
		verdicts = append(verdicts, v)
		if v.OK() {
			templates = append(templates, e)
		}
	}
	return templates, verdicts, nil
}

func enrolOne(engine Engine, photo NamedPicture) (Embedding, Verdict, error) {
	v := Verdict{File: photo.Name}
	faces, err := engine.Detect(photo.Picture)
	if err != nil {
		return nil, v, fmt.Errorf("detect: %w", err)
	}
	faces = foreground(faces)
	v.Faces = len(faces)
	if len(faces) != 1 {
		v.Finding = NoFace
		if len(faces) > 1 {
			v.Finding = SeveralFaces
		}
		return nil, v, nil
	}
	e, q, err := engine.Embed(photo.Picture, faces[0])
	if err != nil {
		return nil, v, fmt.Errorf("embed: %w", err)
	}
	v.Quality, v.Finding = q, findingOf(q)
	return e, v, nil
}

// foreground drops bystanders.
func foreground(faces []Face) []Face {
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
	return kept
}

func findingOf(q Quality) Finding {
	good := DefaultLimits()
	switch {
	case q.EyeDistance < enrolEyes:
		return FaceTooSmall
	case q.Inside < good.MinInside:
		return FaceTruncated
	case max(q.Yaw, -q.Yaw) > good.MaxYaw:
		return FaceTurned
	case q.Sharpness < good.MinSharpness:
		return FaceBlurred
	}
	return PhotoOK
}
