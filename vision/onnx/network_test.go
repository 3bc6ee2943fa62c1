//go:build !nocv

package onnx

import (
	"bytes"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vigil/models"
)

func input(mean float64) models.Input {
	return models.Input{Order: models.BGR, Mean: [3]float64{mean, mean, mean}, Scale: 1}
}

// picture is noise that is the same in every run.
func picture(width, height int) []byte {
	bgr := make([]byte, 3*width*height)
	for i := range bgr {
		bgr[i] = byte(i * i >> 3)
	}
	return bgr
}

func TestRunConverts(t *testing.T) {
	for order, want := range map[models.Order][]float32{
		models.BGR: {0, 1.5, 2, 117.5, 0, 0.5},
		models.RGB: {1, 10.5, 2, 117.5, 0, 0},
	} {
		in := models.Input{Order: order, Mean: [3]float64{10, 20, 30}, Scale: 0.5}
		n := open(t, echo(), in)
		// The network sets what is below zero to zero.
		if err := n.Run([]byte{10, 24, 12, 13, 255, 31}, 2, 1); err != nil {
			t.Fatal(err)
		}
		if got := n.Output(0); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", order, got, want)
		}
		if n.Output(1) != nil || n.Output(-1) != nil {
			t.Error("got an output that is not there")
		}
	}
}

