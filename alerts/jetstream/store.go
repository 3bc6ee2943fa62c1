package jetstream

import (
	"context"
	"errors"
	"fmt"

	"vigil/alerts"
	"vigil/frames"
	"vigil/internal/bus"
)

// Store is an alerts.Store: a bucket of visits by their alert's ID.
type Store struct{ kv *bus.KV[alerts.Visit] }

var _ alerts.Store = (*Store)(nil)

// OpenStore opens the bucket of alerts.
func OpenStore(ctx context.Context, c *bus.Conn) (*Store, error) {
	kv, err := bus.OpenKV[alerts.Visit](ctx, c, bus.Alerts)
	if err != nil {
		return nil, err
	}
	return &Store{kv: kv}, nil
}

// Create implements alerts.Store.
func (s *Store) Create(ctx context.Context, v alerts.Visit) (alerts.Visit, error) {
	revision, err := s.kv.Create(ctx, v.Alert.ID, v)
	v.Revision = revision
	return v, translate(err)
}

// Get implements alerts.Store.
func (s *Store) Get(ctx context.Context, alert string) (alerts.Visit, error) {
	e, err := s.kv.Get(ctx, alert)
	if err != nil {
		return alerts.Visit{}, translate(err)
	}
	return visit(e), nil
}

// Update implements alerts.Store.
func (s *Store) Update(ctx context.Context, v alerts.Visit) (alerts.Visit, error) {
	revision, err := s.kv.Update(ctx, v.Alert.ID, v.Revision, v)
	v.Revision = revision
	return v, translate(err)
}

// List implements alerts.Store.
func (s *Store) List(ctx context.Context) ([]alerts.Visit, error) {
	entries, err := s.kv.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]alerts.Visit, len(entries))
	for i, e := range entries {
		all[i] = visit(e)
	}
	return all, nil
}

func visit(e bus.Entry[alerts.Visit]) alerts.Visit {
	v := e.Value
	v.Revision = e.Revision
	return v
}

// translate puts the bucket's errors into the words of alerts.
func translate(err error) error {
	switch {
	case errors.Is(err, bus.ErrExists):
		return fmt.Errorf("%w: %w", alerts.ErrExists, err)
	case errors.Is(err, bus.ErrNotFound):
		return fmt.Errorf("%w: %w", alerts.ErrNotFound, err)
	case errors.Is(err, bus.ErrConflict):
		return fmt.Errorf("%w: %w", alerts.ErrConflict, err)
	default:
		return err
	}
}

// Told is an alerts.ToldStore: a bucket by camera.
type Told struct{ kv *bus.KV[alerts.Told] }

var _ alerts.ToldStore = (*Told)(nil)

// OpenTold opens the bucket of what was told of cameras.
func OpenTold(ctx context.Context, c *bus.Conn) (*Told, error) {
	kv, err := bus.OpenKV[alerts.Told](ctx, c, bus.Told)
	if err != nil {
		return nil, err
	}
	return &Told{kv: kv}, nil
}

// All implements alerts.ToldStore.
func (t *Told) All(ctx context.Context) (map[frames.CameraID]alerts.Told, error) {
	entries, err := t.kv.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[frames.CameraID]alerts.Told)
	for _, e := range entries {
		all[frames.CameraID(e.Key)] = e.Value
	}
	return all, nil
}

// Save implements alerts.ToldStore.
func (t *Told) Save(ctx context.Context, camera frames.CameraID, told alerts.Told) error {
	_, err := t.kv.Put(ctx, string(camera), told)
	return err
}
