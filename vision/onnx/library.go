//go:build !nocv

package onnx

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// fileName is the library's name, also to the loader.
const fileName = "libonnxruntime.so.1"

// leastMinor is the oldest version that has what the binding calls (its ORT_API_VERSION): 1.28.
const leastMinor = 28

// ErrMissing says that there is no library at any of the places where Load looks for one. It is normal: OpenCV runs the
// networks then.
var ErrMissing = errors.New("no ONNX Runtime")

// Library is the loaded library.
type Library struct{ path, version string }

// process holds the one library of this process. It is a variable because the binding's own state is one: it knows a
// single library, and nobody else may load another.
var process struct {
	sync.Mutex
	library *Library
}

// Load loads the library at path or, when path is empty, the one beside the executable, in /usr/lib/vigil, in
// /usr/local/lib, or where the loader finds libonnxruntime.so.1. It stays loaded, and is the same for all who ask for
// it; another one beside it is refused.
func Load(path string) (*Library, error) {
	if path != "" {
		return load(path)
	}
	places := places()
	for _, p := range places {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			return load(p)
		}
	}
	library, err := load(fileName)
	if err != nil {
		return nil, fmt.Errorf("%w at %s, nor does the loader bring it: %w", ErrMissing, strings.Join(places, ", "), err)
	}
	return library, nil
}

// places is where the library is looked for before the loader is asked.
func places() []string {
	var places []string
	if self, err := os.Executable(); err == nil {
		places = append(places, filepath.Join(filepath.Dir(self), fileName))
	}
	return append(places, filepath.Join("/usr/lib/vigil", fileName), filepath.Join("/usr/local/lib", fileName))
}

func load(path string) (*Library, error) {
	process.Lock()
	defer process.Unlock()
	if loaded := process.library; loaded != nil {
		if loaded.path != path {
			return nil, fmt.Errorf("load ONNX Runtime from %s: this process has loaded it from %s", path, loaded.path)
		}
		return loaded, nil
	}
	if path != fileName {
		if err := check(path); err != nil {
			return nil, fmt.Errorf("load ONNX Runtime: %w", err)
		}
	}
	// Official builds report home from the start, with an id they keep in the user's cache; only this, before the
	// start, stops it (docs/Privacy.md of ONNX Runtime).
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return nil, fmt.Errorf("load ONNX Runtime: %w", err)
	}
	ort.SetSharedLibraryPath(path)
	// Errors are returned; the library's own log would say them again.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, fmt.Errorf("load ONNX Runtime, 1.%d or newer, from %s: %w", leastMinor, path, err)
	}
	process.library = &Library{path: path, version: ort.GetVersion()}
	return process.library, nil
}

// check looks into the file before the loader runs what is in it: whether it is ONNX Runtime, and new enough.
func check(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("library %s: %w", path, err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("library %s: %w", path, err)
	}
	for _, s := range symbols {
		if s.Name != "OrtGetApiBase" {
			continue
		}
		var major, minor int
		version := strings.TrimPrefix(s.Version, "VERS_")
		if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n == 2 && major == 1 && minor < leastMinor {
			return fmt.Errorf("library %s: version %s, want 1.%d or newer", path, version, leastMinor)
		}
		return nil
	}
	return fmt.Errorf("library %s: not ONNX Runtime", path)
}

// String is the library's name, version and place.
func (l *Library) String() string { return fmt.Sprintf("ONNX Runtime %s (%s)", l.version, l.path) }
