//go:build !nocv

package onnx

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"vigil/models"
)

// maxSizes is how many picture sizes a network keeps buffers for: two passes over two shapes of picture. Another size
// costs an allocation, about 3 MB for 640×384.
const maxSizes = 4

// Network runs one model. It is used by one goroutine at a time.
type Network struct {
	session    *ort.DynamicAdvancedSession
	input      string
	outputs    []string
	conversion *conversion
	sizes      []*size // the latest first
}

// Open reads a model, whose bytes must have been checked before, that gives the outputs of these names; with no names,
// a model that has one output. Its input is one picture of three channels, of whatever size it is run with.
//
// There is one session for all sizes. A session for each, with its size in the file, is no faster: YuNet at 640×384
// takes 4.7 ms either way.
func (l *Library) Open(model []byte, in models.Input, outputs ...string) (*Network, error) {
	if len(model) == 0 {
		return nil, errors.New("empty model")
	}
	model, err := unbend(model)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	return l.open(model, in, outputs)
}

// open does the same with the model as it is.
func (l *Library) open(model []byte, in models.Input, outputs []string) (*Network, error) {
	loose, g, err := loosen(model)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	if len(outputs) == 0 {
		if len(g.outputs) != 1 {
			return nil, fmt.Errorf("model has %d outputs, want exactly one", len(g.outputs))
		}
		outputs = g.outputs
	}
	for _, name := range outputs {
		if !slices.Contains(g.outputs, name) {
			return nil, fmt.Errorf("model has no output %s", name)
		}
	}
	options, err := options()
	if err != nil {
		return nil, failure(err)
	}
	defer options.Destroy() //nolint:errcheck // it always returns nil
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(loose, []string{g.input}, outputs, options)
	if err != nil {
		return nil, failure(err)
	}
	return &Network{session: session, input: g.input, outputs: outputs, conversion: newConversion(in)}, nil
}

// options makes a session work in the thread that calls it: there is a lane per core already.
func options() (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		o.SetIntraOpNumThreads(1), o.SetInterOpNumThreads(1), o.SetExecutionMode(ort.ExecutionModeSequential),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		o.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		// With an arena of its own a session does not ask the system for fresh pages at each size's first run, of which
		// the start has several: it takes a sixth less CPU and 40 MiB less memory. Plans of where in it values lie, one
		// for each size, only make it larger.
		o.SetCpuMemArena(true), o.SetMemPattern(false),
	)
	if err != nil {
		return nil, errors.Join(err, o.Destroy())
	}
	return o, nil
}

// Run computes the outputs for packed BGR of width×height pixels.
func (n *Network) Run(bgr []byte, width, height int) error {
	if n.session == nil {
		return errors.New("network is closed")
	}
	if width < 1 || height < 1 || len(bgr) < width*height*3 {
		return fmt.Errorf("%d bytes for %d×%d pixels", len(bgr), width, height)
	}
	i := slices.IndexFunc(n.sizes, func(s *size) bool { return s.width == width && s.height == height })
	if i < 0 {
		return n.first(bgr, width, height)
	}
	s := n.sizes[i]
	copy(n.sizes[1:i+1], n.sizes[:i])
	n.sizes[0] = s
	n.conversion.spread(s.input.GetData(), bgr)
	if err := n.session.RunWithBinding(s.binding); err != nil {
		return failure(err)
	}
	return nil
}

// first runs a size for the first time, which tells how large its outputs are.
func (n *Network) first(bgr []byte, width, height int) error {
	s, err := newSize(width, height)
	if err != nil {
		return failure(err)
	}
	n.conversion.spread(s.input.GetData(), bgr)
	if err := s.bind(n); err != nil {
		s.close()
		return failure(err)
	}
	n.sizes = slices.Insert(n.sizes, 0, s)
	if len(n.sizes) > maxSizes {
		n.sizes[maxSizes].close()
		n.sizes = slices.Delete(n.sizes, maxSizes, maxSizes+1)
	}
	return nil
}

// Output returns output i of the latest run, which is valid until the next one.
func (n *Network) Output(i int) []float32 {
	if len(n.sizes) == 0 || i < 0 || i >= len(n.sizes[0].outputs) {
		return nil
	}
	return n.sizes[0].outputs[i].GetData()
}

// Close implements io.Closer. Closing again does nothing.
func (n *Network) Close() error {
	if n.session == nil {
		return nil
	}
	for _, s := range n.sizes {
		s.close()
	}
	n.sizes = nil
	err := n.session.Destroy()
	n.session = nil
	return err
}

// size is what a network keeps for pictures of one size. ONNX Runtime holds on to the memory of its tensors, which is
// Go's, so it is pinned.
type size struct {
	width, height int
	input         *ort.Tensor[float32]
	outputs       []*ort.Tensor[float32]
	binding       *ort.IoBinding
	pin           runtime.Pinner
}

func newSize(width, height int) (*size, error) {
	s := &size{width: width, height: height}
	planes := make([]float32, 3*width*height)
	s.pin.Pin(&planes[0])
	input, err := ort.NewTensor(ort.NewShape(1, 3, int64(height), int64(width)), planes)
	if err != nil {
		s.pin.Unpin()
		return nil, err
	}
	s.input = input
	return s, nil
}

// bind runs the network on the input, keeps its outputs, and binds both for runs to come.
func (s *size) bind(n *Network) error {
	values := make([]ort.Value, len(n.outputs))
	err := n.session.Run([]ort.Value{s.input}, values)
	for i, v := range values {
		output, ok := v.(*ort.Tensor[float32])
		switch {
		case ok && len(output.GetData()) > 0:
			s.pin.Pin(&output.GetData()[0])
			s.outputs = append(s.outputs, output)
		case v != nil:
			err = errors.Join(err, fmt.Errorf("output %s gives no floats", n.outputs[i]), v.Destroy())
		}
	}
	if err != nil {
		return err
	}
	if s.binding, err = n.session.CreateIoBinding(); err != nil {
		return err
	}
	if err := s.binding.BindInput(n.input, s.input); err != nil {
		return err
	}
	for i, output := range s.outputs {
		if err := s.binding.BindOutput(n.outputs[i], output); err != nil {
			return err
		}
	}
	return nil
}

// close frees everything; what the binding returns from it is always nil.
func (s *size) close() {
	if s.binding != nil {
		_ = s.binding.Destroy()
	}
	for _, output := range s.outputs {
		_ = output.Destroy()
	}
	_ = s.input.Destroy()
	s.pin.Unpin()
}

// failure is an error of ONNX Runtime's on one line.
func failure(err error) error {
	return errors.New("onnx runtime: " + strings.Join(strings.Fields(err.Error()), " "))
}
