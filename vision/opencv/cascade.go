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
	// faceNeighbours is how many of the windows around a face must agree. OpenCV's examples use 3. With 6 the cascade
	// raises no face where there is none in 96 s of drawn rooms, and finds every one of 240 portraits.
	faceNeighbours = 6
	faceLeast      = 30 // pixels
	eyeNeighbours  = 3
	eyeWindow      = 20  // pixels, the eye cascade's
	eyesSide       = 160 // width of a face's upper part when eyes are looked for in it
	// The cascade's own confidence is not to be had from gocv v0.31.0, so the score says whether eyes were found in
	// the face: a pattern that looks like a face to the cascade rarely has them.
	scoreEyes = 0.9
	scoreFace = 0.7
)

// cascades finds faces with Haar cascades.
type cascades struct {
	faces, eyes gocv.CascadeClassifier
	canvas      canvas
	grey        gocv.Mat // of the canvas, or of a face's upper part
	upper       gocv.Mat // the latter at the size that eyes are looked for in
	part        []byte   // the latter's pixels, packed BGR
}

func openCascades(dir string) (*cascades, error) {
	if dir == "" {
		dir = cascadesDir
	}
	c := &cascades{
		faces: gocv.NewCascadeClassifier(), eyes: gocv.NewCascadeClassifier(), grey: gocv.NewMat(), upper: gocv.NewMat(),
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
	return errors.Join(c.faces.Close(), c.eyes.Close(), c.grey.Close(), c.upper.Close())
}

// detect appends the faces, largest first.
func (c *cascades) detect(p vision.Picture, faces []vision.Face) ([]vision.Face, error) {
	l := fitted(p.Width, p.Height, cascadeSide, cascadeBorder, 2, 1)
	input, err := c.canvas.draw(p, l)
	if err != nil {
		return nil, err
	}
	if err := c.toGrey(input, l.width, l.height); err != nil {
		return nil, err
	}
	boxes := c.faces.DetectMultiScaleWithParams(c.grey, cascadeStep, faceNeighbours, 0, image.Pt(faceLeast, faceLeast), image.Point{})
	// OpenCV collects from windows in no promised order.
	slices.SortFunc(boxes, func(a, b image.Rectangle) int {
		return cmp.Or(cmp.Compare(b.Dx(), a.Dx()), cmp.Compare(a.Min.X, b.Min.X), cmp.Compare(a.Min.Y, b.Min.Y))
	})
	for _, b := range boxes {
		f, err := c.face(p, rect{
			x: (float64(b.Min.X) - float64(l.x)) / l.scale, y: (float64(b.Min.Y) - float64(l.y)) / l.scale,
			side: float64(b.Dx()) / l.scale,
		})
		if err != nil {
			return nil, err
		}
		faces = append(faces, f)
	}
	return faces, nil
}

// toGrey leaves the grey of packed BGR in c.grey.
func (c *cascades) toGrey(bgr []byte, width, height int) error {
	var v view
	if err := v.open(bgr, width, height); err != nil {
		return err
	}
	gocv.CvtColor(v.Mat, &c.grey, gocv.ColorBGRToGray)
	return v.close()
}

// rect is a cascade's square, in pixels of the picture.
type rect struct{ x, y, side float64 }

// eyes is where the square has the eyes of a face that looks into the camera: the median of 240 faces.
func (r rect) eyes() (right, left [2]float64) {
	y := r.y + 0.39*r.side
	return [2]float64{r.x + 0.29*r.side, y}, [2]float64{r.x + 0.69*r.side, y}
}

// face makes a face of a square, with landmarks placed by the eyes where they are found and by the square where not.
func (c *cascades) face(p vision.Picture, box rect) (vision.Face, error) {
	f := vision.Face{Score: scoreFace}
	right, left, ok, err := c.findEyes(p, box)
	if err != nil {
		return f, err
	}
	if ok {
		f.Score = scoreEyes
	} else {
		right, left = box.eyes()
	}
	template := vision.Template()
	s, err := fit(template[:2], [][2]float64{right, left})
	if err != nil {
		return f, err
	}
	w, h := float64(p.Width), float64(p.Height)
	f.Box = vision.Box{X: box.x / w, Y: box.y / h, W: box.side / w, H: box.side / h}
	for i, point := range template {
		q := s.apply(point)
		f.Landmarks[i] = vision.Point{X: q[0] / w, Y: q[1] / h}
	}
	return f, nil
}

// findEyes looks for eyes in the square's upper part, at a size of its own, and takes the pair that lies as eyes do.
func (c *cascades) findEyes(p vision.Picture, box rect) (right, left [2]float64, ok bool, err error) {
	upper := image.Rect(int(box.x), int(box.y+0.15*box.side), int(box.x+box.side), int(box.y+0.6*box.side)).
		Intersect(image.Rect(0, 0, p.Width, p.Height))
	l := fitted(upper.Dx(), upper.Dy(), eyesSide, 0, 4, 1)
	if upper.Empty() || l.w < eyeWindow || l.h < eyeWindow {
		return right, left, false, nil
	}
	n := upper.Dx() * upper.Dy() * 3
	c.part = slices.Grow(c.part[:0], n)[:n]
	if err := p.Pixels.Crop(c.part, upper); err != nil {
		return right, left, false, err
	}
	if err := c.toGrey(c.part, upper.Dx(), upper.Dy()); err != nil {
		return right, left, false, err
	}
	how := gocv.InterpolationArea
	if l.scale > 1 {
		how = gocv.InterpolationLinear
	}
	gocv.Resize(c.grey, &c.upper, image.Pt(l.w, l.h), 0, 0, how)
	side := box.side * l.scale
	found := c.eyes.DetectMultiScaleWithParams(c.upper, cascadeStep, eyeNeighbours, 0,
		image.Pt(int(0.15*side), int(0.15*side)), image.Pt(int(0.45*side), int(0.45*side)))
	slices.SortFunc(found, func(a, b image.Rectangle) int {
		return cmp.Or(cmp.Compare(a.Min.X, b.Min.X), cmp.Compare(a.Min.Y, b.Min.Y), cmp.Compare(a.Dx(), b.Dx()))
	})
	points := make([][2]float64, len(found))
	for i, r := range found {
		points[i] = [2]float64{
			float64(upper.Min.X) + float64(r.Min.X+r.Max.X)/2/l.scale, float64(upper.Min.Y) + float64(r.Min.Y+r.Max.Y)/2/l.scale,
		}
	}
	right, left, ok = box.pair(points)
	return right, left, ok, nil
}

// pair chooses the two points that lie closest to where the eyes should be, if they are close at all.
func (r rect) pair(points [][2]float64) (right, left [2]float64, ok bool) {
	wantRight, wantLeft := r.eyes()
	best := 0.2 * r.side
	for i, a := range points {
		for _, b := range points[i+1:] {
			off := math.Hypot(a[0]-wantRight[0], a[1]-wantRight[1]) + math.Hypot(b[0]-wantLeft[0], b[1]-wantLeft[1])
			if off < best {
				best, right, left, ok = off, a, b, true
			}
		}
	}
	return right, left, ok
}
