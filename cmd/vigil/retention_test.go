package main

import (
	"strings"
	"testing"
	"time"

	"vigil/clips/retention"
)

func TestRetentionRow(t *testing.T) {
	now := retention.State{Kind: "clips", Deleted: 6, DeletedBytes: 4_500_000}
	if row := retentionRow(retention.State{}, now); row != "clips\t-\t0\t0s\t6, 4.5 MB\t-\t-" {
		t.Errorf("before the first run: got %q", row)
	}
	last := retention.State{Kind: "clips", Ran: time.Now(), Deleted: 3, Measured: time.Now(), KeptBytes: 7e6, Error: "no answer"}
	if row := retentionRow(last, now); !strings.HasSuffix(row, "\t3\t0s\t6, 4.5 MB\t7.0 MB\tno answer") {
		t.Errorf("got %q", row)
	}
}
