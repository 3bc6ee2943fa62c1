package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The streams declared here.
const (
	Sightings = "SIGHTINGS" // vigil.sightings.<camera>
	Events    = "EVENTS"    // vigil.events.<type>.<camera>
	Outbox    = "OUTBOX"    // vigil.outbox.<endpoint>
	ClipJobs  = "CLIPJOBS"  // vigil.clips.job.<camera> and vigil.clips.done.<camera>
	DLQ       = "DLQ"       // vigil.dlq.<stream>.<durable>
	Audit     = "AUDIT"     // vigil.audit
)

// The buckets declared here.
const (
	People   = "people"
	Cameras  = "cameras"
	Alerts   = "alerts"
	Settings = "settings"
	Leases   = "leases"

	// Watching holds how the analysis of each camera is doing.
	Watching = "watching"
	// Latencies holds how long alerts took, as each process that sends webhooks has counted.
	Latencies = "latencies"
	// Told holds what was last told of each camera.
	Told = "told"
	// Deliveries holds what came of each webhook so far.
	Deliveries = "deliveries"
	// Endpoints holds how each receiver of webhooks is doing.
	Endpoints = "endpoints"
	// Tokens holds the hashes of the API's tokens, and what each may do.
	Tokens = "tokens"
	// Added holds the cameras that were added through the API.
	Added = "added"
	// Reviews holds what people say of alerts.
	Reviews = "reviews"
)

// LeaseTTL is how long a lease outlives the death of its holder. A holder renews every third of it, so that one lost
// request does not cost the lease.
const LeaseTTL = 10 * time.Second

const (
	mib = 1 << 20
	day = 24 * time.Hour

	// minStream is the least a stream is given when the disk is small.
	minStream = mib
	// duplicates is the window in which the server itself recognises a message's id. It is the server's default:
	// longer ones are read back whole at every start.
	duplicates = 2 * time.Minute
)

// Limits fit the declarations to the place.
type Limits struct {
	// Replicas is how many servers keep each message. 0 makes new streams with one and leaves old ones alone.
	Replicas int
	// Store is how many bytes all streams together may take; the sizes of Declare are scaled down to fit. 0 asks the
	// account, and takes the sizes as they are if that has no limit either.
	Store int64
	// Alerts is how long alerts and their events are kept. Default 30 days.
	Alerts time.Duration
	// Audit is how long it is kept what people and programs did. Default 365 days.
	Audit time.Duration
	// Streams are declared as well: the log of fragments. What the others leave of Store is theirs.
	Streams []jetstream.StreamConfig
}

func (l Limits) alerts() time.Duration { return cmp.Or(l.Alerts, 30*day) }

func (l Limits) audit() time.Duration { return cmp.Or(l.Audit, 365*day) }

// streams returns what is declared, with its reasons; alerts and the audit log are kept for that long. Queues discard new messages when they are full: the publisher then
// knows, where discarding old ones would lose what was promised to be done. Histories discard their oldest: those were
// handled long ago, and a busy house must not go blind because its past is full.
func streams(alerts, audit time.Duration) []jetstream.StreamConfig {
	list := []jetstream.StreamConfig{
		// About 600 bytes each, one every few seconds for each face: 256 MiB are 400,000. A week is enough to look
		// back after a holiday, and nothing of them is needed for longer than the alert they raised.
		{Name: Sightings, Subjects: []string{"vigil.sightings.*"}, MaxAge: 7 * day, MaxBytes: 256 * mib, Discard: jetstream.DiscardOld},
		// About 1 KiB each: 256 MiB are 250,000 alert events in the time for which they are listed.
		{Name: Events, Subjects: []string{"vigil.events.>"}, MaxAge: alerts, MaxBytes: 256 * mib, Discard: jetstream.DiscardOld},
		// One per event and endpoint. Deliveries are given up after three days; what is there after fourteen belongs to
		// an endpoint that nobody serves any more.
		{
			Name: Outbox, Subjects: []string{"vigil.outbox.*"}, Retention: jetstream.WorkQueuePolicy,
			MaxAge: 14 * day, MaxBytes: 256 * mib, Discard: jetstream.DiscardNew,
		},
		// A few KiB each, done within a minute. They wait while the object store is away, for a day at most; a week
		// leaves room for a machine that was off.
		{
			Name: ClipJobs, Subjects: []string{"vigil.clips.job.*", "vigil.clips.done.*"},
			Retention: jetstream.WorkQueuePolicy, MaxAge: 7 * day, MaxBytes: 64 * mib, Discard: jetstream.DiscardNew,
		},
		// What failed for good, for a month, so that somebody can look and replay.
		{Name: DLQ, Subjects: []string{dlqPrefix + ">"}, MaxAge: 30 * day, MaxBytes: 128 * mib, Discard: jetstream.DiscardOld},
		// About 300 bytes each: 64 MiB are 200,000 things that people and programs did. Nobody takes one out.
		{
			Name: Audit, Subjects: []string{"vigil.audit"}, MaxAge: audit, MaxBytes: 64 * mib, Discard: jetstream.DiscardOld,
			DenyDelete: true, DenyPurge: true,
		},
	}
	for i := range list {
		list[i].Storage = jetstream.FileStorage
		list[i].Duplicates = duplicates
		list[i].AllowDirect = true
	}
	return list
}

