//go:build !nocv

package onnx

import (
	"runtime"
	"slices"
)

// block is what the number of channels must be a multiple of where ONNX Runtime is to keep them in blocks, on every x86.
const block = 16

// unbend returns a copy of the model in which each PRelu behind a convolution is what it amounts to,
//
//	prelu(y) = y + (1−slope)·relu(−y),
//
// with both products as convolutions of one pixel that keep the channels apart. On x86 ONNX Runtime computes convolutions,
// Relu and Add in a layout of its own, and joins them into one step where it can; PRelu, slow by itself, takes the values
// out of that layout and in again. MobileFaceNet takes 4 ms so, instead of 10. What is not just such a PRelu stays as it is, and
// all of the model on other machines, where nobody measured it.
func unbend(model []byte) ([]byte, error) {
	if runtime.GOARCH != "amd64" {
		return model, nil
	}
	unbent, err := rewrite(model, func(f field) (pieces, error) {
		if f.number != modelGraph {
			return pieces{f.whole}, nil
		}
		graph, err := unbendGraph(f.inside)
		return graph.in(modelGraph), err
	})
	return unbent.joined(), err
}

func unbendGraph(graph []byte) (pieces, error) {
	weights, err := initializers(graph)
	if err != nil {
		return nil, err
	}
	channels := map[string]int{} // of what comes out of convolutions
	return rewrite(graph, func(f field) (pieces, error) {
		if f.number != graphNode {
			return pieces{f.whole}, nil
		}
		o, err := readOperator(f.inside)
		if err != nil || len(o.inputs) < 2 || len(o.outputs) != 1 || o.domain != "" {
			return pieces{f.whole}, err
		}
		from, to := o.inputs[0], o.outputs[0]
		weight, err := readTensor(weights[o.inputs[1]])
		switch {
		case err != nil:
			return nil, err
		case o.kind == "Conv" && len(weight.dims) == 4:
			channels[to] = int(weight.dims[0])
		case o.kind == "PRelu" && channels[from] > 0 && channels[from]%block == 0:
			if slopes := weight.perChannel(channels[from]); slopes != nil {
				return pieces{straight(to, from, slopes)}, nil
			}
		}
		return pieces{f.whole}, nil
	})
}

// straight is the nodes that compute the PRelu of a value with a slope for each channel.
func straight(to, from string, slopes []float32) []byte {
	minus, rest := make([]float32, len(slopes)), make([]float32, len(slopes))
	for i, slope := range slopes {
		minus[i], rest[i] = -1, 1-slope
	}
	return slices.Concat(
		factors(to+"/minus", minus),
		scaling(to+"/turned", from, to+"/minus", len(slopes)),
		node("Relu", to+"/below", nil, to+"/turned"),
		factors(to+"/rest", rest),
		scaling(to+"/added", to+"/below", to+"/rest", len(slopes)),
		node("Add", to, nil, to+"/added", from),
	)
}
