//go:build !nocv

package decode

// #include "libav.h"
import "C"

import (
	"sync/atomic"
	"time"
)

// FewArenas lets glibc's allocator share two arenas among all threads. It gives each thread one otherwise, up to eight a
// core, and each keeps what passes through it: decoders and networks run on whatever thread Go picks.
func FewArenas() { C.vigil_few_arenas(2) }

// trimEvery is how often memory is given back at most; it takes some milliseconds.
const trimEvery = 10 * time.Second

var trimmed atomic.Int64 // when it was, in nanoseconds since 1970

// trim gives the system back what closed decoders leave between what is still in use. The allocator does so by itself at
// the arenas' ends only: a process with four cameras that reconnect grew by 8 MiB a minute while nothing leaked.
func trim() {
	before, now := trimmed.Load(), time.Now().UnixNano()
	if now-before >= int64(trimEvery) && trimmed.CompareAndSwap(before, now) {
		C.vigil_trim()
	}
}
