package child

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func works(ids ...string) (all []Work) {
	for i, id := range ids {
		all = append(all, Work{Lane: string(rune('a' + i)), ID: id})
	}
	return all
}

func TestWhoeverCrashesAloneTwiceIsGuilty(t *testing.T) {
	for name, test := range map[string]struct {
		crashes [][]Work
		guilty  []string // of each crash
	}{
		"alone from the first":        {[][]Work{works("bad"), works("bad")}, []string{"", "bad"}},
		"among others":                {[][]Work{works("good", "bad", "other"), works("bad")}, []string{"", "bad"}},
		"never alone":                 {[][]Work{works("good", "bad"), works("good", "bad")}, []string{"", ""}},
		"others each time":            {[][]Work{works("a"), works("b"), works("c")}, []string{"", "", ""}},
		"nothing in work":             {[][]Work{nil, nil}, []string{"", ""}},
		"a photo":                     {[][]Work{works(""), works("")}, []string{"", ""}},
		"a photo beside a suspect":    {[][]Work{works("good"), works("good", "")}, []string{"", ""}},
		"two, one after the other":    {[][]Work{works("bad", "worse"), works("worse"), works("bad")}, []string{"", "worse", "bad"}},
		"another one in between":      {[][]Work{works("bad"), works("other"), works("bad")}, []string{"", "", "bad"}},
		"guilty, and crashes no more": {[][]Work{works("bad"), works("bad"), works("next")}, []string{"", "bad", ""}},
	} {
		var s Suspects
		for i, work := range test.crashes {
			got := ""
			if w := s.Crashed(work); w != nil {
				got = w.ID
			}
			if got != test.guilty[i] {
				t.Errorf("%s: crash %d: got %q, want %q", name, i+1, got, test.guilty[i])
			}
			if got != "" && !slices.Contains(s.Orders().LeftOut, got) {
				t.Errorf("%s: %q is not left out", name, got)
			}
		}
	}
}

func TestRunOfGuilty(t *testing.T) {
	var s Suspects
	for i, want := range []bool{false, false, true} {
		bad := works("door/e/" + strconv.Itoa(i))
		s.Crashed(bad)
		s.Crashed(bad)
		if got := slices.Contains(s.Orders().LeftOut, "door/e"); got != want {
			t.Errorf("after %d: left out %v, want %v", i+1, got, want)
		}
	}
}

func TestSuspectsAreBounded(t *testing.T) {
	var s Suspects
	for i := range 3 * mostLeftOut {
		id := time.Unix(int64(i), 0).String()
		s.Crashed(works(id))
		s.LeaveOut(id)
	}
	if o := s.Orders(); len(o.Suspected) != mostSuspected || len(o.LeftOut) != mostLeftOut {
		t.Errorf("got %d suspects and %d left out", len(o.Suspected), len(o.LeftOut))
	}
}

func TestHung(t *testing.T) {
	for _, test := range []struct {
		wall, cpu time.Duration
		want      bool
	}{
		{hungAfter - 1, time.Hour, false},
		{hungAfter, hungCPU, true},
		{hungAfter, hungCPU - 1, false}, // the machine gave it no time
		{stuckAfter, 0, true},
	} {
		if got := hung(test.wall, test.cpu); got != test.want {
			t.Errorf("%s, of which %s at work: got %v", test.wall, test.cpu, got)
		}
	}
}
