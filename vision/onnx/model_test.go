//go:build !nocv

package onnx

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"vigil/models"
)

// Numbers of fields that only tests write.
const (
	modelVersion = 1 // ModelProto.ir_version
	modelOpset   = 8 // ModelProto.opset_import
	opsetVersion = 2 // OperatorSetIdProto.version
	elementKind  = 1 // TypeProto.Tensor.elem_type
)

func join(n protowire.Number, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return bytesField(n, all)
}

// value is the ValueInfoProto of floats in field n.
func value(n protowire.Number, name string, dims ...uint64) []byte {
	var shape []byte
	for _, d := range dims {
		shape = append(shape, bytesField(shapeDim, varintField(dimValue, d))...)
	}
	return join(n, bytesField(valueName, []byte(name)),
		join(valueType, join(typeTensor, varintField(elementKind, kindFloat), bytesField(tensorShape, shape))))
}

func single(kind, from, to string) []byte { return node(kind, to, nil, from) }

// model is a ModelProto whose graph has these fields.
func model(fields ...[]byte) []byte {
	m := append(varintField(modelVersion, 6), join(modelOpset, varintField(opsetVersion, 11))...)
	return append(m, join(modelGraph, fields...)...)
}

// echo gives its input, which its file says has 4×2 pixels, back as its output.
func echo() []byte {
	return model(single("Relu", "in", "middle"), single("Identity", "middle", "out"), value(graphInput, "in", 1, 3, 2, 4),
		value(graphOutput, "out", 1, 3, 2, 4), value(graphValueInfo, "middle", 1, 3, 2, 4))
}

// library loads the one that the environment names.
func library(t testing.TB) *Library {
	t.Helper()
	path := os.Getenv("VIGIL_ONNXRUNTIME")
	if path == "" {
		t.Skip("VIGIL_ONNXRUNTIME is not set: bring the library with make onnxruntime")
	}
	l, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t testing.TB, model []byte, in models.Input, outputs ...string) *Network {
	t.Helper()
	n, err := library(t).Open(model, in, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// known returns a model of the manifest's.
func known(t testing.TB, name string) ([]byte, models.Input) {
	t.Helper()
	dir := os.Getenv("VIGIL_MODELS_DIR")
	if dir == "" {
		t.Skip("VIGIL_MODELS_DIR is not set")
	}
	m, err := models.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	k, err := m.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, k.File)); err != nil {
		t.Skip(err)
	}
	b, err := m.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return b, k.Input
}
