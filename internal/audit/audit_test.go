package audit_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/audit"
	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

func open(t *testing.T, b *natsdtest.Broker) (*audit.Log, *bus.Conn) {
	t.Helper()
	c, err := bus.New(b.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Declare(t.Context(), bus.Limits{Store: b.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

func entry(n int) audit.Entry {
	return audit.Entry{At: time.Unix(int64(n), 0).UTC(), By: "tablet", Action: "PUT /api/v1/alerts/{id}/review", Object: fmt.Sprint("alert-", n), Status: 200}
}

func write(t *testing.T, l *audit.Log, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := l.Append(t.Context(), entry(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, l *audit.Log) audit.Checked {
	t.Helper()
	c, err := l.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEntriesAreListedAndChained(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{})
	l, _ := open(t, b)
	if c := check(t, l); c.Entries != 0 || len(c.Broken) != 0 {
		t.Errorf("an empty log: got %+v", c)
	}
	write(t, l, 1, 5)
	got, err := l.List(t.Context(), 0, 3)
	if err != nil || len(got) != 3 || got[0].Object != "alert-5" || got[0].Seq != 5 || got[2].Object != "alert-3" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err = l.List(t.Context(), 3, 10); err != nil || len(got) != 2 || got[0].Object != "alert-2" || got[1].Previous != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if c := check(t, l); c.Entries != 5 || c.First != 1 || c.Last != 5 || len(c.Broken) != 0 {
		t.Errorf("got %+v", c)
	}
	b.Stop()
	b.Start(t)
	again, _ := open(t, b)
	write(t, again, 6, 6)
	if c := check(t, again); c.Entries != 6 || len(c.Broken) != 0 {
		t.Errorf("after a restart: got %+v", c)
	}
}

// TestProcessesWriteOneChain has several write at once, each with what it knows of the end.
func TestProcessesWriteOneChain(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{})
	var all []*audit.Log
	for range 3 {
		l, _ := open(t, b)
		all = append(all, l)
	}
	var writing sync.WaitGroup
	for _, l := range all {
		writing.Go(func() {
			for n := range 10 {
				if err := l.Append(t.Context(), entry(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	if c := check(t, all[0]); c.Entries != 30 || len(c.Broken) != 0 {
		t.Errorf("got %+v", c)
	}
}

// TestNobodyTakesEntriesOut asks the server what an intruder with its credentials would.
func TestNobodyTakesEntriesOut(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{})
	l, c := open(t, b)
	write(t, l, 1, 3)
	stream, err := c.JetStream().Stream(t.Context(), bus.Audit)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 2); err == nil {
		t.Error("an entry was deleted")
	}
	if err := stream.Purge(t.Context()); err == nil {
		t.Error("the log was purged")
	}
}

// TestTamperingShows writes the log anew with a change, as somebody with the server's files could.
func TestTamperingShows(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(entries [][]byte) [][]byte
		want   string
	}{
		"an entry is changed": {func(e [][]byte) [][]byte {
			e[1] = []byte(strings.Replace(string(e[1]), "alert-2", "alert-9", 1))
			return e
		}, "entry 3 does not follow from entry 2"},
		"the last one is changed": {func(e [][]byte) [][]byte {
			e[4] = []byte(strings.Replace(string(e[4]), "alert-5", "alert-9", 1))
			return e
		}, "entry 5 was changed"},
		"one is taken out":   {func(e [][]byte) [][]byte { return slices.Delete(e, 1, 2) }, "entry 2 does not follow from entry 1"},
		"the end is cut off": {func(e [][]byte) [][]byte { return e[:3] }, "entries 4 to 5 are missing at the end"},
		"the beginning is":   {func(e [][]byte) [][]byte { return e[1:] }, "entry 1 follows one that is not there"},
		"one is no entry":    {func(e [][]byte) [][]byte { e[2] = []byte("{"); return e }, "entry 3 cannot be read"},
		"one is put in":      {func(e [][]byte) [][]byte { return slices.Insert(e, 2, e[1]) }, "entry 3 does not follow from entry 2"},
	} {
		t.Run(name, func(t *testing.T) {
			b := natsdtest.Start(t, natsd.Config{})
			l, conn := open(t, b)
			write(t, l, 1, 5)
			rewrite(t, conn.JetStream(), c.tamper)
			if got := check(t, l); !slices.ContainsFunc(got.Broken, func(line string) bool { return strings.Contains(line, c.want) }) {
				t.Errorf("got %v, want %q", got.Broken, c.want)
			}
		})
	}
}

func rewrite(t *testing.T, js jetstream.JetStream, tamper func([][]byte) [][]byte) {
	t.Helper()
	stream, err := js.Stream(t.Context(), bus.Audit)
	if err != nil {
		t.Fatal(err)
	}
	var entries [][]byte
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		if err != nil || !json.Valid(m.Data) {
			t.Fatalf("got %s, %v", m.Data, err)
		}
		entries = append(entries, m.Data)
	}
	cfg := stream.CachedInfo().Config
	if err := js.DeleteStream(t.Context(), bus.Audit); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, data := range tamper(entries) {
		if _, err := js.Publish(t.Context(), cfg.Subjects[0], data); err != nil {
			t.Fatal(err)
		}
	}
}