// buckets returns the key-value buckets; alerts are kept for that long. One revision is kept: history is in the streams, and an erased person's
// values must go.
func buckets(alerts time.Duration) []jetstream.KeyValueConfig {
	return []jetstream.KeyValueConfig{
		// Templates of a few KiB per photo: 256 MiB are 10,000 people with five photos each.
		{Bucket: People, MaxBytes: 256 * mib},
		// A few hundred bytes per camera, overwritten.
		{Bucket: Cameras, MaxBytes: 16 * mib},
		// The alerts' present state, about 1 KiB each, for as long as their events are listed too. Without an
		// end the bucket would fill, and new alerts be refused.
		{Bucket: Alerts, MaxBytes: 256 * mib, TTL: alerts},
		{Bucket: Settings, MaxBytes: 16 * mib},
		// A few hundred bytes per camera, renewed every few seconds; what nobody renews is not true any more.
		{Bucket: Watching, MaxBytes: mib, TTL: 30 * time.Second, Storage: jetstream.MemoryStorage},
		// 200 bytes per endpoint and process, renewed every few seconds. What a process counted ends with it, as counters do.
		{Bucket: Latencies, MaxBytes: mib, TTL: time.Minute, Storage: jetstream.MemoryStorage},
		// A few hundred bytes per camera, written when one goes away or comes back.
		{Bucket: Told, MaxBytes: 16 * mib},
		{Bucket: Leases, MaxBytes: 4 * mib, TTL: LeaseTTL},
		// A few hundred bytes per endpoint, overwritten. That one wants no more is true until somebody says otherwise.
		{Bucket: Endpoints, MaxBytes: 4 * mib},
		// A few hundred bytes per camera.
		{Bucket: Added, MaxBytes: 4 * mib},
		// A few hundred bytes per token.
		{Bucket: Tokens, MaxBytes: 4 * mib},
		// A few hundred bytes per alert that somebody has looked at, and its notes. As long as the alerts.
		{Bucket: Reviews, MaxBytes: 64 * mib, TTL: alerts},
		// About 400 bytes per event and endpoint, 1 KiB where attempts failed, for as long as a copy of one may lie in
		// the outbox.
		{Bucket: Deliveries, MaxBytes: 128 * mib, TTL: 14 * day},
	}
}

// Declare creates the streams and buckets that are missing, brings those that differ up to date, and refuses, with
// stream and field, what cannot be changed. It may be called by every role at once. A server that goes away meanwhile
// is waited for until ctx ends.
func (c *Conn) Declare(ctx context.Context, l Limits) error {
	return c.patiently(ctx, func() error { return c.declare(ctx, l) })
}

func (c *Conn) declare(ctx context.Context, l Limits) error {
	list, kvs, err := c.wanted(ctx, l)
	if err != nil {
		return fmt.Errorf("declare streams: %w", err)
	}
	for _, want := range list {
		if err := c.declareStream(ctx, want); err != nil {
			return fmt.Errorf("declare stream %s: %w", want.Name, err)
		}
	}
	for _, want := range kvs {
		if err := c.declareBucket(ctx, want); err != nil {
			return fmt.Errorf("declare bucket %s: %w", want.Bucket, err)
		}
	}
	return nil
}

