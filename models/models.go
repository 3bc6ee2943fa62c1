// Package models is the registry of neural-network files: what each is called, where it comes from, what its bytes
// hash to, under which licence it may be used and how it wants its input. It brings files into a folder and gives
// them out again, never without having checked the digest. It is not a package of data structures, and it knows
// nothing of OpenCV: it hands out bytes. It imports nothing of ours.
package models

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// FileName is the name of the file, in the folder of the models, in which an owner describes further embedders.
const FileName = "models.yaml"

// ErrMissing says that a model's file is not in the folder. It is normal before the first "vigil models fetch".
var ErrMissing = errors.New("not in the models folder")

// ErrDigest says that a file's bytes are not the ones the manifest promises. It is never normal: the file was
// damaged, exchanged, or is another version.
var ErrDigest = errors.New("wrong SHA-256")

// Role says what a model is for.
type Role string

// The two things models are for.
const (
	Detector Role = "detector" // finds faces and their landmarks
	Embedder Role = "embedder" // turns an aligned face into a vector
)

// Order is the order of the colour channels a network wants.
type Order string

// The two orders there are.
const (
	BGR Order = "bgr"
	RGB Order = "rgb"
)

// Input says how a network wants its pixels: (value − Mean) × Scale, value being 0 to 255.
type Input struct {
	Width  int        `json:"width" yaml:"width"`   // pixels
	Height int        `json:"height" yaml:"height"` // pixels
	Order  Order      `json:"order" yaml:"order"`   // "bgr" or "rgb"
	Mean   [3]float64 `json:"mean" yaml:"mean"`     // per channel, in Order
	Scale  float64    `json:"scale" yaml:"scale"`   // one factor for all channels
}

// Point is one line of a calibration table.
type Point struct {
	Rate   float64 `json:"rate" yaml:"rate"`     // false match rate of one comparison
	Cosine float64 `json:"cosine" yaml:"cosine"` // that this part of comparisons of two people reach
}

// Model is one entry of the manifest: a file, and all there is to know about it before opening it.
type Model struct {
	Name      string  `json:"name"`
	File      string  `json:"file"`          // name in the folder
	URL       string  `json:"url,omitempty"` // empty: cannot be fetched, bring it yourself
	Bytes     int64   `json:"bytes"`         // size of the file; 0: not stated
	SHA256    string  `json:"sha256"`        // 64 lower-case hexadecimal digits
	Licence   string  `json:"licence"`
	Role      Role    `json:"role"`
	Input     Input   `json:"input"`
	Dim       int     `json:"dim,omitempty"`       // length of the embedding; 0 for detectors
	Threshold float64 `json:"threshold,omitempty"` // cosine from which two faces are one person's
	Margin    float64 `json:"margin,omitempty"`    // by how much the nearest person must beat the second nearest
	// Calibration are points of falling rate and rising cosine. Empty: nobody has measured it, and what is assumed
	// follows from Threshold.
	Calibration []Point `json:"calibration,omitempty"`
	Default     bool    `json:"default"` // brought by a fetch that names nothing
	Note        string  `json:"note,omitempty"`
}

// ID names the model and its exact version, for templates to be tied to.
func (m Model) ID() string { return m.Name + "@" + m.SHA256[:12] }

// Names of the models the program knows by itself.
const (
	YuNet         = "yunet"
	SFace         = "sface"
	MobileFaceNet = "mobilefacenet"
)

// zoo is the OpenCV Zoo. Its files are in Git LFS; the raw address would answer with a pointer of 130 bytes.
const zoo = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"

