package framestest_test

import (
	"testing"

	"vigil/frames"
	"vigil/frames/framestest"
)

func TestContract(t *testing.T) {
	framestest.Contract(t, func(*testing.T) (frames.Log, func(uint64)) {
		log := framestest.NewLog()
		return log, log.Expire
	})
}

func TestMax(t *testing.T) {
	log := &framestest.Log{Max: 2}
	f := framestest.Fragments("door", "e", framestest.Start(), 4, 1)
	framestest.Append(t, log, f...)
	for got, err := range log.Follow(t.Context(), "door", 0) {
		if err != nil || !framestest.Equal(got, f[2]) {
			t.Errorf("got %v, %v first, want %s", got, err, f[2].ID())
		}
		break
	}
}
