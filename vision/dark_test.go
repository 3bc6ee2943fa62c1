package vision

import (
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
)

// A camera of whose video nothing can be decoded is told of after 20 s, and no more once something is.
func TestUndecodable(t *testing.T) {
	for name, tt := range map[string]struct {
		spoilt func(second int64) bool
		want   string
	}{
		"all of it":            {func(int64) bool { return true }, "e1"},
		"19 s of it":           {func(s int64) bool { return s < 10 || s > 28 }, ""},
		"every second":         {func(s int64) bool { return s%2 == 1 }, ""},
		"all, then it is fine": {func(s int64) bool { return s < 25 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				list := record(t, "e1", time.Now(), 30)
				for _, f := range list {
					_, units, _, err := frames.Unpack(f.Payload)
					if err != nil {
						t.Fatal(err)
					}
					for _, u := range units {
						if tt.spoilt(u.PTS / frames.ClockRate) {
							w.corrupt = append(w.corrupt, u.PTS)
						}
					}
				}
				w.append(list)
				stop := w.start()
				synctest.Wait()
				if got := w.worker.State().Undecodable; got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
