package main

import (
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/web"
	"vigil/vision"
)

func TestCorrectedAlertsSayWhoItWas(t *testing.T) {
	at := alerts.Time{Time: time.Date(2026, 11, 22, 20, 15, 31, 0, time.UTC)}
	a := alerts.Alert{
		ID: "01J", Camera: "door", OpenedAt: at, Decision: vision.Unknown, Stranger: "s-1",
		Nearest: &alerts.Nearest{Person: "Resident", Score: 0.19},
	}
	if row := alertRow(web.AlertView{Alert: a}); !strings.Contains(row, "\tResident 0.19\t") {
		t.Errorf("got %q", row)
	}
	if line := eventLine(alerts.Event{Type: alerts.Opened, Timestamp: at, Data: alerts.Data{Alert: a}}); strings.Contains(line, "Resident") {
		t.Errorf("got %q", line)
	}
	clip := &alerts.Clip{Start: at, End: alerts.Time{Time: at.Add(12320 * time.Millisecond)}}
	if row := alertRow(web.AlertView{Alert: a, Clip: clip, ClipDeleted: true}); !strings.HasSuffix(row, "\tdeleted") {
		t.Errorf("got %q, want it to say that the clip was deleted", row)
	}
	if row := alertRow(web.AlertView{Alert: a, Clip: clip}); !strings.HasSuffix(row, "\t12s") {
		t.Errorf("got %q", row)
	}
	a.Decision, a.CorrectedAt, a.Nearest = vision.Known, &at, &alerts.Nearest{Person: "Resident", Score: 0.7}
	if row := alertRow(web.AlertView{Alert: a}); !strings.Contains(row, "\twas Resident 0.70\t") {
		t.Errorf("got %q", row)
	}
	line := eventLine(alerts.Event{Type: alerts.Corrected, Timestamp: at, Data: alerts.Data{Alert: a}})
	if !strings.Contains(line, "alert.corrected") || !strings.HasSuffix(line, "was Resident 0.70") {
		t.Errorf("got %q", line)
	}
}