func builtin() []Model {
	aligned := Input{Width: 112, Height: 112, Order: RGB, Scale: 1}
	return []Model{
		{
			Name: YuNet, File: "face_detection_yunet_2023mar.onnx",
			URL:   zoo + "face_detection_yunet/face_detection_yunet_2023mar.onnx",
			Bytes: 232589, SHA256: "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
			Licence: "MIT", Role: Detector, Default: true,
			Input: Input{Width: 640, Height: 640, Order: BGR, Scale: 1},
			Note:  "five landmarks; width and height may be any multiple of 32",
		},
		{
			// The threshold is the one its model card publishes for the cosine. Nobody has measured a calibration here.
			Name: SFace, File: "face_recognition_sface_2021dec.onnx",
			URL:   zoo + "face_recognition_sface/face_recognition_sface_2021dec.onnx",
			Bytes: 38696353, SHA256: "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
			Licence: "Apache-2.0", Role: Embedder, Default: true,
			Input: aligned, Dim: 128, Threshold: 0.363, Margin: 0.05,
			Note: "normalises its input itself",
		},
		{
			// Of 24 people with ten pictures each, 1 % of the pairs of different people score above 0.30 and none
			// above 0.51, 5 % of the pairs of one person below 0.62: 0.40 lies between the two.
			//
			// The calibration is of simulated tracks (four photos fused by quality, as decisions do) against single
			// photos, of the 24 people of ORL and two of portraits: 325 pairs of people. Rates down to 0.003, about one
			// pair, were counted. Below, an exponential is fitted to the highest 2 % of the scores, which errs towards
			// a threshold that is too high. With other people the cosine moves (90 % of bootstraps over people): 0.27 to
			// 0.35 at 0.01, 0.33 to 0.48 at 0.001, 0.45 to 0.73 at 0.00001. Relatives were not among them.
			// TestCalibration of vision/opencv measures it again.
			Name: MobileFaceNet, File: "mobilefacenet_arcface_ms1m.onnx",
			Bytes: 3992744, SHA256: "30e6cf7cc6834086fcf4f02bb7d111fe263bec12bcde6cb3a448232a72e2d1b8",
			Licence: "research use only", Role: Embedder,
			Input: aligned, Dim: 128, Threshold: 0.40, Margin: 0.05,
			Calibration: []Point{
				{0.1, 0.202},
				{0.03, 0.269},
				{0.01, 0.318},
				{0.003, 0.362},
				{1e-3, 0.409},
				{1e-6, 0.687},
			},
			Note: "normalises its input itself; not fetchable, used when named or when it is the folder's only embedder",
		},
	}
}

// Manifest is what is known about the models of one folder.
type Manifest struct {
	// Dir is the folder of the files. Empty: there is no folder, and every model is missing.
	Dir string
	// Models are the built-in entries followed by the owner's.
	Models []Model
}

// Load returns the built-in manifest together with the entries of the folder's models.yaml, if it has one.
func Load(dir string) (*Manifest, error) {
	m := &Manifest{Dir: dir, Models: builtin()}
	if dir == "" {
		return m, nil
	}
	own, err := readOwn(filepath.Join(dir, FileName))
	if err != nil {
		return nil, err
	}
	for _, o := range own {
		for _, k := range m.Models {
			if k.Name == o.Name || k.File == o.File {
				return nil, fmt.Errorf("%s: model %q: name or file %s is taken by %q",
					filepath.Join(dir, FileName), o.Name, o.File, k.Name)
			}
		}
		m.Models = append(m.Models, o)
	}
	return m, nil
}

// Find returns the entry of that name.
func (m *Manifest) Find(name string) (Model, error) {
	for _, k := range m.Models {
		if k.Name == name {
			return k, nil
		}
	}
	names := make([]string, len(m.Models))
	for i, k := range m.Models {
		names[i] = k.Name
	}
	return Model{}, fmt.Errorf("model %q: not in the manifest, which knows %s", name, strings.Join(names, ", "))
}

// Pick chooses the detector and the embedder to work with: YuNet, and the embedder of that name, or, with an empty
// name, SFace if its file is there, else the only embedder that is. ErrMissing when files are not there; nothing is
// opened, so nothing is checked yet.
func (m *Manifest) Pick(embedder string) (detector, chosen Model, err error) {
	if detector, err = m.Find(YuNet); err != nil {
		return Model{}, Model{}, err
	}
	if !m.present(detector) {
		return Model{}, Model{}, m.missing(detector)
	}
	if chosen, err = m.pickEmbedder(embedder); err != nil {
		return Model{}, Model{}, err
	}
	return detector, chosen, nil
}

func (m *Manifest) pickEmbedder(name string) (Model, error) {
	if name != "" {
		k, err := m.Find(name)
		switch {
		case err != nil:
			return Model{}, err
		case k.Role != Embedder:
			return Model{}, fmt.Errorf("model %q is a %s, not an embedder", name, k.Role)
		case !m.present(k):
			return Model{}, m.missing(k)
		}
		return k, nil
	}
	sface, err := m.Find(SFace)
	if err != nil {
		return Model{}, err
	}
	if m.present(sface) {
		return sface, nil
	}
	there := slices.DeleteFunc(slices.Clone(m.Models), func(k Model) bool { return k.Role != Embedder || !m.present(k) })
	switch len(there) {
	case 0:
		return Model{}, m.missing(sface)
	case 1:
		return there[0], nil
	}
	names := make([]string, len(there))
	for i, k := range there {
		names[i] = k.Name
	}
	return Model{}, fmt.Errorf("models folder %s holds the embedders %s: name the one to use", m.Dir, strings.Join(names, " and "))
}
