package bus

import (
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
		list[i].AllowAtomicPublish = true // what many publish at once is synced once
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
