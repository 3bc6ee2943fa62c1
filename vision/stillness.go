package vision

import (
	"fmt"
	"time"

	"vigil/frames"
)

// Limits of what counts as an unchanged picture.
const (
	// The picture is compared in so many cells across and down. The smallest face that detectors find, a 60th of the
	// picture's width, covers two or three of them each way.
	stillAcross, stillDown = 160, 96
	// squareLevels is how far the mean of a square of four cells may be from what it was, of 255, in any colour, and cellLevels
	// that of a cell. A cell of a 1080p camera is the mean of 135 pixels: noise of a standard deviation of 6 moves it by
	// 0.5, and 1.9 in the worst of all cells. A key frame is coded anew, with other noise, and moves the worst cell by four,
	// sometimes six, where the worst square moves by two or three. A face is ten and more from what was behind it, and the
	// smallest fills five sixths of a square. Where noise or coding moves cells by more, every picture is looked at.
	squareLevels, cellLevels = 3, 5
	// stillMost is how long one look is relied on.
	stillMost = 5 * time.Second
)

// stillness says that a picture shows nobody without looking for faces, because nothing in it has changed since nobody
// was found. It compares with the picture that was looked at, not with the one before, so that slow changes add up.
type stillness struct {
	pts   int64  // of the picture that shows nobody
	empty []byte // its cells, BGR; valid with known
	now   []byte // the cells of the latest picture
	known bool
}

// holds reports whether p is as the picture that showed nobody.
func (s *stillness) holds(p Picture) (bool, error) {
	if s.now == nil {
		s.empty, s.now = make([]byte, stillAcross*stillDown*3), make([]byte, stillAcross*stillDown*3)
	}
	if err := p.Pixels.Scale(s.now, stillAcross*3, stillAcross, stillDown); err != nil {
		return false, fmt.Errorf("compare with the picture before: %w", err)
	}
	passed := p.PTS - s.pts
	return s.known && passed >= 0 && passed < frames.Ticks(stillMost) && unchanged(s.empty, s.now), nil
}

// keep remembers the picture that holds was asked about last, which shows nobody.
func (s *stillness) keep(pts int64) {
	s.empty, s.now = s.now, s.empty
	s.pts, s.known = pts, true
}

// forget makes the next picture one to look at.
func (s *stillness) forget() { s.known = false }

// unchanged reports whether no cell and no square of cells is another than it was.
func unchanged(a, b []byte) bool {
	for i, v := range a {
		d := int(b[i]) - int(v)
		if d > cellLevels || d < -cellLevels {
			return false
		}
		// A square differs only where one of its cells does.
		if (d > squareLevels || d < -squareLevels) && squareChanged(a, b, i) {
			return false
		}
	}
	return true
}

// squareChanged reports whether a square that cell i is in, in that colour, is another than it was.
func squareChanged(a, b []byte, i int) bool {
	const right, down = 3, stillAcross * 3
	x, y := i/right%stillAcross, i/down
	for top := max(0, y-1); top <= min(y, stillDown-2); top++ {
		for left := max(0, x-1); left <= min(x, stillAcross-2); left++ {
			corner, sum := top*down+left*right+i%3, 0
			for _, at := range [...]int{corner, corner + right, corner + down, corner + down + right} {
				sum += int(b[at]) - int(a[at])
			}
			if sum > 4*squareLevels || sum < -4*squareLevels {
				return true
			}
		}
	}
	return false
}
