package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"

	"vigil/clips"
	"vigil/clips/s3"
)

// Store is what decides which store is used.
type Store struct {
	Endpoint string // host; empty: the embedded one
	Bucket   string
	Open     func() (clips.Store, error) // of an endpoint; asks nothing yet
	Lock     string                      // file that the embedded store locks
	Running  *Running
}

// Look looks whether the store works, or could. Of a service it writes a small object, reads it back and removes it.
func (s Store) Look(ctx context.Context) []Finding {
	if s.Endpoint == "" {
		return []Finding{embedded("s3", "store", s.Lock, s.Running)}
	}
	store, err := s.Open()
	if err != nil {
		return []Finding{problem("mend s3.endpoint", "s3.endpoint: %v", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	return []Finding{s.try(ctx, store)}
}

func (s Store) try(ctx context.Context, store clips.Store) Finding {
	var unique [8]byte
	_, _ = rand.Read(unique[:]) // never fails
	key, want := "health/doctor-"+hex.EncodeToString(unique[:]), []byte("vigil doctor")
	err := store.Put(ctx, key, bytes.NewReader(want), clips.PutOptions{ContentType: "text/plain"})
	if errors.Is(err, s3.ErrNoBucket) {
		return warning("make it, or let the start of vigil do so if the key may", "s3.bucket: %s has no bucket %s yet", s.Endpoint, s.Bucket)
	}
	if err != nil {
		return problem("see whether s3.endpoint answers and the key may write objects to the bucket", "s3.endpoint: %v", err)
	}
	err = readBack(ctx, store, key, want)
	if err := errors.Join(err, store.Delete(ctx, key)); err != nil {
		return problem("let the key read, list and delete objects of the bucket", "s3.endpoint: %v", err)
	}
	return ok("s3.endpoint: bucket %s at %s can be written, read and deleted from", s.Bucket, s.Endpoint)
}

func readBack(ctx context.Context, store clips.Store, key string, want []byte) error {
	body, _, err := store.Get(ctx, key)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(io.LimitReader(body, int64(len(want))+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("what is read is not what was written")
	}
	return nil
}
