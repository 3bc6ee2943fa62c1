package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads the file at path (none when path is empty), lets the variables of environ, "KEY=value" each, override
// it, and checks the whole. Paths in the file are relative to the file. The warnings name variables that begin
// with VIGIL_ and belong to no key.
func Load(path string, environ []string) (cfg Config, warnings []string, err error) {
	cfg = Default()
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return cfg, nil, fmt.Errorf("read configuration: %w", err)
		}
		if err := Parse(text, &cfg); err != nil {
			return cfg, nil, fmt.Errorf("configuration %s: %w", path, err)
		}
		cfg.rebase(filepath.Dir(path))
	}
	if warnings, err = override(&cfg, environ); err != nil {
		return cfg, warnings, err
	}
	if err := cfg.Validate(); err != nil {
		if path != "" {
			err = fmt.Errorf("configuration %s: %w", path, err)
		}
		return cfg, warnings, err
	}
	return cfg, warnings, nil
}

// Parse reads strict YAML over cfg: a key that does not exist, or exists twice, is an error with its line.
func Parse(text []byte, cfg *Config) (err error) {
	// goccy/go-yaml v1.19.2 panics on some malformed tags, such as "!00 0".
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not readable as YAML: %v", r)
		}
	}()
	before := *cfg
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := decoder.Decode(cfg); err != nil && !errors.Is(err, io.EOF) {
		return placed(text, err)
	}
	if reflect.ValueOf(*cfg).IsZero() { // a file without a key, which the library reads as null
		*cfg = before
	}
	var more any
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

// placed says where in the file the error is. The library would show the lines around it, and with them secrets.
func placed(text []byte, err error) error {
	located, ok := errors.AsType[yaml.Error](err)
	if !ok || located.GetToken() == nil {
		if wrong := wrongValues(text); wrong != nil {
			return wrong
		}
		return err
	}
	message := located.GetMessage()
	if mismatch, ok := errors.AsType[*yaml.TypeError](err); ok {
		message = fmt.Sprintf("want a value of type %s, got a %s", mismatch.DstType, mismatch.SrcType)
	}
	at := located.GetToken().Position
	return fmt.Errorf("line %d, column %d: %s", at.Line, at.Column, message)
}

// wrongValues names the keys of durations, ages and sizes that cannot be read: the library's own error does not.
func wrongValues(text []byte) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil //nolint:nilerr // the decoder has said it already
	}
	var errs []error
	for _, section := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name := section.Tag.Get("yaml")
		switch {
		case section.Type.Kind() == reflect.Struct:
			errs = append(errs, wrongFields(file, name, section.Type)...)
		case section.Type.Kind() == reflect.Slice && section.Type.Elem().Kind() == reflect.Struct:
			for i := 0; valueAt(file, fmt.Sprintf("%s[%d]", name, i)) != nil; i++ {
				errs = append(errs, wrongFields(file, fmt.Sprintf("%s[%d]", name, i), section.Type.Elem())...)
			}
		}
	}
	return errors.Join(errs...)
}

func wrongFields(file *ast.File, name string, section reflect.Type) (errs []error) {
	read := []reflect.Type{reflect.TypeFor[time.Duration](), reflect.TypeFor[Age](), reflect.TypeFor[Size]()}
	for _, field := range reflect.VisibleFields(section) {
		key := name + "." + field.Tag.Get("yaml")
		node := valueAt(file, key)
		if node == nil || !slices.Contains(read, field.Type) {
			continue
		}
		value := node.GetToken()
		if err := setValue(reflect.New(field.Type).Elem(), value.Value); err != nil {
			errs = append(errs, fmt.Errorf("line %d, column %d: %s: %w", value.Position.Line, value.Position.Column, key, err))
		}
	}
	return errs
}

// valueAt is what the file says of a key; nil: nothing.
func valueAt(file *ast.File, key string) ast.Node {
	path, err := yaml.PathString("$." + key)
	if err != nil {
		return nil
	}
	node, err := path.FilterFile(file)
	if err != nil {
		return nil
	}
	return node
}

// Print writes the configuration as YAML, secrets as stars.
func (c *Config) Print(w io.Writer) error {
	text, err := yaml.MarshalWithOptions(c, yaml.Indent(2))
	if err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	_, err = w.Write(text)
	return err
}

// JSON returns the configuration as JSON, secrets as stars.
func (c *Config) JSON() ([]byte, error) {
	var text bytes.Buffer
	if err := c.Print(&text); err != nil {
		return nil, err
	}
	out, err := yaml.YAMLToJSON(text.Bytes())
	if err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return out, nil
}

// rebase makes the file's relative paths relative to dir.
func (c *Config) rebase(dir string) {
	for _, p := range c.paths() {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// Absolute makes every path independent of the working directory.
func (c *Config) Absolute() error {
	c.People.Known = slices.Clone(c.People.Known)
	for _, p := range c.paths() {
		if *p == "" {
			continue
		}
		absolute, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("path %s: %w", *p, err)
		}
		*p = absolute
	}
	return nil
}

func (c *Config) paths() []*string {
	paths := []*string{
		&c.DataDir, &c.HTTP.TLSCert, &c.HTTP.TLSKey, &c.RTSP.TLSCert, &c.RTSP.TLSKey, &c.NATS.CredsFile, &c.Models.Dir, &c.Models.Library,
		&c.MQTT.PasswordFile, &c.MQTT.CAFile,
	}
	for i := range c.People.Known {
		paths = append(paths, &c.People.Known[i].Photos)
	}
	return paths
}

// ModelsDir is where the network files lie.
func (c *Config) ModelsDir() string {
	if c.Models.Dir != "" {
		return c.Models.Dir
	}
	return filepath.Join(c.DataDir, "models")
}