// wanted is what Declare declares: the streams, and the buckets.
func (c *Conn) wanted(ctx context.Context, l Limits) ([]jetstream.StreamConfig, []jetstream.KeyValueConfig, error) {
	store, err := c.store(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	list, kvs, extra := streams(l.alerts(), l.audit()), buckets(l.alerts()), slices.Clone(l.Streams)
	fit(store, list, kvs, extra)
	list = append(list, extra...)
	for i := range list {
		list[i].Replicas = max(list[i].Replicas, l.Replicas)
	}
	for i := range kvs {
		kvs[i].Storage, kvs[i].History, kvs[i].Replicas = jetstream.FileStorage, 1, l.Replicas
	}
	return list, kvs, nil
}

// Declared is how many bytes on disk Declare gives the streams and buckets where there is room, in one replica. Those of
// Limits.Streams come on top.
func Declared() (bytes int64) {
	for _, s := range streams(day, day) {
		bytes += s.MaxBytes
	}
	for _, b := range buckets(day) {
		if b.Storage == jetstream.FileStorage {
			bytes += b.MaxBytes
		}
	}
	return bytes
}

// store returns how many bytes of one replica there are, 0 when that is not limited.
func (c *Conn) store(ctx context.Context, l Limits) (int64, error) {
	if l.Store > 0 {
		return l.Store, nil
	}
	info, err := c.js.AccountInfo(ctx)
	if err != nil {
		return 0, err
	}
	return max(info.Limits.MaxStore, 0) / int64(max(l.Replicas, 1)), nil
}

// fit scales the sizes down to store. Ours take half of it at most, the extra streams what is left.
func fit(store int64, list []jetstream.StreamConfig, kvs []jetstream.KeyValueConfig, extra []jetstream.StreamConfig) {
	if store <= 0 {
		return
	}
	ours := make([]*int64, 0, len(list)+len(kvs))
	for i := range list {
		ours = append(ours, &list[i].MaxBytes)
	}
	for i := range kvs {
		ours = append(ours, &kvs[i].MaxBytes)
	}
	theirs := make([]*int64, len(extra))
	for i := range extra {
		theirs[i] = &extra[i].MaxBytes
	}
	taken := scale(store/2, ours)
	scale(store-taken, theirs)
}

// scale brings the sum of sizes down to room and returns it.
func scale(room int64, sizes []*int64) (sum int64) {
	for _, s := range sizes {
		sum += *s
	}
	if sum <= room {
		return sum
	}
	factor := float64(room) / float64(sum)
	sum = 0
	for _, s := range sizes {
		*s = max(int64(float64(*s)*factor), minStream)
		sum += *s
	}
	return sum
}

func (c *Conn) declareStream(ctx context.Context, want jetstream.StreamConfig) error {
	stream, err := c.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		fresh := want
		fresh.Replicas = max(fresh.Replicas, 1)
		_, err := c.js.CreateStream(ctx, fresh)
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return err
		}
		if stream, err = c.js.Stream(ctx, want.Name); err != nil { // another role was quicker
			return err
		}
	} else if err != nil {
		return err
	}
	have := stream.CachedInfo().Config
	want = roomyStream(want, stream.CachedInfo())
	fields, fixed := drift(have, want)
	switch {
	case len(fixed) > 0:
		return fmt.Errorf("%s cannot be changed on an existing stream: %s", plural(fixed), strings.Join(fixed, ", "))
	case len(fields) == 0:
		return nil
	}
	if _, err := c.js.UpdateStream(ctx, merge(have, want)); err != nil {
		return fmt.Errorf("change %s: %w", strings.Join(fields, ", "), err)
	}
	c.log().Info("stream was not as the configuration wants it, changed", "stream", want.Name, "fields", strings.Join(fields, ", "))
	return nil
}

