package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/clips"
)

// objects keeps small things of one kind in the store.
type objects struct {
	store       clips.Store
	contentType string
}

// Put stores data, over what is there.
func (o objects) Put(ctx context.Context, key string, data []byte) error {
	return o.store.Put(ctx, key, bytes.NewReader(data), clips.PutOptions{ContentType: o.contentType})
}

// Get reads all of an object.
func (o objects) Get(ctx context.Context, key string) ([]byte, error) {
	body, _, err := o.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return data, nil
}

// Delete removes an object.
func (o objects) Delete(ctx context.Context, key string) error { return o.store.Delete(ctx, key) }
