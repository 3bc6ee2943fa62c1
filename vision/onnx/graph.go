//go:build !nocv

package onnx

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of fields in onnx.proto.
const (
	modelGraph       = 7  // ModelProto.graph
	graphInitializer = 5  // GraphProto.initializer
	graphInput       = 11 // GraphProto.input
	graphOutput      = 12 // GraphProto.output
	graphValueInfo   = 13 // GraphProto.value_info
	tensorName       = 8  // TensorProto.name
	valueName        = 1  // ValueInfoProto.name
	valueType        = 2  // ValueInfoProto.type
	typeTensor       = 1  // TypeProto.tensor_type
	tensorShape      = 2  // TypeProto.Tensor.shape
	shapeDim         = 1  // TensorShapeProto.dim
	dimValue         = 1  // TensorShapeProto.Dimension.dim_value
	dimParam         = 2  // TensorShapeProto.Dimension.dim_param
)

// graph is what a network calls its ends.
type graph struct {
	input   string
	outputs []string
}

// loosen returns a copy of the model that takes one picture of any height and width, and the names of its ends. What
// the model says of the sizes of its outputs and of everything between goes: it holds for the declared size only, and
// ONNX Runtime finds out by itself.
func loosen(model []byte) ([]byte, graph, error) {
	var g graph
	seen := false
	loose, err := rewrite(model, func(f field) (pieces, error) {
		if f.number != modelGraph {
			return pieces{f.whole}, nil
		}
		if seen {
			return nil, errors.New("model has two graphs")
		}
		seen = true
		inside, err := g.loosen(f.inside)
		return inside.in(modelGraph), err
	})
	if err == nil && g.input == "" {
		err = errors.New("model has no input")
	}
	return loose.joined(), g, err
}

// loosen reads the names of a GraphProto's ends and returns the message with the sizes of its values loosened.
func (g *graph) loosen(message []byte) (pieces, error) {
	weights, err := initializers(message)
	if err != nil {
		return nil, err
	}
	return rewrite(message, func(f field) (pieces, error) {
		if f.number == graphValueInfo {
			return nil, nil
		}
		if f.number != graphInput && f.number != graphOutput {
			return pieces{f.whole}, nil
		}
		name, err := name(f.inside, valueName)
		if err != nil {
			return nil, err
		}
		var shape []byte
		switch {
		case f.number == graphOutput:
			g.outputs = append(g.outputs, name)
		case weights[name] != nil: // old files list their weights among the inputs
			return pieces{f.whole}, nil
		case g.input != "" || name == "":
			return nil, errors.New("model has not exactly one input with a name")
		default:
			g.input, shape = name, bytesField(tensorShape, onePicture())
		}
		value, err := reshape(f.inside, shape)
		return value.in(f.number), err
	})
}

// reshape returns a ValueInfoProto with the given field in place of its tensor's shape.
func reshape(value, shape []byte) (pieces, error) {
	return rewrite(value, func(f field) (pieces, error) {
		if f.number != valueType {
			return pieces{f.whole}, nil
		}
		kind, err := rewrite(f.inside, func(f field) (pieces, error) {
			if f.number != typeTensor {
				return pieces{f.whole}, nil
			}
			tensor, err := rewrite(f.inside, func(f field) (pieces, error) {
				if f.number == tensorShape {
					return nil, nil
				}
				return pieces{f.whole}, nil
			})
			return append(tensor, shape).in(typeTensor), err
		})
		return kind.in(valueType), err
	})
}

// onePicture is the TensorShapeProto 1×3×height×width, the last two being whatever comes.
func onePicture() []byte {
	var shape []byte
	for _, n := range []uint64{1, 3} {
		shape = append(shape, bytesField(shapeDim, varintField(dimValue, n))...)
	}
	for _, name := range []string{"height", "width"} {
		shape = append(shape, bytesField(shapeDim, bytesField(dimParam, []byte(name)))...)
	}
	return shape
}

// initializers are the weights of a GraphProto, each a TensorProto, by their names.
func initializers(graph []byte) (map[string][]byte, error) {
	weights := map[string][]byte{}
	err := each(graph, func(f field) error {
		if f.number != graphInitializer {
			return nil
		}
		name, err := name(f.inside, tensorName)
		weights[name] = f.inside
		return err
	})
	return weights, err
}

// name returns the string in the field of that number.
func name(message []byte, number protowire.Number) (string, error) {
	found := ""
	err := each(message, func(f field) error {
		if f.number == number {
			found = string(f.inside)
		}
		return nil
	})
	return found, err
}

// field is one field of a message.
type field struct {
	number protowire.Number
	whole  []byte // with its tag
	inside []byte // the value of a field of bytes, else nil
	value  uint64 // that of a field with a number of variable length, else 0
}

// each calls visit with every field of a message.
func each(message []byte, visit func(field) error) error {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		value := protowire.ConsumeFieldValue(number, kind, message[tag:])
		if value < 0 {
			return protowire.ParseError(value)
		}
		f := field{number: number, whole: message[:tag+value]}
		switch kind {
		case protowire.BytesType:
			f.inside, _ = protowire.ConsumeBytes(message[tag:])
		case protowire.VarintType:
			f.value, _ = protowire.ConsumeVarint(message[tag:])
		}
		if err := visit(f); err != nil {
			return err
		}
		message = message[tag+value:]
	}
	return nil
}

// pieces are what a message consists of, one behind the other. A model has megabytes: they are copied once, when all is done.
type pieces [][]byte

func (p pieces) joined() []byte { return slices.Concat(p...) }

// in is the field of that number with the message in it.
func (p pieces) in(number protowire.Number) pieces {
	size := 0
	for _, piece := range p {
		size += len(piece)
	}
	head := protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), uint64(size)) //nolint:gosec // a length
	return append(pieces{head}, p...)
}

// rewrite returns a message of what change makes of every field.
func rewrite(message []byte, change func(field) (pieces, error)) (pieces, error) {
	var out pieces
	err := each(message, func(f field) error {
		changed, err := change(f)
		out = append(out, changed...)
		return err
	})
	return out, err
}

func varintField(number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value)
}

func bytesField(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}
