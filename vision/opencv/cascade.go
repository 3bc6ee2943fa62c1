//go:build !nocv

package opencv

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// cascadesDir is where Debian's opencv-data lies.
const cascadesDir = "/usr/share/opencv4/haarcascades"

// The cascades' settings.
const (
	cascadeSide   = 480  // longer side of the grey picture that is searched
	cascadeBorder = 0.15 // part of the picture put around it, for faces that fill it
	cascadeStep   = 1.1  // from one size to the next
	// Neighbours is how many of the windows around a face must agree. OpenCV's examples use 3; at 6 walls and
	// clothes raise none in an hour of drawn rooms, and drawn faces and portraits are still found.
	faceNeighbours = 6
	faceLeast      = 30 // pixels
	eyeNeighbours  = 3
	// The cascade's own confidence is not to be had from gocv v0.31.0, so the score says whether eyes were found in
	// the face: a pattern that looks like a face to the cascade rarely has them.
	scoreEyes = 0.9
	scoreFace = 0.7
)

// cascades finds faces with Haar cascades.
type cascades struct {
	faces, eyes gocv.CascadeClassifier
	grey        gocv.Mat
	canvas      *canvas
}

func openCascades(dir string) (*cascades, error) {
	if dir == "" {
		dir = cascadesDir
	}
	c := &cascades{
		faces: gocv.NewCascadeClassifier(), eyes: gocv.NewCascadeClassifier(), grey: gocv.NewMat(), canvas: newCanvas(),
	}
	for file, classifier := range map[string]*gocv.CascadeClassifier{
		"haarcascade_frontalface_alt2.xml": &c.faces, "haarcascade_eye.xml": &c.eyes,
	} {
		path := filepath.Join(dir, file)
		// Looked at first: OpenCV answers a missing file and a broken one alike.
		if _, err := os.Stat(path); err != nil {
			return nil, errors.Join(fmt.Errorf("cascade: %w (Debian package opencv-data)", err), c.close())
		}
		if !classifier.Load(path) {
			return nil, errors.Join(fmt.Errorf("cascade %s: not readable by OpenCV (Debian package opencv-data)", path), c.close())
		}
	}
	return c, nil
}

func (c *cascades) close() error {
	return errors.Join(c.faces.Close(), c.eyes.Close(), c.grey.Close(), c.canvas.close())
}

// detect returns the faces, largest first.
func (c *cascades) detect(picture gocv.Mat) ([]vision.Face, error) {
	gocv.CvtColor(picture, &c.grey, gocv.ColorBGRToGray)
	l := fitted(picture.Cols(), picture.Rows(), cascadeSide, cascadeBorder, 2, 1)
	input, err := c.canvas.draw(c.grey, l, gocv.MatTypeCV8UC1)
	if err != nil {
		return nil, err
	}
	boxes := c.faces.DetectMultiScaleWithParams(input, cascadeStep, faceNeighbours, 0, image.Pt(faceLeast, faceLeast), image.Point{})
	// OpenCV collects from windows in no promised order.
	slices.SortFunc(boxes, func(a, b image.Rectangle) int {
		return cmp.Or(cmp.Compare(b.Dx(), a.Dx()), cmp.Compare(a.Min.X, b.Min.X), cmp.Compare(a.Min.Y, b.Min.Y))
	})
	faces := make([]vision.Face, 0, len(boxes))
	for _, box := range boxes {
		f, err := c.face(input, box)
		if err != nil {
			return nil, err
		}
		faces = append(faces, inPicture(f, l, picture.Cols(), picture.Rows()))
	}
	return faces, nil
}

// face makes a face of a box, all in pixels of the input, with landmarks placed by the eyes where they are found and
// by the box where not.
func (c *cascades) face(input gocv.Mat, box image.Rectangle) (vision.Face, error) {
	side := float64(box.Dx())
	f := vision.Face{
		Box:   vision.Box{X: float64(box.Min.X), Y: float64(box.Min.Y), W: side, H: float64(box.Dy())},
		Score: scoreFace,
	}
	// Where the cascade's box has the eyes of a face that looks into the camera.
	right := [2]float64{f.Box.X + 0.31*side, f.Box.Y + 0.385*side}
	left := [2]float64{f.Box.X + 0.69*side, f.Box.Y + 0.385*side}
	r, l, ok, err := c.findEyes(input, box)
	if err != nil {
		return f, err
	}
	if ok {
		right, left, f.Score = r, l, scoreEyes
	}
	template := vision.Template()
	s, err := fit(template[:2], [][2]float64{right, left})
	if err != nil {
		return f, err
	}
	for i, p := range template {
		q := s.apply(p)
		f.Landmarks[i] = vision.Point{X: q[0], Y: q[1]}
	}
	return f, nil
}

// findEyes looks for an eye in each half of the face's upper part, and takes the pair that lies as eyes do.
func (c *cascades) findEyes(input gocv.Mat, box image.Rectangle) (right, left [2]float64, ok bool, err error) {
	side := float64(box.Dx())
	upper := image.Rect(box.Min.X, box.Min.Y+int(0.15*side), box.Max.X, box.Min.Y+int(0.6*side)).
		Intersect(image.Rect(0, 0, input.Cols(), input.Rows()))
	if upper.Dx() < 20 || upper.Dy() < 20 { // the cascade's window
		return right, left, false, nil
	}
	region := input.Region(upper)
	found := c.eyes.DetectMultiScaleWithParams(region, 1.1, eyeNeighbours, 0,
		image.Pt(int(0.15*side), int(0.15*side)), image.Pt(int(0.45*side), int(0.45*side)))
	if err := region.Close(); err != nil {
		return right, left, false, err
	}
	slices.SortFunc(found, func(a, b image.Rectangle) int {
		return cmp.Or(cmp.Compare(a.Min.X, b.Min.X), cmp.Compare(a.Min.Y, b.Min.Y), cmp.Compare(a.Dx(), b.Dx()))
	})
	best := math.Inf(1)
	for i, a := range found {
		for _, b := range found[i+1:] {
			ac, bc := centre(a, upper.Min), centre(b, upper.Min)
			if off := unlikely(ac, bc, box); off < best {
				best, right, left = off, ac, bc
			}
		}
	}
	return right, left, best < 0.2, nil
}

func centre(r image.Rectangle, at image.Point) [2]float64 {
	return [2]float64{float64(at.X) + float64(r.Min.X+r.Max.X)/2, float64(at.Y) + float64(r.Min.Y+r.Max.Y)/2}
}

// unlikely is how far two points lie from where eyes should be in the box, in parts of its side.
func unlikely(right, left [2]float64, box image.Rectangle) float64 {
	side, x, y := float64(box.Dx()), float64(box.Min.X), float64(box.Min.Y)
	return math.Hypot(right[0]-x-0.31*side, right[1]-y-0.385*side)/side +
		math.Hypot(left[0]-x-0.69*side, left[1]-y-0.385*side)/side
}

// inPicture turns pixels of the input into fractions of the picture.
func inPicture(f vision.Face, l layout, w, h int) vision.Face {
	sx, sy := 1/(l.scale*float64(w)), 1/(l.scale*float64(h))
	f.Box = vision.Box{
		X: (f.Box.X - float64(l.x)) * sx, Y: (f.Box.Y - float64(l.y)) * sy, W: f.Box.W * sx, H: f.Box.H * sy,
	}
	for i, p := range f.Landmarks {
		f.Landmarks[i] = vision.Point{X: (p.X - float64(l.x)) * sx, Y: (p.Y - float64(l.y)) * sy}
	}
	return f
}
