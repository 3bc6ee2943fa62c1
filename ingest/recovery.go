package ingest

// recoveryPayload is the type of a recovery point's SEI message, in H.264 (D.1.8) and in H.265 (D.2.8).
const recoveryPayload = 6

// recoveryPoint reports whether the SEI messages (H.264, 7.3.2.3) mark a recovery point. Encoders that refresh the picture
// column by column send no other place to begin at.
func recoveryPoint(sei []byte) bool {
	for len(sei) >= 2 {
		typ, rest := seiNumber(sei)
		size, rest := seiNumber(rest)
		if rest == nil || size > len(rest) {
			return false
		}
		if typ == recoveryPayload {
			return true
		}
		sei = rest[size:]
	}
	return false
}

// seiNumber reads a number that is written as a run of 255 and a last byte, and returns what follows, nil when it does
// not end.
func seiNumber(b []byte) (n int, rest []byte) {
	for i, v := range b {
		n += int(v)
		if v != 255 {
			return n, b[i+1:]
		}
	}
	return 0, nil
}
