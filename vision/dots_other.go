//go:build !amd64

package vision

// dots sets sums[i] to the product of the query and the i-th of the rows, which lie as in a coarse gallery. There are a
// multiple of coarseRows of sums and a multiple of coarseStep of numbers in the query, and there is a row for every sum.
func dots(sums []int32, rows []int8, query []int16) { dotsGo(sums, rows, query) }
