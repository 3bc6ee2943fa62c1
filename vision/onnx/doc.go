// Package onnx runs neural networks on ONNX Runtime, whose shared library it loads while the program runs: without the
// library everything else works. It takes the bytes of an ONNX file, which must have been checked before, and pictures
// of any size, each run in the thread that calls. It is the only importer of the library's binding, of which it keeps
// one thing away from everybody: the telemetry that ONNX Runtime sends home unless it is told not to before it starts.
// With the build tag nocv it is empty. It imports models.
package onnx
