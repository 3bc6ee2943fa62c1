package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/clips/s3"
	framesjs "vigil/frames/jetstream"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/natsd"
	"vigil/internal/objectd"
	"vigil/internal/web"
)

const (
	// busSilence is how long NATS may be silent before an owner is told what the start waits for.
	busSilence = 2 * time.Second
	// storeWait is how long a start waits for a store that another process is about to serve, before it goes on without.
	storeWait = 10 * time.Second
)

// Keys of the settings bucket.
const (
	linkKeySetting    = "link_key"
	clipKeySetting    = "clip_key"
	adminTokenSetting = "admin_token"
	visionSetting     = "vision"
	retentionSetting  = "retention"
	rulesSetting      = "rules"
)

// openBus connects to the configured NATS, or starts the embedded one, and declares what lies on it.
func (a *App) openBus(ctx context.Context) error {
	open := a.embedBus
	if a.cfg.NATS.URL != "" {
		open = a.connectBus
	}
	room, err := open(ctx)
	if err != nil {
		return err
	}
	a.onClose(func() error { a.bus.Close(); return nil })
	a.limits = func(cfg config.Config) bus.Limits {
		keep := cfg.Retention
		return bus.Limits{
			Replicas: cfg.NATS.Replicas, Alerts: time.Duration(keep.Alerts), Audit: time.Duration(keep.Audit), Store: room,
			Streams: []jetstream.StreamConfig{framesjs.Config(time.Duration(keep.Fragments), int64(keep.FragmentsBytes), cfg.NATS.Replicas)},
		}
	}
	if err := a.bus.Declare(ctx, a.limits(a.cfg)); err != nil {
		return err
	}
	a.watchStreams()
	if a.cfg.NATS.URL != "" {
		if err := a.remoteStorage(ctx); err != nil {
			return err
		}
	}
	a.frames = framesjs.New(a.bus.JetStream())
	a.checks = append(a.checks, web.Check{Name: "bus", Probe: func(ctx context.Context) error {
		_, err := a.bus.JetStream().AccountInfo(ctx)
		return err
	}})
	return nil
}

// connectBus connects to the configured NATS, whose room is not known. The server may be starting too, so there is no end
// to the wait but the program's.
func (a *App) connectBus(ctx context.Context) (room int64, err error) {
	address := a.cfg.NATS.URL.Reveal()
	said := time.AfterFunc(busSilence, func() {
		a.log.Warn("nats.url: no answer yet, still trying", "server", hostOf(address))
	})
	defer said.Stop()
	if a.bus, err = bus.Connect(ctx, address, bus.Options{CredsFile: a.cfg.NATS.CredsFile, Log: a.log}); err != nil {
		return 0, fmt.Errorf("nats.url: %w", err)
	}
	a.around.Bus, a.around.Credentials = address, a.cfg.NATS.CredsFile
	return 0, nil
}

// embedBus starts the embedded NATS, and returns how many bytes it can store. It listens for the role in a process of its
// own alone.
func (a *App) embedBus(ctx context.Context) (room int64, err error) {
	c := natsd.Config{Dir: filepath.Join(a.cfg.DataDir, "nats"), Log: a.log}
	if a.child != nil {
		c.Listen, c.Token = "127.0.0.1:0", rand.Text()
	}
	server, err := natsd.Start(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("data_dir: %w", err)
	}
	a.onClose(func() error { server.Close(); return nil })
	connection, err := server.Connect()
	if err != nil {
		return 0, err
	}
	if a.bus, err = bus.New(connection); err != nil {
		return 0, err
	}
	a.bus.Log = a.log
	a.embeddedStorage(server) //nolint:contextcheck // the store's health is no caller's context
	a.around.Bus = server.URL()
	return server.MaxStore(), nil
}

// openStore connects to the configured S3 service, or starts the embedded one.
func (a *App) openStore(ctx context.Context) error {
	serves := a.cfg.S3.Endpoint == "" && a.cfg.S3.Listen != ""
	if !a.has(Vision, Clips, Console) && !serves {
		return nil
	}
	target, err := remoteStore(a.cfg.S3)
	if err != nil {
		return err
	}
	if a.cfg.S3.Endpoint == "" {
		server, err := objectd.Start(context.WithoutCancel(ctx), objectd.Config{
			Dir: filepath.Join(a.cfg.DataDir, "s3"), Listen: a.cfg.S3.Listen, Log: a.log,
			AccessKey: a.cfg.S3.AccessKey, SecretKey: objectd.Secret(a.cfg.S3.SecretKey.Reveal()),
		})
		if err != nil {
			return fmt.Errorf("%s: %w", storeKey(err), err)
		}
		a.onClose(server.Close)
		access, secret := server.Keys()
		target.Endpoint, target.PathStyle, target.Transport = server.Endpoint(), true, server.Transport()
		target.AccessKey, target.SecretKey = access, s3.Secret(secret)
		a.around.Socket = server.Socket()
		if serves {
			a.addresses.Store = "http://" + server.Endpoint()
		}
	}
	if !a.has(Vision, Clips, Console) {
		return a.serveStore(ctx, target)
	}
	store, err := a.connectStore(ctx, target)
	if err != nil {
		return err
	}
	a.store, a.around.Store = store, target
	a.around.Store.Transport = nil // it makes its own
	a.checks = append(a.checks, web.Check{Name: "store", Probe: func(ctx context.Context) error {
		for _, err := range store.List(ctx, "health/") {
			return err
		}
		return nil
	}})
	return nil
}

