package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"vigil/vision"
)

// Report is all that was measured.
type Report struct {
	Model   vision.Model `json:"model"`
	Seed    uint64       `json:"seed"`
	Pairs   *Pairs       `json:"pairs"`
	Photos  *Photos      `json:"photos"`
	Tracks  *Tracks      `json:"tracks"`
	Ladder  []Rung       `json:"ladder"`
	Scenes  []Scene      `json:"scenes"`
	Goals   []Goal       `json:"goals"`
	Missing []string     `json:"missing"` // what could not be measured
}

// Goal is something wanted, and whether it is so.
type Goal struct {
	What string `json:"what"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

// goals compares the numbers with what the product promises.
func goals(r *Report) []Goal {
	list := []Goal{
		{"ORL, per track: FPIR 0", r.Tracks.FPIR.String(), r.Tracks.FPIR.Count == 0},
		{"ORL, per track: FNIR 0", r.Tracks.FNIR.String(), r.Tracks.FNIR.Count == 0},
		{
			"ORL, per track: no false alarm, not even one that is taken back", fmt.Sprint(r.Tracks.Known[Corrected], " taken back"),
			r.Tracks.Known[Corrected]+r.Tracks.Known[CalledUnknown] == 0,
		},
	}
	for _, rung := range r.Ladder {
		list = append(list, rung.goals()...)
	}
	for _, s := range r.Scenes {
		list = append(list, s.goal())
	}
	return list
}

// poorEyes is the distance of the eyes in pixels below which hardly any face is to be decided.
const poorEyes = 24

// String names the rung.
func (r Rung) String() string {
	s := fmt.Sprintf("eyes %.0f px, blur %.1f px", r.Eyes, r.Blur)
	if r.Motion > 0 {
		s += fmt.Sprintf(", motion %d px", r.Motion)
	}
	return s + fmt.Sprintf(", noise %.0f", r.Noise)
}

func (r Rung) goals() []Goal {
	name := r.String() + ": "
	wrong, alarms := r.Known[WrongName]+r.Strangers[StrangerMissed], r.Known[CalledUnknown]+r.Known[Corrected]
	list := []Goal{{
		name + "no wrong name, nobody enrolled called unknown", fmt.Sprintf("%d wrong names, %d called unknown", wrong, alarms),
		wrong+alarms == 0,
	}}
	if r.Eyes < poorEyes {
		n := r.FPIR.Of + r.FNIR.Of
		silent := r.Undecided.Count + r.Known[NotSeen] + r.Strangers[NotSeen]
		list = append(list, Goal{
			name + "95 % undecided or not seen", fmt.Sprintf("%d of %d", silent, n), float64(silent) >= 0.95*float64(n),
		})
	}
	return list
}

func (s Scene) goal() Goal {
	counts := map[Verdict]int{}
	for _, p := range s.Passes {
		counts[p.Verdict]++
	}
	wrong := counts[WrongName] + s.Extra[WrongName]
	missed := counts[StrangerMissed] + s.Extra[StrangerMissed]
	alarms := counts[CalledUnknown] + counts[Corrected] + s.Extra[CalledUnknown] + s.Extra[Corrected]
	silent := counts[NoAnswer] + counts[NotSeen]
	return Goal{
		fmt.Sprintf("%s, %s enrolled: every pass right", s.File, strings.Join(s.Enrolled, " ")),
		fmt.Sprintf("%d of %d right, %d wrong names, %d strangers missed, %d known called unknown, %d without an answer",
			counts[Right], len(s.Passes), wrong, missed, alarms, silent),
		counts[Right] == len(s.Passes) && wrong+missed+alarms == 0,
	}
}

// String shows the rate in percent.
func (r Rate) String() string {
	return fmt.Sprintf("%.2f %% (%d of %d; 95 %%: %.2f to %.2f)", 100*r.Rate, r.Count, r.Of, 100*r.Low, 100*r.High)
}

// table collects lines and prints them in columns.
type table struct{ lines []string }

func (t *table) row(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// print writes the tables.
func (r *Report) print(out io.Writer) error {
	var t table
	t.row("engine %s, %s: threshold %.3f, margin %.3f; seed %d\n", r.Model.Engine, r.Model.ID, r.Model.Threshold, r.Model.Margin, r.Seed)
	t.pairs(r.Pairs)
	t.photos(r.Photos)
	t.tracks(r.Tracks)
	t.ladder(r.Ladder)
	t.scenes(r.Scenes)
	t.row("GOALS\t\t")
	for _, g := range r.Goals {
		met := "met"
		if !g.Met {
			met = "NOT MET"
		}
		t.row("%s\t%s\t%s", met, g.What, g.Got)
	}
	for _, missing := range r.Missing {
		t.row("NOT MEASURED\t%s\t", missing)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(w, strings.Join(t.lines, "\n")+"\n"); err != nil {
		return err
	}
	return w.Flush()
}

func (t *table) pairs(p *Pairs) {
	t.row("PAIRS of ORL\t%d photos, %d without a face", p.Photos, p.NoFace)
	t.row("same person\t%d: least %.3f, 5 %% below %.3f, median %.3f", p.Same, p.SameLow[0], p.SameLow[1], p.SameLow[2])
	t.row("different\t%d: median %.3f, 1 %% above %.3f, most %.3f", p.Different, p.DiffHigh[0], p.DiffHigh[1], p.DiffHigh[2])
	t.row("at %.3f\taccuracy %.3f %%, false reject %.3f %%, false accept %.3f %%", p.Threshold, 100*p.Accuracy, 100*p.FalseReject, 100*p.FalseAccept)
	t.row("equal error\t%.3f %% at %.3f\n", 100*p.EqualError, p.EqualErrorsAt)
}

func (t *table) photos(p *Photos) {
	t.row("PHOTOS of ORL, open set\t%d splits, %d people enrolled, %d of %d photos served as templates", p.Splits, p.Enrolled, p.Templates, p.Offered)
	for _, point := range p.Points {
		t.row("FPIR at most %.1f %%\tFNIR %.2f %% at %.3f, FPIR %.2f %%", 100*point.Allowed, 100*point.FNIR, point.Threshold, 100*point.FPIR)
	}
	t.row("shipped, %.3f and margin %.3f\tFPIR %s", p.Threshold, p.Margin, p.FPIR)
	t.row("\tFNIR %s", p.FNIR)
	t.row("\twrong names %s\n", p.Wrong)
}

func (t *table) tracks(r *Tracks) {
	t.row("TRACKS of ORL, open set\t%d splits, %d pictures a track, %d extra tracks", r.Splits, r.Pictures, r.Extra)
	t.row("FPIR\t%s", r.FPIR)
	t.row("FNIR\t%s", r.FNIR)
	t.row("undecided\t%s", r.Undecided)
	t.row("enrolled\t%s", verdicts(r.Known))
	t.row("strangers\t%s\n", verdicts(r.Strangers))
}

func (t *table) ladder(rungs []Rung) {
	t.row("LADDER\tenrolled\tstrangers")
	for _, r := range rungs {
		t.row("%s\t%s\t%s", r, verdicts(r.Known), verdicts(r.Strangers))
	}
	t.row("")
}

func (t *table) scenes(scenes []Scene) {
	for _, s := range scenes {
		t.row("SCENE %s\tenrolled: %s\t", s.File, strings.Join(s.Enrolled, " "))
		for _, p := range s.Passes {
			role := "stranger"
			if p.Known {
				role = "enrolled"
			}
			t.row("%s, %s, %.0f to %.0f s\t%s\t%s, %.1f to %.1f s", p.Person, role, p.Enter, p.Leave, p.Verdict, p.Said, p.Start, p.End)
		}
		t.row("extra tracks\t%s\tstrangers taken for one another: %d\n", verdicts(s.Extra), s.Merged)
	}
}

// verdicts lists what was counted, the worst first.
func verdicts(counts map[Verdict]int) string {
	var parts []string
	for _, v := range []Verdict{WrongName, StrangerMissed, CalledUnknown, Corrected, Right, NoAnswer, NotSeen} {
		if counts[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
