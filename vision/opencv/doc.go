// Package opencv is the engine that finds and embeds faces with OpenCV: YuNet and an embedding network where their
// files are (deep), a Haar cascade and histograms of local binary patterns where not (classic). Pictures go in, faces
// in fractions of the picture come out; no gocv.Mat crosses the package's boundary, and nothing is given to OpenCV
// whose digest or size has not been checked. It is the only importer of gocv; the networks are run by a few lines of
// C++ of its own, because gocv v0.31.0 leaks its strings at each call that asks for several outputs and lets OpenCV's
// exceptions end the process. With the build tag nocv it is empty. It imports models and vision.
package opencv