func TestSizes(t *testing.T) {
	n := open(t, echo(), input(0))
	if n.Output(0) != nil {
		t.Error("got an output before the first run")
	}
	for round := range 3 {
		for _, s := range [][2]int{{4, 2}, {640, 384}, {1, 1}, {4, 2}, {7, 300}, {33, 9}, {9, 33}, {640, 384}, {640, 384}} {
			bgr := picture(s[0], s[1])
			bgr[0] = byte(round)
			if err := n.Run(bgr, s[0], s[1]); err != nil {
				t.Fatalf("%v: %v", s, err)
			}
			out, plane := n.Output(0), s[0]*s[1]
			for i, v := range bgr {
				if got := out[i%3*plane+i/3]; got != float32(v) {
					t.Fatalf("%v: got %v at %d, want %d", s, got, i, v)
				}
			}
			if len(n.sizes) > maxSizes {
				t.Fatalf("got %d sizes kept, want at most %d", len(n.sizes), maxSizes)
			}
		}
	}
	for _, s := range [][2]int{{0, 1}, {1, 0}, {-1, -1}, {3, 3}} {
		if err := n.Run(make([]byte, 26), s[0], s[1]); err == nil {
			t.Errorf("%v of 26 bytes: got no error", s)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	l := library(t)
	in, two := value(graphInput, "in", 1, 3, 2, 4), value(graphOutput, "more", 1)
	out := value(graphOutput, "out", 1)
	for name, test := range map[string]struct {
		model   []byte
		outputs []string
		want    string
	}{
		"empty":              {nil, nil, "empty"},
		"not a network":      {[]byte("not a network"), nil, "model"},
		"two outputs":        {model(single("Relu", "in", "out"), single("Relu", "in", "more"), in, out, two), nil, "2 outputs"},
		"no such output":     {echo(), []string{"nose"}, "nose"},
		"unknown operator":   {model(single("Nose", "in", "out"), in, out), nil, "Nose"},
		"nothing makes it":   {model(single("Relu", "in", "x"), in, out), nil, "out"},
		"cut":                {echo()[:len(echo())-30], nil, "model"},
		"no operator at all": {model(in), nil, "0 outputs"},
	} {
		n, err := l.Open(test.model, input(0), test.outputs...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want an error on one line with %q in it", name, err, test.want)
		}
		if err == nil {
			_ = n.Close()
		}
	}
}

// TestOutputIsNotFloats has a network that gives its input's shape.
func TestOutputIsNotFloats(t *testing.T) {
	shape := join(graphOutput, bytesField(valueName, []byte("out")), join(valueType, join(typeTensor, varintField(elementKind, 7))))
	n := open(t, model(single("Shape", "in", "out"), value(graphInput, "in", 1, 3, 2, 4), shape), input(0))
	for range 2 {
		if err := n.Run(picture(4, 2), 4, 2); err == nil || !strings.Contains(err.Error(), "out") {
			t.Errorf("got %v, want an error that names the output", err)
		}
	}
}

// TestDamaged damages a real network in many places. What it must not do is end the process.
func TestDamaged(t *testing.T) {
	l := library(t)
	b, in := known(t, models.YuNet)
	try := func(b []byte) bool {
		n, err := l.Open(b, in, "cls_8")
		if err != nil {
			return false
		}
		defer n.Close() //nolint:errcheck // it may be anything
		return n.Run(picture(96, 96), 96, 96) == nil
	}
	if !try(b) {
		t.Fatal("the whole network does not work")
	}
	for n := 1; n < len(b); n += len(b) / 20 {
		if try(b[:n]) {
			t.Errorf("a network of %d of %d bytes: got no error", n, len(b))
		}
	}
	for i := 0; i < len(b); i += len(b)/100 + 1 {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0xff
		try(damaged) // a wrong weight is no error
	}
}

func TestWrongSize(t *testing.T) {
	b, in := known(t, models.MobileFaceNet)
	n := open(t, b, in)
	if err := n.Run(picture(50, 40), 50, 40); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want an error on one line", err)
	}
	if err := n.Run(picture(112, 112), 112, 112); err != nil || len(n.Output(0)) != 128 {
		t.Errorf("after an error: got %d numbers, %v", len(n.Output(0)), err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Run(picture(112, 112), 112, 112); err == nil {
		t.Error("after closing: got no error")
	}
}

func TestYuNetSizes(t *testing.T) {
	b, in := known(t, models.YuNet)
	n := open(t, b, in, "cls_8", "bbox_16", "kps_32")
	for _, s := range [][2]int{{640, 640}, {640, 384}, {96, 640}, {96, 96}} {
		if err := n.Run(picture(s[0], s[1]), s[0], s[1]); err != nil {
			t.Fatalf("%v: %v", s, err)
		}
		for i, want := range []int{s[0] / 8 * s[1] / 8, s[0] / 16 * s[1] / 16 * 4, s[0] / 32 * s[1] / 32 * 10} {
			if got := len(n.Output(i)); got != want {
				t.Errorf("%v: got %d numbers in output %d, want %d", s, got, i, want)
			}
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	n := open(t, echo(), input(0))
	big, small := picture(64, 32), picture(32, 64)
	if got := testing.AllocsPerRun(100, func() {
		if n.Run(big, 64, 32) != nil || n.Run(small, 32, 64) != nil || len(n.Output(0)) == 0 {
			t.Fatal("a run failed")
		}
	}); got != 0 {
		t.Errorf("got %v allocations in two runs, want none", got)
	}
}

// TestTwoLanes runs two networks at once, as two lanes do.
func TestTwoLanes(t *testing.T) {
	b, in := known(t, models.MobileFaceNet)
	var lanes sync.WaitGroup
	results := make([][]float32, 2)
	for i := range results {
		n := open(t, b, in)
		lanes.Go(func() {
			for range 5 {
				if err := n.Run(picture(112, 112), 112, 112); err != nil {
					t.Error(err)
				}
			}
			results[i] = slices.Clone(n.Output(0))
		})
	}
	lanes.Wait()
	for i, v := range results[0] {
		if math.Abs(float64(v-results[1][i])) > 1e-6 {
			t.Fatalf("got %v and %v from the same picture", v, results[1][i])
		}
	}
}

// resident is the memory of this process, in bytes: what the library allocates is invisible to Go.
func resident(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc/self/statm")
	}
	pages, err := strconv.Atoi(string(bytes.Fields(b)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestNoLeak runs more sizes than are kept, opens and closes, and fails. One input kept in each turn would make 57 MB.
func TestNoLeak(t *testing.T) {
	l := library(t)
	const turns, most = 300, 8 << 20
	work := func() {
		for range turns {
			n, err := l.Open(echo(), input(0))
			if err != nil {
				t.Fatal(err)
			}
			for i := range maxSizes + 2 {
				if err := n.Run(picture(128, 16+i), 128, 16+i); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Open(echo()[:30], input(0)); err == nil {
				t.Fatal("got no error")
			}
		}
	}
	work() // pools fill
	before := resident(t)
	work()
	if grown := resident(t) - before; grown > most {
		t.Errorf("memory grew by %d bytes in %d turns", grown, turns)
	}
}

func benchmark(b *testing.B, name string, width, height int, outputs ...string) {
	file, in := known(b, name)
	n := open(b, file, in, outputs...)
	bgr := picture(width, height)
	if err := n.Run(bgr, width, height); err != nil { // the first run makes the buffers
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Run(bgr, width, height); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkYuNet640x384(b *testing.B) {
	var outputs []string
	for _, kind := range []string{"cls", "obj", "bbox", "kps"} {
		outputs = append(outputs, kind+"_8", kind+"_16", kind+"_32")
	}
	benchmark(b, models.YuNet, 640, 384, outputs...)
}

func BenchmarkMobileFaceNet(b *testing.B) { benchmark(b, models.MobileFaceNet, 112, 112) }

func BenchmarkSpread640x384(b *testing.B) {
	c, planes, bgr := newConversion(input(127.5)), make([]float32, 3*640*384), picture(640, 384)
	for b.Loop() {
		c.spread(planes, bgr)
	}
}
