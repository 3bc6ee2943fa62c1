package vision

// dotsGo is what dots does, in Go.
func dotsGo(sums []int32, rows []int8, query []int16) {
	for ; len(sums) >= coarseRows; sums = sums[coarseRows:] {
		var s0, s1, s2, s3 int32
		for q := query; len(q) >= coarseStep; q = q[coarseStep:] {
			r := (*[coarseRows * coarseStep]int8)(rows)
			for k, v := range (*[coarseStep]int16)(q) {
				s0 += int32(r[k]) * int32(v)
				s1 += int32(r[k+coarseStep]) * int32(v)
				s2 += int32(r[k+2*coarseStep]) * int32(v)
				s3 += int32(r[k+3*coarseStep]) * int32(v)
			}
			rows = rows[len(r):]
		}
		sums[0], sums[1], sums[2], sums[3] = s0, s1, s2, s3
	}
}
