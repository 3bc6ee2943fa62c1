//go:build !nocv

package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"

	"vigil/models"
)

// slopes are numbers of which some are negative and some above 1.
func slopes(n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(math.Sin(float64(i*i))) * 1.5
	}
	return s
}

// weights is an initializer of such numbers.
func weights(name string, dims ...uint64) []byte {
	n := uint64(1)
	fields := [][]byte{bytesField(tensorName, []byte(name)), varintField(tensorKind, kindFloat)}
	for _, d := range dims {
		n *= d
		fields = append(fields, varintField(tensorDim, d))
	}
	var raw []byte
	for _, v := range slopes(int(n)) {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return join(graphInitializer, append(fields, bytesField(tensorRaw, raw))...)
}

// bent has a PRelu of these slopes behind a convolution of that many channels.
func bent(channels uint64, slopes []byte) []byte {
	return model(node("Conv", "y", nil, "in", "w"), node("PRelu", "z", nil, "y", "s"), node("Identity", "out", nil, "z"),
		weights("w", channels, 3, 1, 1), slopes, value(graphInput, "in", 1, 3, 4, 4), value(graphOutput, "out", 1))
}

// kinds are the operators of a model's nodes.
func kinds(t *testing.T, model []byte) string {
	t.Helper()
	var all []string
	err := each(model, func(f field) error {
		if f.number != modelGraph {
			return nil
		}
		return each(f.inside, func(f field) error {
			if f.number != graphNode {
				return nil
			}
			o, err := readOperator(f.inside)
			all = append(all, o.kind)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// straightens skips where models stay as they are.
func straightens(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("not on " + runtime.GOARCH)
	}
}

func TestUnbend(t *testing.T) {
	straightens(t)
	inFloats := func(b []byte) []byte { // the same numbers, in TensorProto.float_data, and the dimensions packed
		var fields [][]byte
		_ = each(b, func(f field) error {
			fields = append(fields, bytesField(tensorName, []byte("s")), varintField(tensorKind, kindFloat), bytesField(tensorDim, []byte{16, 1, 1}))
			return each(f.inside, func(f field) error {
				if f.number == tensorRaw {
					fields = append(fields, bytesField(tensorFloats, f.inside))
				}
				return nil
			})
		})
		return join(graphInitializer, fields...)
	}
	nodes := straight("z", "y", slopes(16))
	for name, s := range map[string][]byte{
		"usual": weights("s", 16, 1, 1), "four dimensions": weights("s", 1, 16, 1, 1), "floats": inFloats(weights("s", 16, 1, 1)),
	} {
		before := bent(16, s)
		kept := bytes.Clone(before)
		got, err := unbend(before)
		want := "Conv Constant Conv Relu Constant Conv Add Identity"
		if err != nil || kinds(t, got) != want || !bytes.Contains(got, nodes) {
			t.Errorf("%s: got %s, %v, want %s with these slopes", name, kinds(t, got), err, want)
		}
		if !bytes.Equal(before, kept) {
			t.Errorf("%s: the model itself was changed", name)
		}
	}
}

// TestUnbendLeaves has what a PRelu must be for the other form to be the same, and faster.
func TestUnbendLeaves(t *testing.T) {
	in, out, w, s := value(graphInput, "in", 1, 3, 4, 4), value(graphOutput, "out", 1), weights("w", 16, 3, 1, 1), weights("s", 16, 1, 1)
	conv := node("Conv", "y", nil, "in", "w")
	for name, b := range map[string][]byte{
		"no PRelu":                 echo(),
		"channels not in blocks":   bent(8, weights("s", 8, 1, 1)),
		"slope for all":            bent(16, weights("s", 1, 1, 1)),
		"slope along the width":    bent(16, weights("s", 16)),
		"slope for each pixel":     bent(16, weights("s", 16, 4, 4)),
		"slopes without numbers":   bent(16, join(graphInitializer, bytesField(tensorName, []byte("s")), varintField(tensorKind, kindFloat), bytesField(tensorDim, []byte{16, 1, 1}))),
		"slopes of another kind":   bent(16, join(graphInitializer, bytesField(tensorName, []byte("s")), varintField(tensorKind, 10), bytesField(tensorDim, []byte{16, 1, 1}), bytesField(tensorRaw, make([]byte, 64)))),
		"slopes that are computed": model(conv, node("Neg", "u", nil, "s"), node("PRelu", "out", nil, "y", "u"), w, s, in, out),
		"not behind a convolution": model(node("PRelu", "out", nil, "in", "s"), s, in, out),
		"an operator of others":    model(conv, node("PRelu", "out", bytesField(nodeDomain, []byte("com.example")), "y", "s"), w, s, in, out),
		"without slopes":           model(conv, node("PRelu", "out", nil, "y"), w, in, out),
	} {
		if got, err := unbend(b); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: got %s, %v", name, kinds(t, got), err)
		}
	}
}

// TestUnbentIsTheSame runs models as they are and unbent.
func TestUnbentIsTheSame(t *testing.T) {
	straightens(t)
	l := library(t)
	check := func(t *testing.T, b []byte, in models.Input, side int) {
		straight, err := unbend(b)
		if err != nil || strings.Contains(kinds(t, straight), "PRelu") {
			t.Fatalf("got %s, %v", kinds(t, straight), err)
		}
		var results [2][]float32
		for i, b := range [][]byte{b, straight} {
			n, err := l.open(b, in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close() //nolint:errcheck // it returns nil
			if err := n.Run(picture(side, side), side, side); err != nil {
				t.Fatal(err)
			}
			results[i] = n.Output(0)
		}
		largest, off := float32(0), float32(0)
		for i, v := range results[0] {
			largest, off = max(largest, v, -v), max(off, v-results[1][i], results[1][i]-v)
		}
		if off > 1e-4*largest || math.IsNaN(float64(off)) || largest == 0 || len(results[0]) != len(results[1]) {
			t.Errorf("got %v and %v, farthest apart %v of %v", results[0][:4], results[1][:4], off, largest)
		}
	}
	t.Run("drawn", func(t *testing.T) { check(t, bent(32, weights("s", 32, 1, 1)), input(127.5), 20) })
	t.Run("MobileFaceNet", func(t *testing.T) {
		b, in := known(t, models.MobileFaceNet)
		check(t, b, in, 112)
	})
}

func FuzzUnbend(f *testing.F) {
	f.Add(echo())
	f.Add(bent(16, weights("s", 16, 1, 1)))
	f.Add(bent(16, bytesField(graphInitializer, bytesField(tensorDim, []byte{0xff}))))
	f.Fuzz(func(t *testing.T, b []byte) {
		straight, err := unbend(b)
		if err != nil {
			return
		}
		if again, err := unbend(straight); err != nil || !bytes.Equal(again, straight) {
			t.Fatalf("unbending again changes %x into %x: %v", straight, again, err)
		}
	})
}
