//go:build !nocv

package still

/*
#cgo pkg-config: libturbojpeg
#include <turbojpeg.h>
*/
import "C"

import "unsafe"

// turbo decodes a JPEG with libjpeg-turbo, four times as fast as Go does and to the very pixels that OpenCV has, from whose
// photos the limits of likeness were taken. It is false where libjpeg-turbo does not give a whole picture, or not in BGR.
func turbo(jpeg []byte, width, height int) (Still, bool) {
	tj := C.tjInitDecompress()
	if tj == nil {
		return Still{}, false
	}
	defer C.tjDestroy(tj)
	file, size := (*C.uchar)(&jpeg[0]), C.ulong(len(jpeg))
	var w, h, sampling, colours C.int
	if C.tjDecompressHeader3(tj, file, size, &w, &h, &sampling, &colours) != 0 || int(w) != width || int(h) != height {
		return Still{}, false
	}
	s := Still{Width: width, Height: height, BGR: make([]byte, width*height*3)}
	to := (*C.uchar)(unsafe.SliceData(s.BGR))
	ok := C.tjDecompress2(tj, file, size, to, w, 0, h, C.TJPF_BGR, C.TJFLAG_ACCURATEDCT|C.TJFLAG_STOPONWARNING) == 0
	return s, ok
}