// remoteStore is the configured S3 service, or what is known of the embedded one before it runs.
func remoteStore(cfg config.S3) (s3.Config, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return s3.Config{}, fmt.Errorf("s3.endpoint: %w", err)
	}
	return s3.Config{
		Endpoint: u.Host, Secure: u.Scheme == "https", Bucket: cfg.Bucket, Region: cfg.Region,
		AccessKey: cfg.AccessKey, SecretKey: s3.Secret(cfg.SecretKey.Reveal()), Token: s3.Secret(cfg.Token.Reveal()),
	}, nil
}

// storeKey is the key of what keeps the embedded store from starting: its port or its folder.
func storeKey(err error) string {
	if _, listening := errors.AsType[*net.OpError](err); listening {
		return "s3.listen"
	}
	return "data_dir"
}

// serveStore makes the bucket of a store that only other processes use.
func (a *App) serveStore(ctx context.Context, target s3.Config) error {
	_, err := a.connectStore(ctx, target)
	a.task("store", func(ctx context.Context) error { <-ctx.Done(); return nil })
	return err
}

// connectStore makes sure of the bucket. A store that does not answer is waited for a while, since the process that
// serves it may be starting too, and then in the background: alarms do not need it, and clips wait in their spool.
func (a *App) connectStore(ctx context.Context, target s3.Config) (*s3.Store, error) {
	if a.cfg.S3.Endpoint == "" {
		return s3.New(ctx, target)
	}
	store, err := s3.Open(target)
	if err != nil {
		return nil, fmt.Errorf("s3.endpoint: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	err = a.awaitStore(waiting, store)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("s3.endpoint: no answer: %w", ctx.Err()) // the program ends
	case errors.Is(err, s3.ErrRefused):
		return nil, fmt.Errorf("s3.endpoint: %w", err)
	case err != nil:
		a.log.Error("s3.endpoint: going on without the store: no pictures until it answers, and clips wait", "error", err)
		a.task("store", func(ctx context.Context) error {
			if err := a.awaitStore(ctx, store); err != nil && ctx.Err() == nil {
				return fmt.Errorf("s3.endpoint: %w", err)
			}
			return nil
		})
	}
	return store, nil
}

// awaitStore tries until the bucket is there, the service refuses, or ctx ends.
func (a *App) awaitStore(ctx context.Context, store *s3.Store) error {
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 30*time.Second) {
		err := store.Ensure(ctx)
		if err == nil || errors.Is(err, s3.ErrRefused) {
			return err
		}
		if ctx.Err() == nil {
			a.log.Warn("s3.endpoint: no answer yet, still trying", "error", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// openLinks reads the key of signed links from the bus, where all roles share it, and makes it at the first start.
func (a *App) openLinks(ctx context.Context) error {
	if !a.has(Alerts, Console) {
		return nil
	}
	settings, err := bus.OpenKV[[]byte](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	key, _, err := createOrGet(ctx, settings, linkKeySetting, fresh)
	if err != nil {
		return err
	}
	base := a.cfg.HTTP.PublicURL
	if base == "" {
		base = a.addresses.Console
	}
	a.links = web.NewLinks(base, key)
	return nil
}

// clipKey is the key that records of clips are signed with. It is made at the first start and kept on the bus, so that
// whichever process is at work signs with it, and the console can tell its public half.
func (a *App) clipKey(ctx context.Context) (ed25519.PrivateKey, error) {
	settings, err := bus.OpenKV[[]byte](ctx, a.bus, bus.Settings)
	if err != nil {
		return nil, err
	}
	fresh := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(fresh) // never fails
	seed, _, err := createOrGet(ctx, settings, clipKeySetting, fresh)
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("setting %s: has %d bytes, want %d", clipKeySetting, len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// createOrGet sets a key that is not there yet and returns what it holds.
func createOrGet[T any](ctx context.Context, kv *bus.KV[T], key string, fresh T) (value T, made bool, err error) {
	_, err = kv.Create(ctx, key, fresh)
	if err == nil {
		return fresh, true, nil
	}
	if !errors.Is(err, bus.ErrExists) {
		return value, false, err
	}
	entry, err := kv.Get(ctx, key)
	return entry.Value, false, err
}
