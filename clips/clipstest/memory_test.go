package clipstest

import (
	"bytes"
	"errors"
	"testing"

	"vigil/clips"
)

func TestMemory(t *testing.T) {
	Contract(t, func(*testing.T) clips.Store { return &Memory{} })
}

func TestMemoryFails(t *testing.T) {
	broken := errors.New("broken")
	fail := func(op, _ string) error {
		if op == "put" {
			return broken
		}
		return nil
	}
	for name, tt := range map[string]struct {
		store *Memory
		want  error
	}{
		"before": {&Memory{Before: fail}, clips.ErrNotFound},
		"after":  {&Memory{After: fail}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.store.Put(t.Context(), "key", bytes.NewReader([]byte("x")), clips.PutOptions{}); !errors.Is(err, broken) {
				t.Errorf("put: got %v, want %v", err, broken)
			}
			if _, err := tt.store.Stat(t.Context(), "key"); !errors.Is(err, tt.want) {
				t.Errorf("stat: got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	var m Memory
	if err := m.Put(t.Context(), "key", bytes.NewReader([]byte("whole")), clips.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	before, _ := m.Stat(t.Context(), "key")
	m.Damage("key", []byte("w"), true)
	if after, _ := m.Stat(t.Context(), "key"); after != before {
		t.Errorf("kept: got %+v, want %+v", after, before)
	}
	m.Damage("key", []byte("w"), false)
	if after, _ := m.Stat(t.Context(), "key"); after.Size != 1 || after.SHA256 != "" {
		t.Errorf("got %+v, want one byte of unknown checksum", after)
	}
}
