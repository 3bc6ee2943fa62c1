//go:build !nocv

package app

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vigil/frames"
	"vigil/vision"
)

// faultVariable makes a child of the test's own program fail at an access unit: "kind digest".
const faultVariable = "CHILD_FAULT"

// TestMain makes the vision role's process of the test's own program.
func TestMain(m *testing.M) {
	if !slices.Equal(os.Args[1:], []string{"vision-process"}) {
		os.Exit(m.Run())
	}
	kind, digest, _ := strings.Cut(os.Getenv(faultVariable), " ")
	err := runVision(func(open vision.NewDecoder) vision.NewDecoder {
		return func(p frames.Parameters) (vision.Decoder, error) {
			d, err := open(p)
			return faulty{d, kind, digest}, err
		}
	})
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// faulty is a decoder that an access unit breaks.
type faulty struct {
	vision.Decoder
	kind, digest string
}

// Decode implements vision.Decoder.
func (d faulty) Decode(u frames.AccessUnit, want func(int64) bool, got func(vision.Picture) error) error {
	if d.digest == "" || digestOf(u) != d.digest {
		return d.Decoder.Decode(u, want, got)
	}
	switch d.kind {
	case "crash":
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGSEGV)
		select {}
	case "hang":
		for { //nolint:staticcheck // it is to hang at work
		}
	case "memory":
		taken := make([]byte, 16<<30)
		for i := range taken {
			taken[i] = 1
		}
		runtime.KeepAlive(taken)
	}
	return d.Decoder.Decode(u, want, got)
}

// digestOf names an access unit by its picture.
func digestOf(u frames.AccessUnit) string {
	sum := sha256.Sum256(u.NALUs[len(u.NALUs)-1])
	return hex.EncodeToString(sum[:8])
}
