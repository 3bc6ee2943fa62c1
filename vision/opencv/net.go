//go:build !nocv

package opencv

// #cgo pkg-config: opencv4
// #cgo CXXFLAGS: -std=c++17 -O2 -Wall
// #include <stdlib.h>
// #include "net.h"
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"vigil/models"
)

// network runs one ONNX model. It is used by one goroutine at a time.
type network struct {
	c     *C.vigil_net
	mean  [3]C.double
	scale C.double
	rgb   C.int
	text  [C.VIGIL_ERROR_SIZE]C.char
}

// openNetwork reads a model, whose bytes must have been checked before, that gives the outputs of these names; with
// no names, a model that has one output.
func openNetwork(model []byte, in models.Input, names ...string) (*network, error) {
	if len(model) == 0 {
		return nil, errors.New("empty model")
	}
	list := (**C.char)(C.calloc(C.size_t(len(names)+1), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	defer C.free(unsafe.Pointer(list))
	for i, name := range names {
		text := C.CString(name)
		defer C.free(unsafe.Pointer(text))
		unsafe.Slice(list, len(names))[i] = text
	}
	oneThread()
	n := &network{scale: C.double(in.Scale)}
	n.c = C.vigil_net_open((*C.char)(unsafe.Pointer(&model[0])), C.int(len(model)), list, C.int(len(names)), &n.text[0])
	if n.c == nil {
		return nil, n.failure()
	}
	for i, v := range in.Mean {
		n.mean[i] = C.double(v)
	}
	if in.Order == models.RGB {
		n.rgb = 1
	}
	return n, nil
}

// run computes the outputs for packed BGR of width×height pixels.
func (n *network) run(bgr []byte, width, height int) error {
	if n.c == nil {
		return errors.New("network is closed")
	}
	if width < 1 || height < 1 || len(bgr) < width*height*3 {
		return fmt.Errorf("%d bytes for %d×%d pixels", len(bgr), width, height)
	}
	code := C.vigil_net_run(n.c, (*C.uint8_t)(&bgr[0]), C.int(width), C.int(height), n.scale, &n.mean[0], n.rgb, &n.text[0])
	if code != 0 {
		return n.failure()
	}
	return nil
}

// output returns output i, which is valid until the next run.
func (n *network) output(i int) []float32 {
	var length C.int
	p := C.vigil_net_output(n.c, C.int(i), &length)
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), int(length))
}

func (n *network) close() {
	C.vigil_net_close(n.c)
	n.c = nil
}

// failure is what OpenCV said last, on one line.
func (n *network) failure() error {
	return errors.New("opencv: " + strings.Join(strings.Fields(C.GoString(&n.text[0])), " "))
}

// oneThread makes OpenCV work in the thread that calls it: there is a lane per core already.
func oneThread() { C.vigil_one_thread() }
