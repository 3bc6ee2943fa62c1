package models

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// maxOwn bounds models.yaml, which is read whole.
const maxOwn = 1 << 20

var (
	modelName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	fileName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ownFile is models.yaml.
type ownFile struct {
	Models []ownModel `yaml:"models"`
}

// ownModel is an owner's embedder. Its role is not asked: only embedders can be added.
type ownModel struct {
	Name        string  `yaml:"name"`
	File        string  `yaml:"file"`
	SHA256      string  `yaml:"sha256"`
	URL         string  `yaml:"url"`
	Bytes       int64   `yaml:"bytes"`
	Licence     string  `yaml:"licence"`
	Input       Input   `yaml:"input"`
	Dim         int     `yaml:"dim"`
	Threshold   float64 `yaml:"threshold"`
	Margin      float64 `yaml:"margin"`
	Calibration []Point `yaml:"calibration"`
	Note        string  `yaml:"note"`
}

func readOwn(path string) ([]Model, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("own models: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	b, err := io.ReadAll(io.LimitReader(f, maxOwn+1))
	if err != nil {
		return nil, fmt.Errorf("own models: %w", err)
	}
	own, err := parseOwn(b)
	if err != nil {
		return nil, fmt.Errorf("own models: %s: %w", path, err)
	}
	return own, nil
}

// parseOwn reads a models.yaml. An unknown key is an error with its line.
func parseOwn(b []byte) ([]Model, error) {
	if len(b) > maxOwn {
		return nil, fmt.Errorf("more than %d bytes", maxOwn)
	}
	var file ownFile
	if err := decode(b, &file); err != nil {
		return nil, err
	}
	own := make([]Model, 0, len(file.Models))
	seen := map[string]bool{}
	for i, o := range file.Models {
		if err := o.check(); err != nil {
			return nil, fmt.Errorf("model %d (%q): %w", i+1, o.Name, err)
		}
		if seen[o.Name] || seen[o.File] {
			return nil, fmt.Errorf("model %d (%q): its name or its file stands there twice", i+1, o.Name)
		}
		seen[o.Name], seen[o.File] = true, true
		own = append(own, o.model())
	}
	return own, nil
}

// decode turns goccy/go-yaml's panics into errors: v1.19.2 dereferences nil when a tagged scalar stands where a list
// is wanted ("models:\n !00 0").
func decode(b []byte, file *ownFile) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not readable as YAML: %v", r)
		}
	}()
	if err := yaml.UnmarshalWithOptions(b, file, yaml.Strict()); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (o ownModel) check() error {
	switch {
	case !modelName.MatchString(o.Name):
		return errors.New("name: want 1 to 63 of a-z, 0-9, dot, underscore and dash")
	case !fileName.MatchString(o.File) || strings.Contains(o.File, "..") || filepath.Base(o.File) != o.File:
		return fmt.Errorf("file %q: want the plain name of a file in the same folder", o.File)
	case !hexDigest.MatchString(o.SHA256):
		return errors.New("sha256: want 64 lower-case hexadecimal digits")
	case o.Bytes < 0 || o.Bytes > maxBytes:
		return fmt.Errorf("bytes %d: want 0 to %d", o.Bytes, int64(maxBytes))
	case o.Dim < 16 || o.Dim > 4096:
		return fmt.Errorf("dim %d: want 16 to 4096", o.Dim)
	case !(o.Threshold > 0 && o.Threshold < 1):
		return fmt.Errorf("threshold %v: want a cosine between 0 and 1", o.Threshold)
	case !(o.Margin >= 0 && o.Margin < 1):
		return fmt.Errorf("margin %v: want 0 to 1", o.Margin)
	}
	for _, err := range []error{o.Input.check(), checkCalibration(o.Calibration)} {
		if err != nil {
			return err
		}
	}
	return o.checkURL()
}

func (in Input) check() error {
	switch {
	case (in.Width != 0 && in.Width != 112) || (in.Height != 0 && in.Height != 112):
		return fmt.Errorf("input %d×%d: want 112×112", in.Width, in.Height)
	case in.Order != BGR && in.Order != RGB:
		return fmt.Errorf("input order %q: want bgr or rgb", in.Order)
	case !(in.Scale > 0 && in.Scale <= 1):
		return fmt.Errorf("input scale %v: want above 0 and at most 1", in.Scale)
	}
	for _, v := range in.Mean {
		if !(v >= 0 && v <= 255) {
			return fmt.Errorf("input mean %v: want 0 to 255", v)
		}
	}
	return nil
}

// checkCalibration wants a line that can be read from both sides: two points or more, each of a lower rate and a higher
// cosine than the one before.
func checkCalibration(points []Point) error {
	if len(points) == 1 {
		return errors.New("calibration: got one point, want two or more")
	}
	for i, p := range points {
		switch {
		case !(p.Rate > 0 && p.Rate < 1):
			return fmt.Errorf("calibration point %d: rate %v: want between 0 and 1", i+1, p.Rate)
		case !(p.Cosine > -1 && p.Cosine < 1):
			return fmt.Errorf("calibration point %d: cosine %v: want between -1 and 1", i+1, p.Cosine)
		case i > 0 && !(p.Rate < points[i-1].Rate && p.Cosine > points[i-1].Cosine):
			return fmt.Errorf("calibration point %d: want a lower rate and a higher cosine than the point before", i+1)
		}
	}
	return nil
}

func (o ownModel) checkURL() error {
	if o.URL == "" {
		return nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return errors.New("url: want an http or https address")
	}
	if o.Bytes == 0 {
		return errors.New("bytes: wanted with a url, it bounds the download")
	}
	return nil
}

func (o ownModel) model() Model {
	in := o.Input
	in.Width, in.Height = 112, 112
	return Model{
		Name: o.Name, File: o.File, URL: o.URL, Bytes: o.Bytes, SHA256: o.SHA256, Licence: o.Licence,
		Role: Embedder, Input: in, Dim: o.Dim, Threshold: o.Threshold, Margin: o.Margin,
		Calibration: o.Calibration, Note: o.Note,
	}
}
