//go:build !nocv

package onnx

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestLoosen(t *testing.T) {
	weight := join(graphInitializer, varintField(1, 3), bytesField(tensorName, []byte("w")))
	relu := single("Relu", "in", "out")
	// A field that no version knows, of every kind, must survive.
	strange := append(protowire.AppendFixed32(protowire.AppendTag(nil, 100, protowire.Fixed32Type), 7), varintField(101, 8)...)
	before := model(relu, weight, value(graphInput, "w", 3), value(graphInput, "in", 1, 3, 640, 640), strange,
		value(graphOutput, "out", 1, 3, 640, 640), value(graphValueInfo, "x", 1, 16, 320, 320))
	kept := bytes.Clone(before)
	got, g, err := loosen(before)
	if err != nil || g.input != "in" || strings.Join(g.outputs, " ") != "out" {
		t.Fatalf("got %+v, %v", g, err)
	}
	if !bytes.Equal(before, kept) {
		t.Error("the model itself was changed")
	}
	input := join(graphInput, bytesField(valueName, []byte("in")), join(valueType, join(typeTensor, varintField(elementKind, kindFloat),
		join(tensorShape, bytesField(shapeDim, varintField(dimValue, 1)), bytesField(shapeDim, varintField(dimValue, 3)),
			bytesField(shapeDim, bytesField(dimParam, []byte("height"))), bytesField(shapeDim, bytesField(dimParam, []byte("width")))))))
	output := join(graphOutput, bytesField(valueName, []byte("out")), join(valueType, join(typeTensor, varintField(elementKind, kindFloat))))
	if want := model(relu, weight, value(graphInput, "w", 3), input, strange, output); !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
}

func TestLoosenRefuses(t *testing.T) {
	in, out := value(graphInput, "in", 1, 3, 2, 2), value(graphOutput, "out", 1)
	for name, b := range map[string][]byte{
		"nothing":         {},
		"no graph":        varintField(modelVersion, 6),
		"no input":        model(out),
		"two inputs":      model(in, value(graphInput, "more", 1), out),
		"nameless input":  model(value(graphInput, "", 1)),
		"two graphs":      append(model(in, out), model(in, out)...),
		"cut":             model(in, out)[:20],
		"no message":      []byte("not a network"),
		"broken tensor":   model(join(graphInput, bytesField(valueName, []byte("in")), join(valueType, bytesField(typeTensor, []byte{0xff})))),
		"graph as number": varintField(modelGraph, 1),
	} {
		if _, g, err := loosen(b); err == nil {
			t.Errorf("%s: got %+v and no error", name, g)
		}
	}
}

func FuzzLoosen(f *testing.F) {
	f.Add(echo())
	f.Add(model(join(graphInitializer, bytesField(tensorName, []byte("w"))), value(graphInput, "w"), value(graphInput, "in"), value(graphOutput, "out", 1)))
	f.Add(append(echo(), echo()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		loose, g, err := loosen(b)
		if err != nil {
			return
		}
		if g.input == "" {
			t.Fatalf("%x: got no input", b)
		}
		again, h, err := loosen(loose)
		if err != nil || !bytes.Equal(again, loose) || h.input != g.input || len(h.outputs) != len(g.outputs) {
			t.Fatalf("loosening again changes %x into %x: %v", loose, again, err)
		}
	})
}
