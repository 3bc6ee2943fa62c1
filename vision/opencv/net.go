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

// Network runs one ONNX model. It is used by one goroutine at a time.
type Network interface {
	// Run computes the outputs for packed BGR of width×height pixels.
	Run(bgr []byte, width, height int) error
	// Output returns output i of the latest run, which is valid until the next one.
	Output(i int) []float32
	// Close frees the network.
	Close() error
}

// OpenNetwork reads a model, whose bytes must have been checked before, that gives the outputs of these names; with no
// names, a model that has one output.
type OpenNetwork func(model []byte, in models.Input, outputs ...string) (Network, error)

// Runtime is what runs the networks.
type Runtime struct {
	Name string // for the log
	Open OpenNetwork
}

// Own is OpenCV's own runtime.
func Own() Runtime { return Runtime{Name: "OpenCV", Open: openNetwork} }

// network is OpenCV's Network.
type network struct {
	c      *C.vigil_net
	mean   [3]C.double
	scale  C.double
	rgb    C.int
	text   [C.VIGIL_ERROR_SIZE]C.char
	length C.int // of the output asked for last; a variable would be allocated for each
}

// openNetwork is OpenCV's OpenNetwork.
func openNetwork(model []byte, in models.Input, names ...string) (Network, error) {
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

// Run implements Network.
func (n *network) Run(bgr []byte, width, height int) error {
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

// Output implements Network.
func (n *network) Output(i int) []float32 {
	p := C.vigil_net_output(n.c, C.int(i), &n.length)
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), int(n.length))
}

// Close implements Network. Closing again does nothing.
func (n *network) Close() error {
	C.vigil_net_close(n.c)
	n.c = nil
	return nil
}

// failure is what OpenCV said last, on one line.
func (n *network) failure() error {
	return errors.New("opencv: " + strings.Join(strings.Fields(C.GoString(&n.text[0])), " "))
}

// oneThread makes OpenCV work in the thread that calls it: there is a lane per core already.
func oneThread() { C.vigil_one_thread() }
