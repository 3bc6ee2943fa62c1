package bus_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

const mib = 1 << 20

// frames stands for the log of fragments.
func frames(maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "FRAMES", Subjects: []string{"vigil.frames.*"}, MaxAge: 15 * time.Minute, MaxBytes: maxBytes,
		Storage: jetstream.FileStorage, Duplicates: 2 * time.Minute, AllowDirect: true,
	}
}

func TestDeclare(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{MaxStore: 16 << 30})
	c := open(t, b)
	limits := bus.Limits{Streams: []jetstream.StreamConfig{frames(4 << 30)}}
	var roles errgroup.Group
	for range 5 {
		roles.Go(func() error { return c.Declare(t.Context(), limits) })
	}
	if err := roles.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		name      string
		retention jetstream.RetentionPolicy
		discard   jetstream.DiscardPolicy
		age       time.Duration
		bytes     int64
	}{
		{"FRAMES", jetstream.LimitsPolicy, jetstream.DiscardOld, 15 * time.Minute, 4 << 30},
		{bus.Sightings, jetstream.LimitsPolicy, jetstream.DiscardOld, 7 * 24 * time.Hour, 256 * mib},
		{bus.Events, jetstream.LimitsPolicy, jetstream.DiscardOld, 30 * 24 * time.Hour, 256 * mib},
		{bus.Outbox, jetstream.WorkQueuePolicy, jetstream.DiscardNew, 14 * 24 * time.Hour, 256 * mib},
		{bus.ClipJobs, jetstream.WorkQueuePolicy, jetstream.DiscardNew, 7 * 24 * time.Hour, 64 * mib},
		{bus.DLQ, jetstream.LimitsPolicy, jetstream.DiscardOld, 30 * 24 * time.Hour, 128 * mib},
		{"KV_" + bus.Leases, jetstream.LimitsPolicy, jetstream.DiscardNew, bus.LeaseTTL, 4 * mib},
		{"KV_" + bus.People, jetstream.LimitsPolicy, jetstream.DiscardNew, 0, 256 * mib},
	} {
		got := stream(t, c, want.name).Config
		if got.Retention != want.retention || got.Discard != want.discard || got.MaxAge != want.age ||
			got.MaxBytes != want.bytes || got.Storage != jetstream.FileStorage || got.Replicas != 1 {
			t.Errorf("got %+v, want %+v in files", got, want)
		}
	}
}

// How long alerts are kept is the owner's choice, also later.
func TestDeclareAlerts(t *testing.T) {
	c, _ := declared(t)
	for _, age := range []time.Duration{90 * 24 * time.Hour, 7 * 24 * time.Hour} {
		if err := c.Declare(t.Context(), bus.Limits{Alerts: age}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{bus.Events, "KV_" + bus.Alerts} {
			if got := stream(t, c, name).Config.MaxAge; got != age {
				t.Errorf("%s: got %s, want %s", name, got, age)
			}
		}
		if got := stream(t, c, bus.Sightings).Config.MaxAge; got != 7*24*time.Hour {
			t.Errorf("sightings: got %s, want a week", got)
		}
	}
}

func TestDeclareChangesWhatCanBeChanged(t *testing.T) {
	c, _ := declared(t)
	js := c.JetStream()
	drifted := stream(t, c, bus.Events).Config
	drifted.MaxAge, drifted.MaxBytes, drifted.Subjects = time.Hour, mib, []string{"vigil.events.old"}
	drifted.Metadata = map[string]string{"owner": "somebody"}
	if _, err := js.UpdateStream(t.Context(), drifted); err != nil {
		t.Fatal(err)
	}
	if _, err := js.UpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: bus.Leases, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := c.Declare(t.Context(), bus.Limits{}); err != nil {
		t.Fatal(err)
	}
	got := stream(t, c, bus.Events).Config
	if got.MaxAge != 30*24*time.Hour || got.MaxBytes != 256*mib || got.Subjects[0] != "vigil.events.>" {
		t.Errorf("got %+v, want it as declared", got)
	}
	if got.Metadata["owner"] != "somebody" {
		t.Error("what an administrator added is gone")
	}
	if got := stream(t, c, "KV_"+bus.Leases).Config.MaxAge; got != bus.LeaseTTL {
		t.Errorf("got leases of %s, want %s", got, bus.LeaseTTL)
	}
}

func TestDeclareNamesWhatCannotBeChanged(t *testing.T) {
	c := open(t, natsdtest.Start(t, natsd.Config{}))
	_, err := c.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{
		Name: bus.Outbox, Subjects: []string{"vigil.outbox.*"}, Storage: jetstream.MemoryStorage,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Declare(t.Context(), bus.Limits{Store: 1 << 30})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"OUTBOX", "retention is Limits, want WorkQueue", "storage is Memory, want File"} {
		if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
}

func TestDeclareFitsTheStore(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{MaxStore: 8 << 30})
	c := open(t, b)
	limits := bus.Limits{Store: b.MaxStore(), Streams: []jetstream.StreamConfig{frames(4 << 30)}}
	if err := c.Declare(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	publish(t, newTopic(c), note{"door", "1"})

	// The disk has filled up with something else, and the next start has less.
	b.Stop()
	b.SetMaxStore(256 * mib)
	b.Start(t)
	c = open(t, b)
	limits.Store = b.MaxStore()
	if err := c.Declare(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	if limits.Streams[0].MaxBytes != 4<<30 {
		t.Error("the caller's limits were changed")
	}
	var sum int64
	for info := range c.JetStream().ListStreams(t.Context()).Info() {
		sum += info.Config.MaxBytes
	}
	if sum > 256*mib || sum < 200*mib {
		t.Errorf("got %d MiB reserved, want most of 256", sum/mib)
	}
	if got := stream(t, c, "FRAMES").Config.MaxBytes; got < 100*mib {
		t.Errorf("got %d MiB for the log, want about half", got/mib)
	}
	if got := stream(t, c, bus.Sightings).State.Msgs; got != 1 {
		t.Errorf("got %d messages, want what was stored", got)
	}
}

func TestDeclareDoesNotCloseAFullQueue(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{MaxStore: 8 << 30})
	c := open(t, b)
	if err := c.Declare(t.Context(), bus.Limits{Store: 4 << 30}); err != nil {
		t.Fatal(err)
	}
	boxes := bus.NewTopic(c, bus.TopicConfig[note]{
		Stream: bus.Outbox, Subject: func(note) string { return "vigil.outbox.home" }, ID: func(n note) string { return n.ID },
	})
	for i := range 40 {
		if err := boxes.Publish(t.Context(), note{strings.Repeat("x", 100<<10), strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Declare(t.Context(), bus.Limits{Store: 16 * mib}); err != nil {
		t.Fatal(err)
	}
	if err := boxes.Publish(t.Context(), note{"door", "after"}); err != nil {
		t.Errorf("after the disk became small: %v", err)
	}
	if got := stream(t, c, bus.Outbox).Config.MaxBytes; got > 8*mib {
		t.Errorf("got %d MiB for the outbox, want little more than it holds", got/mib)
	}
}
