package vision

import "math"

const (
	// coarseFrom is how many templates are worth a coarse look: below, preparing the query takes longer than it saves.
	coarseFrom = 128
	// coarseBlock is how many rows are looked at before their sums are read: 1 KiB of sums stays in the first cache.
	coarseBlock = 256
	// coarseStep is what the length of a coarse row is padded to with zeros, and coarseRows what the number of rows is:
	// dots takes so many numbers of so many rows at once, 64 bytes that lie together.
	coarseStep = 16
	coarseRows = 4
	// coarseLongest is how many numbers a template may have: all networks' do, and the bounds below count on it.
	coarseLongest = 4096
	// coarseMax is the largest number in a coarse row.
	coarseMax = math.MaxInt8
	// unitMost bounds the length of a template; rounding keeps it within a millionth of 1.
	unitMost = 1.001
)

// coarse is a gallery's rows in 8 bits a number, a quarter of the memory to read. It never answers by itself: it says
// which rows need not be looked at, so that the answer is, bit for bit, that of looking at all of them.
type coarse struct {
	size int // of a row, padded
	// The rows, in the order of reading: of the first four the first 16 numbers, the next 16, and so on.
	bytes  []int8
	ranges []coarseRange // of each row
}

// coarseRange says how a row's bytes b stand for its floats r: r = scale·b + δ with a δ of length off at most.
type coarseRange struct{ scale, off float32 }

// newCoarse copies rows of size floats each, 1 to coarseLongest.
func newCoarse(rows []float32, size int) *coarse {
	n := len(rows) / size
	c := &coarse{size: padded(size, coarseStep), ranges: make([]coarseRange, n)}
	c.bytes = make([]int8, padded(n, coarseRows)*c.size)
	row := make([]int8, c.size)
	for i := range n {
		clear(row)
		c.ranges[i] = quantise(row, rows[i*size:(i+1)*size])
		group := c.bytes[i/coarseRows*coarseRows*c.size:]
		for k := 0; k < c.size; k += coarseStep {
			copy(group[k*coarseRows+i%coarseRows*coarseStep:], row[k:k+coarseStep])
		}
	}
	return c
}

func padded(n, step int) int { return (n + step - 1) / step * step }

// coarseLimit is the largest number that a query may hold so that no sum over a row of size numbers leaves 32 bits: each
// of the size products is coarseMax·limit at most, so that a sum of any of them is at most size·coarseMax·limit, which
// is no more than the largest number of 32 bits.
func coarseLimit(size int) int32 {
	return int32(min(math.MaxInt16, math.MaxInt32/(coarseMax*size)))
}

// quantise writes row to b. A row that is no unit vector, because its template was too small to be normalised, is given
// a range in which everything lies.
func quantise(b []int8, row []float32) coarseRange {
	scale := largest(row) / coarseMax
	var off, length float64
	for i, v := range row {
		if q := math.Round(float64(v / scale)); q >= -coarseMax && q <= coarseMax {
			b[i] = int8(q)
		}
		δ := float64(v) - float64(scale)*float64(b[i])
		off, length = off+δ*δ, length+float64(v)*float64(v)
	}
	if !(math.Sqrt(length) < unitMost) {
		return coarseRange{off: float32(math.Inf(1))}
	}
	// The rounding of these sums, and of the result to 32 bits, is less than a millionth of it.
	return coarseRange{scale: scale, off: float32(math.Sqrt(off) * (1 + 1e-6))}
}

func largest(v []float32) (most float32) {
	for _, x := range v {
		most = max(most, x, -x)
	}
	return most
}

// query is an embedding as coarse rows are compared with it. Of a row with the sum d and a range, dot gives no more
// than scale·step·d + off·reach + slack.
type query struct{ step, reach, slack float64 }

// newQuery writes e to words.
//
// With e = step·w + ε and r = scale·b + δ the cosine is
//
//	e·r = step·scale·(w·b) + ε·(scale·b) + e·δ
//
// where, by Cauchy and Schwarz, the second term is at most |ε|·(|r|+|δ|) and the third |e|·|δ|. To that comes what
// dot's own rounding may add: n·2⁻²⁴·|e|·|r| for n terms and their sums, in whatever order (Higham, Accuracy and
// Stability of Numerical Algorithms, 3.1). The thousandth by which |r| is overstated also covers the rounding here.
func newQuery(words []int16, e Embedding) query {
	limit := float64(coarseLimit(len(words)))
	step := float64(largest(e)) / limit
	var off, length float64
	for i, v := range e {
		if w := math.Round(float64(v) / step); w >= -limit && w <= limit {
			words[i] = int16(w)
		}
		ε := float64(v) - step*float64(words[i])
		off, length = off+ε*ε, length+float64(v)*float64(v)
	}
	off, length = math.Sqrt(off), math.Sqrt(length)
	// What is far from a unit vector may leave the floats' range, where rounding has other bounds.
	if !(length > 1e-3 && length < 1e3) {
		return query{slack: math.Inf(1)}
	}
	rounding := float64(len(e)+8) * 0x1p-24 * length
	return query{step: step, reach: length + off, slack: unitMost * (off + rounding)}
}

// search is Gallery.search with a coarse look at each row first. A row whose bound is not above the second person's
// score, nor above what its own person has already, cannot change the podium and is left out.
func (c *coarse) search(g *Gallery, e Embedding) podium {
	var room [coarseLongest]int16
	words := room[:c.size]
	q := newQuery(words, e)
	p := newPodium()
	person, best := int32(0), lowest
	var sums [coarseBlock]int32
	for start := 0; start < len(c.ranges); start += coarseBlock {
		block := c.ranges[start:min(start+coarseBlock, len(c.ranges))]
		dots(sums[:padded(len(block), coarseRows)], c.bytes[start*c.size:], words)
		for i, r := range block {
			bound := float64(r.scale)*q.step*float64(sums[i]) + float64(r.off)*q.reach + q.slack
			if bound <= float64(p.second.score) {
				continue
			}
			row := start + i
			if g.owner[row] != person {
				p.offer(person, best)
				person, best = g.owner[row], lowest
			}
			if bound > float64(max(best, p.second.score)) || math.IsNaN(bound) {
				best = max(best, dot(g.rows[row*g.size:(row+1)*g.size], e))
			}
		}
	}
	p.offer(person, best)
	return p
}
