package vision

import "math"

// table is a rectangle of numbers. One is used for one picture after the other.
type table struct {
	rows, columns int
	cells         []float64
}

// reset makes it a table of that size, with zeros.
func (t *table) reset(rows, columns int) {
	t.rows, t.columns = rows, columns
	t.cells = resized(t.cells, rows*columns)
}

// row is a row of it, to read and to write.
func (t *table) row(i int) []float64 { return t.cells[i*t.columns:][:t.columns] }

// assigner finds the cheapest assignment. It keeps its room from call to call.
type assigner struct {
	costs       *table
	size        int
	u, v        []float64
	owner, way  []int
	least       []float64
	used        []bool
	assignments []int
}

// assign returns for each row the column it gets, −1 for none, so that the sum of costs is least (Kuhn 1955, in the
// form with potentials: rows × rows × columns steps, and pictures have a few dozen faces at most). The answer is valid
// until the next call.
func (a *assigner) assign(costs *table) []int {
	a.costs, a.size = costs, max(costs.rows, costs.columns)
	// Row and column 0 are auxiliary; owner[j] is the row that has column j.
	a.u, a.v = resized(a.u, a.size+1), resized(a.v, a.size+1)
	a.owner, a.way = resized(a.owner, a.size+1), resized(a.way, a.size+1)
	for i := 1; i <= a.size; i++ {
		a.owner[0] = i
		a.augment()
	}
	a.assignments = resized(a.assignments, costs.rows)
	for i := range a.assignments {
		a.assignments[i] = -1
	}
	for j := 1; j <= costs.columns; j++ {
		if i := a.owner[j] - 1; i < costs.rows {
			a.assignments[i] = j - 1
		}
	}
	return a.assignments
}

// cost is that of row i in column j; the table is taken for a square.
func (a *assigner) cost(i, j int) float64 {
	if i < a.costs.rows && j < a.costs.columns {
		return a.costs.row(i)[j]
	}
	return costUnmatched
}

// augment gives a column to the row in owner[0], moving others where that is cheaper.
func (a *assigner) augment() {
	a.least, a.used = resized(a.least, a.size+1), resized(a.used, a.size+1)
	for j := range a.least {
		a.least[j] = math.Inf(1)
	}
	column := 0
	for a.owner[column] != 0 {
		a.used[column] = true
		row, delta, next := a.owner[column], math.Inf(1), 0
		for j := 1; j <= a.size; j++ {
			if a.used[j] {
				continue
			}
			if c := a.cost(row-1, j-1) - a.u[row] - a.v[j]; c < a.least[j] {
				a.least[j], a.way[j] = c, column
			}
			if a.least[j] < delta {
				delta, next = a.least[j], j
			}
		}
		for j := 0; j <= a.size; j++ {
			if a.used[j] {
				a.u[a.owner[j]] += delta
				a.v[j] -= delta
			} else {
				a.least[j] -= delta
			}
		}
		column = next
	}
	for column != 0 {
		previous := a.way[column]
		a.owner[column] = a.owner[previous]
		column = previous
	}
}
