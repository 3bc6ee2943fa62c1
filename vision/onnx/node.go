//go:build !nocv

package onnx

import (
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of fields, and of kinds, in onnx.proto.
const (
	graphNode       = 1  // GraphProto.node
	nodeInput       = 1  // NodeProto.input
	nodeOutput      = 2  // NodeProto.output
	nodeKind        = 4  // NodeProto.op_type
	nodeAttribute   = 5  // NodeProto.attribute
	nodeDomain      = 7  // NodeProto.domain
	attributeName   = 1  // AttributeProto.name
	attributeInt    = 3  // AttributeProto.i
	attributeTensor = 5  // AttributeProto.t
	attributeKind   = 20 // AttributeProto.type
	kindInt         = 2  // AttributeProto.INT
	kindTensor      = 4  // AttributeProto.TENSOR
	tensorDim       = 1  // TensorProto.dims
	tensorKind      = 2  // TensorProto.data_type
	tensorFloats    = 4  // TensorProto.float_data
	tensorRaw       = 9  // TensorProto.raw_data
	kindFloat       = 1  // TensorProto.FLOAT
)

// operator is what is read of a NodeProto.
type operator struct {
	kind, domain    string
	inputs, outputs []string
}

func readOperator(message []byte) (o operator, err error) {
	err = each(message, func(f field) error {
		switch f.number {
		case nodeInput:
			o.inputs = append(o.inputs, string(f.inside))
		case nodeOutput:
			o.outputs = append(o.outputs, string(f.inside))
		case nodeKind:
			o.kind = string(f.inside)
		case nodeDomain:
			o.domain = string(f.inside)
		}
		return nil
	})
	return o, err
}

// tensor is what is read of a TensorProto.
type tensor struct {
	kind     uint64
	dims     []uint64
	elements []byte // little-endian; empty where they are in another field or file
}

func readTensor(message []byte) (t tensor, err error) {
	err = each(message, func(f field) error {
		switch {
		case f.number == tensorKind:
			t.kind = f.value
		case f.number == tensorDim && f.inside == nil:
			t.dims = append(t.dims, f.value)
		case f.number == tensorDim: // packed
			for b := f.inside; len(b) > 0; {
				dim, n := protowire.ConsumeVarint(b)
				if n < 0 {
					return protowire.ParseError(n)
				}
				t.dims, b = append(t.dims, dim), b[n:]
			}
		case f.number == tensorRaw || f.number == tensorFloats: // one of them, and in the same form
			t.elements = f.inside
		}
		return nil
	})
	return t, err
}

// perChannel is the tensor as a number for each of n channels of pictures; nil where it is something else.
func (t tensor) perChannel(n int) []float32 {
	if len(t.dims) == 4 && t.dims[0] == 1 {
		t.dims = t.dims[1:]
	}
	if t.kind != kindFloat || !slices.Equal(t.dims, []uint64{uint64(n), 1, 1}) || len(t.elements) != 4*n {
		return nil
	}
	numbers := make([]float32, n)
	for i := range numbers {
		numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.elements[4*i:]))
	}
	return numbers
}

// node is a field of a GraphProto: the NodeProto of that kind, with the attributes, that makes to.
func node(kind, to string, attributes []byte, from ...string) []byte {
	var n []byte
	for _, name := range from {
		n = append(n, bytesField(nodeInput, []byte(name))...)
	}
	n = append(n, bytesField(nodeOutput, []byte(to))...)
	n = append(n, bytesField(nodeKind, []byte(kind))...)
	return bytesField(graphNode, append(n, attributes...))
}

// scaling is the node that multiplies each of the channels of a picture by its factor, as a convolution.
func scaling(to, from, factors string, channels int) []byte {
	group := slices.Concat(bytesField(attributeName, []byte("group")), varintField(attributeInt, uint64(channels)),
		varintField(attributeKind, kindInt))
	return node("Conv", to, bytesField(nodeAttribute, group), from, factors)
}

// factors is the node that makes what scaling multiplies by: one pixel for each channel.
func factors(to string, numbers []float32) []byte {
	raw := make([]byte, 0, 4*len(numbers))
	for _, v := range numbers {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	t := slices.Concat(varintField(tensorDim, uint64(len(numbers))), varintField(tensorDim, 1), varintField(tensorDim, 1),
		varintField(tensorDim, 1), varintField(tensorKind, kindFloat), bytesField(tensorRaw, raw))
	value := slices.Concat(bytesField(attributeName, []byte("value")), bytesField(attributeTensor, t),
		varintField(attributeKind, kindTensor))
	return node("Constant", to, bytesField(nodeAttribute, value))
}
