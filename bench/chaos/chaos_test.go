package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestMain is the ledger when it is asked to be.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ledgerCommand {
		if err := keep(context.Background(), os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestChaos is the short form of make chaos.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("runs other processes for a minute or two")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("needs ffmpeg, to decode the clips")
	}
	programs := t.TempDir()
	for _, pkg := range []string{"vigil/cmd/vigil", "github.com/nats-io/nats-server/v2"} {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", programs+"/", pkg).CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
	}
	o := options{
		vigil: filepath.Join(programs, "vigil"), nats: filepath.Join(programs, "nats-server"), dir: t.TempDir(),
		kills: 2, rounds: 1, spread: 5 * time.Second, lasts: 5 * time.Second, cameras: 1, seed: 1,
		only: []string{"receiver refused", "store truncated"},
	}
	r, err := chaos(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.markdown())
	for _, problem := range r.balance.Problems {
		t.Error(problem)
	}
	if r.balance.Alerts == 0 || r.balance.Clips == 0 || r.balance.Produced == 0 {
		t.Errorf("got %+v, want alerts and clips", *r.balance)
	}
	for _, name := range names {
		if got := r.done.count(name, "killed"); got != o.kills {
			t.Errorf("%s was killed %d times, want %d", name, got, o.kills)
		}
	}
}
