package vision

import "math"

// assign returns for each row the column it gets, −1 for none, so that the sum of costs is least (Kuhn 1955, in the
// form with potentials: rows × rows × columns steps, and pictures have a few dozen faces at most).
func assign(costs [][]float64) []int {
	rows := len(costs)
	columns := 0
	if rows > 0 {
		columns = len(costs[0])
	}
	size := max(rows, columns)
	at := func(i, j int) float64 {
		if i < rows && j < columns {
			return costs[i][j]
		}
		return costUnmatched
	}
	// Row and column 0 are auxiliary; owner[j] is the row that has column j.
	u, v := make([]float64, size+1), make([]float64, size+1)
	owner, way := make([]int, size+1), make([]int, size+1)
	for i := 1; i <= size; i++ {
		owner[0] = i
		augment(size, at, u, v, owner, way)
	}
	result := make([]int, rows)
	for i := range result {
		result[i] = -1
	}
	for j := 1; j <= columns; j++ {
		if i := owner[j] - 1; i < rows {
			result[i] = j - 1
		}
	}
	return result
}

// augment gives a column to the row in owner[0], moving others where that is cheaper.
func augment(size int, at func(i, j int) float64, u, v []float64, owner, way []int) {
	least := make([]float64, size+1)
	used := make([]bool, size+1)
	for j := range least {
		least[j] = math.Inf(1)
	}
	column := 0
	for owner[column] != 0 {
		used[column] = true
		row, delta, next := owner[column], math.Inf(1), 0
		for j := 1; j <= size; j++ {
			if used[j] {
				continue
			}
			if c := at(row-1, j-1) - u[row] - v[j]; c < least[j] {
				least[j], way[j] = c, column
			}
			if least[j] < delta {
				delta, next = least[j], j
			}
		}
		for j := 0; j <= size; j++ {
			if used[j] {
				u[owner[j]] += delta
				v[j] -= delta
			} else {
				least[j] -= delta
			}
		}
		column = next
	}
	for column != 0 {
		previous := way[column]
		owner[column] = owner[previous]
		column = previous
	}
}
