//go:build !nocv

package opencv

import (
	"fmt"
	"math"
	"slices"

	"vigil/models"
	"vigil/vision"
)

// The detector's settings.
const (
	// faceScore is what YuNet must give a face. Of 240 portraits none scores below 0.91, of drawn faces none below
	// 0.90, and faces that the edge of the picture cuts come down to 0.81; in 96 s of drawn rooms there is no face
	// where there is none.
	faceScore = 0.7
	// sameFace is the overlap from which two detections are one face, as the network's authors have it.
	sameFace = 0.3
	// mainSide is the longer side of the input, large enough for faces of a 60th of the picture's width.
	mainSide = 640
	// YuNet finds faces of about 10 to 300 pixels in its input. The second pass looks at the whole picture so
	// small that the largest face possible has 160 pixels, with a border around, because a face that
	// fills the picture is found only with something around it.
	wideSide   = 320
	wideBorder = 0.5
	// largeFace is the side in the first input from which the second pass looks again.
	largeFace = 200
	// inputStep is what the input's sides are multiples of: the coarsest grid's step.
	inputStep = 32
	// maxCandidates bounds what is compared with each other when a picture scores everywhere.
	maxCandidates = 1000
)

var strides = [3]int{8, 16, 32}

// yunet finds faces with YuNet.
type yunet struct {
	net        Network
	main, wide canvas
	found      []candidate
}

// candidate is a detection before non-maximum suppression: its side in the input, and the face in the picture.
type candidate struct {
	side float64
	face vision.Face
}

func openYuNet(open OpenNetwork, model []byte, in models.Input) (*yunet, error) {
	net, err := open(model, in, yunetOutputs()...)
	if err != nil {
		return nil, err
	}
	return &yunet{net: net}, nil
}

// yunetOutputs are the names of the outputs: by kind, and for each kind by stride.
func yunetOutputs() []string {
	var names []string
	for _, kind := range []string{"cls", "obj", "bbox", "kps"} {
		for _, s := range strides {
			names = append(names, fmt.Sprintf("%s_%d", kind, s))
		}
	}
	return names
}

// detect appends the faces, best first. A small picture, one without a face and one with a large face are looked at
// again as a whole.
func (y *yunet) detect(p vision.Picture, faces []vision.Face) ([]vision.Face, error) {
	y.found = y.found[:0]
	w, h := p.Width, p.Height
	if err := y.pass(p, &y.main, fitted(w, h, mainSide, 0, 1, inputStep)); err != nil {
		return nil, err
	}
	again := len(y.found) == 0 || max(w, h) <= wideSide
	for _, c := range y.found {
		again = again || c.side > largeFace
	}
	if again {
		if err := y.pass(p, &y.wide, fitted(w, h, wideSide, wideBorder, 4, inputStep)); err != nil {
			return nil, err
		}
	}
	return distinct(faces, y.found), nil
}

func (y *yunet) pass(p vision.Picture, c *canvas, l layout) error {
	pixels, err := c.draw(p, l)
	if err != nil {
		return err
	}
	if err := y.net.Run(pixels, l.width, l.height); err != nil {
		return err
	}
	for i, stride := range strides {
		out := grid{
			stride: stride, cols: l.width / stride, rows: l.height / stride,
			cls: y.net.Output(i), obj: y.net.Output(i + 3), boxes: y.net.Output(i + 6), points: y.net.Output(i + 9),
		}
		if y.found, err = out.decode(y.found, l, p.Width, p.Height); err != nil {
			return err
		}
	}
	return nil
}

func (y *yunet) close() error {
	return y.net.Close()
}

// grid is one stride's output: a score, a box and five points for each cell, row by row.
type grid struct {
	stride, cols, rows      int
	cls, obj, boxes, points []float32
}

// decode appends the cells that score to found, as faces in fractions of a picture of w×h pixels.
func (g grid) decode(found []candidate, l layout, w, h int) ([]candidate, error) {
	n := g.cols * g.rows
	if len(g.cls) != n || len(g.obj) != n || len(g.boxes) != 4*n || len(g.points) != 10*n {
		return nil, fmt.Errorf("stride %d: got %d, %d, %d, %d outputs for %d cells",
			g.stride, len(g.cls), len(g.obj), len(g.boxes), len(g.points), n)
	}
	at := func(x, y float64) vision.Point {
		return vision.Point{X: (x - float64(l.x)) / l.scale / float64(w), Y: (y - float64(l.y)) / l.scale / float64(h)}
	}
	s := float64(g.stride)
	for i := range n {
		score := math.Sqrt(unit(g.cls[i]) * unit(g.obj[i]))
		if score < faceScore {
			continue
		}
		col, row := float64(i%g.cols), float64(i/g.cols)
		b := g.boxes[4*i : 4*i+4]
		cx, cy := (col+float64(b[0]))*s, (row+float64(b[1]))*s
		bw, bh := math.Exp(float64(b[2]))*s, math.Exp(float64(b[3]))*s
		// A size beyond the input is an overflow and no face; the comparison refuses NaN as well.
		if !(bw > 0 && bh > 0 && bw < 4*mainSide && bh < 4*mainSide && math.Abs(cx)+math.Abs(cy) < 8*mainSide) {
			continue
		}
		if c := at(cx, cy); c.X < 0 || c.X > 1 || c.Y < 0 || c.Y > 1 {
			continue // in the black around the picture
		}
		corner, end := at(cx-bw/2, cy-bh/2), at(cx+bw/2, cy+bh/2)
		f := vision.Face{Score: score, Box: vision.Box{X: corner.X, Y: corner.Y, W: end.X - corner.X, H: end.Y - corner.Y}}
		for k := range f.Landmarks {
			f.Landmarks[k] = at((col+float64(g.points[10*i+2*k]))*s, (row+float64(g.points[10*i+2*k+1]))*s)
		}
		found = append(found, candidate{side: max(bw, bh), face: f})
	}
	return found, nil
}

// unit is v between 0 and 1; NaN is 0.
func unit(v float32) float64 {
	if !(v > 0) {
		return 0
	}
	return min(1, float64(v))
}

// distinct is non-maximum suppression: it appends the best of the detections that overlap to faces, best first.
func distinct(faces []vision.Face, found []candidate) []vision.Face {
	slices.SortStableFunc(found, func(a, b candidate) int {
		switch {
		case a.face.Score > b.face.Score:
			return -1
		case a.face.Score < b.face.Score:
			return 1
		}
		return 0
	})
	before := len(faces)
	for _, c := range found[:min(len(found), maxCandidates)] {
		if !slices.ContainsFunc(faces[before:], func(f vision.Face) bool { return f.Box.Overlap(c.face.Box) > sameFace }) {
			faces = append(faces, c.face)
		}
	}
	return faces
}
