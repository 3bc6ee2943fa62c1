package vision

import "golang.org/x/sys/cpu"

// dots sets sums[i] to the product of the query and the i-th of the rows, which lie as in a coarse gallery. There are a
// multiple of coarseRows of sums and a multiple of coarseStep of numbers in the query, and there is a row for every sum.
func dots(sums []int32, rows []int8, query []int16) {
	if len(sums) == 0 || len(query) == 0 || !cpu.X86.HasAVX2 {
		dotsGo(sums, rows, query)
		return
	}
	_ = rows[:len(sums)*len(query)] // the last check of a bound
	dotsAVX2(&sums[0], &rows[0], &query[0], len(sums), len(query))
}

//go:noescape
func dotsAVX2(sums *int32, rows *int8, query *int16, count, size int)
