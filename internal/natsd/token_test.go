package natsd

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestToken(t *testing.T) {
	s, err := Start(t.Context(), Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Token: "hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in, err := s.Connect()
	if err != nil {
		t.Fatalf("in process: %v", err)
	}
	in.Close()
	out, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatalf("with the token: %v", err)
	}
	out.Close()
	for _, address := range []string{strings.Replace(s.URL(), "hunter2@", "", 1), strings.Replace(s.URL(), "hunter2", "guess", 1)} {
		if _, err := nats.Connect(address); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: got %v, want %v", address, err, nats.ErrAuthorization)
		}
	}
}
