package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/internal/bus"
	"vigil/internal/ordered"
	"vigil/vision"
)

// bucket is the program's default.
const bucket = "vigil"

// balance reads everything that is stored, and weighs it.
func (l *ledger) balance(ctx context.Context, faults []fault, passes []pass) (*balance, error) {
	b := books{
		gap: l.terms.VisitGap, events: map[string]alerts.Event{}, visits: map[string]alerts.Visit{},
		objects: map[string]bool{}, faulty: map[string]string{}, faults: faults, passes: passes,
	}
	if err := l.readBus(ctx, &b); err != nil {
		return nil, err
	}
	if err := l.readStore(ctx, &b); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b.hooks, b.refused = maps.Clone(l.hooks), l.refused
	out := weigh(b)
	out.Repeated, out.Produced = l.repeated, len(l.produced)
	return out, nil
}

// readBus reads the streams to their ends.
func (l *ledger) readBus(ctx context.Context, b *books) error {
	l.mu.Lock()
	live := map[string]map[string]bool{ownStream: maps.Clone(l.produced)}
	for stream, ids := range l.live {
		live[stream] = maps.Clone(ids)
	}
	l.mu.Unlock()
	for stream, take := range map[string]func(jetstream.Msg) error{
		bus.Sightings: func(m jetstream.Msg) error {
			var s vision.Sighting
			err := json.Unmarshal(m.Data(), &s)
			b.sightings = append(b.sightings, s)
			return err
		},
		bus.Events: func(m jetstream.Msg) error {
			var e alerts.Event
			err := json.Unmarshal(m.Data(), &e)
			b.events[e.ID()] = e
			return err
		},
		ownStream: func(jetstream.Msg) error { return nil },
	} {
		there := map[string]int{}
		for m, err := range ordered.Read(ctx, l.conn.JetStream(), ordered.From{Stream: stream}, math.MaxUint64) {
			if err == nil {
				err = take(m)
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", stream, err)
			}
			there[m.Headers().Get(nats.MsgIdHdr)]++
		}
		for id := range live[stream] {
			if there[id] == 0 {
				b.lost = append(b.lost, stream+" "+id)
			}
		}
		for id, n := range there {
			if n > 1 && stream != bus.Sightings { // video that is analysed again tells the same again
				b.twice = append(b.twice, stream+" "+id)
			}
		}
	}
	return l.readRest(ctx, b)
}

// readRest reads what the program says of its alerts, and how much it has given up.
func (l *ledger) readRest(ctx context.Context, b *books) error {
	store, err := alertsjs.OpenStore(ctx, l.conn)
	if err != nil {
		return err
	}
	visits, err := store.List(ctx)
	if err != nil {
		return err
	}
	for _, v := range visits {
		b.visits[v.Alert.ID] = v
	}
	dead, err := l.conn.CountDead(ctx)
	b.dead = int(dead) //nolint:gosec // a handful
	return err
}

// readStore lists the clips, and looks at those that it has not seen before.
func (l *ledger) readStore(ctx context.Context, b *books) error {
	client, err := minio.New(l.terms.Store, &minio.Options{
		Creds: credentials.NewStaticV4(l.terms.Access, l.terms.Key, ""), BucketLookup: minio.BucketLookupPath, Region: "us-east-1",
	})
	if err != nil {
		return err
	}
	for o := range client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: "clips/", Recursive: true}) {
		if o.Err != nil {
			return fmt.Errorf("list clips: %w", o.Err)
		}
		b.objects[o.Key] = true
	}
	for _, e := range b.events {
		c := e.Data.Clip
		if e.Type != alerts.ClipReady || c == nil || !b.objects[c.Key] {
			continue
		}
		why, done := l.checked[c.Key]
		if !done {
			if why, err = look(ctx, client, *c); err != nil {
				return err
			}
			l.checked[c.Key] = why
		}
		if why == "" && !b.objects[strings.TrimSuffix(c.Key, ".mp4")+".json"] {
			why = "no record beside it"
		}
		if why != "" {
			b.faulty[c.Key] = why
		}
	}
	return nil
}

// look says what is wrong with a clip: its size, its checksum, or that it does not play to its end. An error says that
// the store could not be asked.
func look(ctx context.Context, client *minio.Client, c alerts.Clip) (wrong string, err error) {
	object, err := client.GetObject(ctx, bucket, c.Key, minio.GetObjectOptions{})
	if err != nil {
		return "", err
	}
	defer func() { _ = object.Close() }() // it was read
	file, err := os.CreateTemp("", "chaos-*.mp4")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(file.Name()) }() // nobody misses it
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, sum), object)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", c.Key, err)
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	if n != c.Bytes || hex.EncodeToString(sum.Sum(nil)) != c.SHA256 {
		return fmt.Sprintf("%d bytes with another checksum than the %d of its event", n, c.Bytes), nil
	}
	said, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-xerror", "-i", file.Name(), "-f", "null", "-").CombinedOutput()
	if err != nil {
		return "does not play: " + strings.TrimSpace(string(said)), nil //nolint:nilerr // that is the answer
	}
	return "", nil
}
