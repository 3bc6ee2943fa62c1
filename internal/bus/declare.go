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
	if want.AllowAtomicPublish && !have.AllowAtomicPublish { // no drift: servers before 2.12 have no such field
		fields = append(fields, "allow_atomic is false, want true")
	}
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
	have.AllowAtomicPublish = have.AllowAtomicPublish || want.AllowAtomicPublish
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
