//go:build !nocv

package decode

// #include "libav.h"
import "C"

// FewArenas lets glibc's allocator share two arenas among all threads. It gives each thread one otherwise, up to eight a
// core, and each keeps what passes through it: decoders and networks run on whatever thread Go picks, so that every
// arena grew to what one camera after the other had needed, 8 MiB a minute with four cameras that reconnect.
func FewArenas() { C.vigil_few_arenas(2) }
