package bus

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Drift says how the streams and buckets differ from what Declare made of them, a line for each that does: somebody has
// changed it since, or taken it away. None is nil. It changes nothing: Declare does, at the next start.
func (c *Conn) Drift(ctx context.Context, l Limits) (found []string, err error) {
	list, kvs, err := c.wanted(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("look for changed streams: %w", err)
	}
	there := map[string]*jetstream.StreamInfo{}
	infos := c.js.ListStreams(ctx)
	for info := range infos.Info() {
		there[info.Config.Name] = info
	}
	if err := infos.Err(); err != nil {
		return nil, fmt.Errorf("look for changed streams: %w", err)
	}
	for _, want := range list {
		info := there[want.Name]
		if info == nil {
			found = append(found, fmt.Sprintf("stream %s is not there", want.Name))
			continue
		}
		fields, fixed := drift(info.Config, roomyStream(want, info))
		if fields = append(fixed, fields...); len(fields) > 0 {
			found = append(found, fmt.Sprintf("stream %s: %s", want.Name, strings.Join(fields, ", ")))
		}
	}
	for _, want := range kvs {
		info := there["KV_"+want.Bucket] // NATS ADR-8
		if info == nil {
			found = append(found, fmt.Sprintf("bucket %s is not there", want.Bucket))
			continue
		}
		want.MaxBytes = roomy(want.MaxBytes, info.Config.MaxBytes, info.State.Bytes)
		have := jetstream.KeyValueConfig{
			TTL: info.Config.MaxAge, MaxBytes: info.Config.MaxBytes, History: uint8(info.Config.MaxMsgsPerSubject), //nolint:gosec // 64 at most
			Replicas: info.Config.Replicas,
		}
		if fields := driftKV(have, want); len(fields) > 0 {
			found = append(found, fmt.Sprintf("bucket %s: %s", want.Bucket, strings.Join(fields, ", ")))
		}
	}
	return found, nil
}

// driftKV compares the fields of a bucket that are set here, each with what is and what should be.
func driftKV(have, want jetstream.KeyValueConfig) (fields []string) {
	for _, f := range []struct {
		name       string
		have, want any
		differs    bool
	}{
		{"ttl", have.TTL, want.TTL, have.TTL != want.TTL},
		{"max_bytes", have.MaxBytes, want.MaxBytes, have.MaxBytes != want.MaxBytes},
		{"history", have.History, want.History, have.History != want.History},
		{"replicas", have.Replicas, want.Replicas, want.Replicas > 0 && have.Replicas != want.Replicas},
	} {
		if f.differs {
			fields = append(fields, fmt.Sprintf("%s is %v, want %v", f.name, f.have, f.want))
		}
	}
	return fields
}