// roomyStream is want with a size that what refuses new messages may have.
func roomyStream(want jetstream.StreamConfig, info *jetstream.StreamInfo) jetstream.StreamConfig {
	if want.Discard == jetstream.DiscardNew {
		want.MaxBytes = roomy(want.MaxBytes, info.Config.MaxBytes, info.State.Bytes)
	}
	return want
}

// roomy is the size of what refuses new messages when it is full: a disk that has become small must not close it, so it
// does not shrink to what it holds already.
func roomy(want, have int64, holds uint64) int64 {
	if want >= have {
		return want
	}
	return min(have, max(want, int64(holds+holds/4+minStream)))
}

func plural(fields []string) string {
	if len(fields) == 1 {
		return "a field"
	}
	return "fields"
}

// drift compares the fields that are set here. fixed are those that the server never changes, fields the others, each
// with what is and what should be.
func drift(have, want jetstream.StreamConfig) (fields, fixed []string) {
	slices.Sort(have.Subjects)
	subjects := slices.Sorted(slices.Values(want.Subjects))
	for _, f := range []struct {
		name       string
		have, want any
		differs    bool
		fixed      bool
	}{
		{"retention", have.Retention, want.Retention, have.Retention != want.Retention, true},
		{"storage", have.Storage, want.Storage, have.Storage != want.Storage, true},
		{"deny_delete", have.DenyDelete, want.DenyDelete, have.DenyDelete != want.DenyDelete, have.DenyDelete},
		{"deny_purge", have.DenyPurge, want.DenyPurge, have.DenyPurge != want.DenyPurge, have.DenyPurge},
		{"subjects", have.Subjects, want.Subjects, !slices.Equal(have.Subjects, subjects), false},
		{"discard", have.Discard, want.Discard, have.Discard != want.Discard, false},
		{"max_age", have.MaxAge, want.MaxAge, have.MaxAge != want.MaxAge, false},
		{"max_bytes", have.MaxBytes, want.MaxBytes, have.MaxBytes != want.MaxBytes, false},
		{"duplicate_window", have.Duplicates, want.Duplicates, have.Duplicates != want.Duplicates, false},
		{"allow_direct", have.AllowDirect, want.AllowDirect, have.AllowDirect != want.AllowDirect, false},
		{"replicas", have.Replicas, want.Replicas, want.Replicas > 0 && have.Replicas != want.Replicas, false},
	} {
		text := fmt.Sprintf("%s is %v, want %v", f.name, f.have, f.want)
		switch {
		case f.differs && f.fixed:
			fixed = append(fixed, text)
		case f.differs:
			fields = append(fields, text)
		}
	}
	return fields, fixed
}

// merge keeps what an administrator added, such as placement.
func merge(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Subjects, have.Discard, have.MaxAge = want.Subjects, want.Discard, want.MaxAge
	have.DenyDelete, have.DenyPurge = want.DenyDelete, want.DenyPurge
	have.MaxBytes, have.Duplicates, have.AllowDirect = want.MaxBytes, want.Duplicates, want.AllowDirect
	if want.Replicas > 0 {
		have.Replicas = want.Replicas
	}
	return have
}

func (c *Conn) declareBucket(ctx context.Context, want jetstream.KeyValueConfig) error {
	kv, err := c.js.KeyValue(ctx, want.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		fresh := want
		fresh.Replicas = max(fresh.Replicas, 1)
		_, err := c.js.CreateKeyValue(ctx, fresh)
		if !errors.Is(err, jetstream.ErrBucketExists) {
			return err
		}
		if kv, err = c.js.KeyValue(ctx, want.Bucket); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return err
	}
	have := status.Config()
	want.MaxBytes = roomy(want.MaxBytes, have.MaxBytes, status.Bytes())
	if have.Storage != want.Storage {
		return fmt.Errorf("a field cannot be changed on an existing bucket: storage is %v, want %v", have.Storage, want.Storage)
	}
	if len(driftKV(have, want)) == 0 {
		return nil
	}
	have.TTL, have.MaxBytes, have.History = want.TTL, want.MaxBytes, want.History
	if want.Replicas > 0 {
		have.Replicas = want.Replicas
	}
	_, err = c.js.UpdateKeyValue(ctx, have)
	return err
}
