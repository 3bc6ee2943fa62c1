package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"vigil/vision"
)

// TestReportForPeople: numbers are written out, and nothing grows with the gallery.
func TestReportForPeople(t *testing.T) {
	report := vision.Report{
		Model: "m@1", People: 30, Templates: 9000, Compared: 4500, Stated: 0.003, Threshold: 0.4,
		FalseAccepts: vision.Observed{Count: 2, Of: 2, Rate: 1, Low: 0.342, High: 1},
	}
	for i := range 12 {
		report.Single = append(report.Single, fmt.Sprintf("p%d", i))
	}
	var out bytes.Buffer
	(&Globals{out: &out}).tellReport(report)
	for _, want := range []string{
		"2 of 2, 100 % (95 %: 34.2 to 100 %)", "nothing to compare", "of 4500 templates", "p9 and 2 others\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", out.String(), want)
		}
	}
}
