// Package s3 is a clips.Store in a bucket of any S3-compatible service, on minio-go. It needs only PUT, GET with
// Range, HEAD, DELETE and ListObjectsV2 of the service: each object is sent in one request, so that no parts are ever
// left behind, and conditional writes are used where they exist but nothing depends on them. It imports clips.
package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"vigil/clips"
)

const (
	// checksum is the user metadata in which an object's SHA-256 travels. S3 services change the case of names.
	checksum = "Sha256"
	// defaultRegion is given to services that know no regions; without one minio-go asks the service each time.
	defaultRegion = "us-east-1"
	// retries keeps a service that is away from holding its caller for long: clips wait in their own spool.
	retries = 3
)

// Secret is a key that cannot be printed.
type Secret string

// String implements fmt.Stringer.
func (Secret) String() string { return "[secret]" }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return "[secret]" }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Config says where the bucket is.
type Config struct {
	Endpoint  string            // host or host:port, without a scheme
	Bucket    string            // made when it does not exist and the credentials allow that
	AccessKey string            // not secret by itself
	SecretKey Secret            //
	Token     Secret            // session token of temporary keys; empty: the keys are lasting ones
	Region    string            // default us-east-1
	Secure    bool              // HTTPS
	PathStyle bool              // the bucket in the path rather than in the host name: for most services but AWS
	Transport http.RoundTripper // default: minio-go's
}

// Store is a clips.Store in one bucket.
type Store struct {
	client   *minio.Client
	endpoint string
	bucket   string
	region   string
}

var _ clips.Store = (*Store)(nil)

// ErrRefused says that the service answered and will not have us: wrong keys, no right to the bucket. Waiting does not
// help.
var ErrRefused = errors.New("refused by the service")

// ErrNoBucket says that the service has no bucket of that name. It is normal before the first start.
var ErrNoBucket = errors.New("no such bucket")

// New connects to the service and makes sure that the bucket is there.
func New(ctx context.Context, cfg Config) (*Store, error) {
	s, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.Ensure(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Open makes a store without asking the service anything.
func Open(cfg Config) (*Store, error) {
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	lookup := minio.BucketLookupAuto
	if cfg.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(cfg.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(cfg.AccessKey, string(cfg.SecretKey), string(cfg.Token)),
		Secure: cfg.Secure, Region: cfg.Region, BucketLookup: lookup, Transport: cfg.Transport, MaxRetries: retries,
	})
	if err != nil {
		return nil, fmt.Errorf("s3 endpoint %q: %w", cfg.Endpoint, err)
	}
	return &Store{client: client, endpoint: cfg.Endpoint, bucket: cfg.Bucket, region: cfg.Region}, nil
}

// Ensure makes sure that the bucket is there. ErrRefused when the service answers that it will not be.
func (s *Store) Ensure(ctx context.Context) error {
	if err := s.ensureBucket(ctx, s.region); err != nil {
		var answer minio.ErrorResponse
		if errors.As(err, &answer) && answer.StatusCode >= 400 && answer.StatusCode < 500 {
			err = fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return fmt.Errorf("s3 bucket %q at %s: %w", s.bucket, s.endpoint, err)
	}
	return nil
}

func (s *Store) ensureBucket(ctx context.Context, region string) error {
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return fmt.Errorf("look for it: %w", err)
	}
	if exists {
		return nil
	}
	err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: region})
	if err != nil && code(err) != minio.BucketAlreadyOwnedByYou {
		return fmt.Errorf("make it: %w", err)
	}
	return nil
}

// Put implements clips.Store.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, opts clips.PutOptions) error {
	sum, size, err := measure(body)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	options := minio.PutObjectOptions{
		ContentType: opts.ContentType, UserMetadata: map[string]string{checksum: sum},
		DisableMultipart: true,
		SendContentMd5:   true, // the one checksum that every service knows, and checks before it answers
	}
	if opts.IfAbsent {
		options.SetMatchETagExcept("*")
	}
	if _, err = s.client.PutObject(ctx, s.bucket, key, body, size, options); err != nil {
		return failed("put", key, err)
	}
	return nil
}

// measure reads body once and leaves it at its start.
func measure(body io.ReadSeeker) (sum string, size int64, err error) {
	if _, err = body.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	if size, err = io.Copy(hash, body); err != nil {
		return "", 0, err
	}
	_, err = body.Seek(0, io.SeekStart)
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

// Get implements clips.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadSeekCloser, clips.Object, error) {
	body, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, clips.Object{}, failed("get", key, err)
	}
	info, err := body.Stat()
	if err != nil {
		return nil, clips.Object{}, errors.Join(failed("get", key, err), body.Close())
	}
	return reader{body, key}, describe(info), nil
}

// reader names the object in its errors.
type reader struct {
	*minio.Object
	key string
}

// Read implements io.Reader.
func (r reader) Read(b []byte) (int, error) {
	n, err := r.Object.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = failed("read", r.key, err)
	}
	return n, err
}

// Stat implements clips.Store.
func (s *Store) Stat(ctx context.Context, key string) (clips.Object, error) {
	info, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return clips.Object{}, failed("stat", key, err)
	}
	return describe(info), nil
}

// Delete implements clips.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := failed("delete", key, s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}))
	if errors.Is(err, clips.ErrNotFound) {
		return nil
	}
	return err
}

// List implements clips.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[clips.Object, error] {
	return func(yield func(clips.Object, error) bool) {
		options := minio.ListObjectsOptions{Prefix: prefix, Recursive: true}
		for info := range s.client.ListObjectsIter(ctx, s.bucket, options) {
			if info.Err != nil {
				yield(clips.Object{}, failed("list", prefix, info.Err))
				return
			}
			o := clips.Object{Key: info.Key, Size: info.Size, Modified: info.LastModified}
			if !yield(o, nil) {
				return
			}
		}
	}
}

func describe(info minio.ObjectInfo) clips.Object {
	return clips.Object{
		Key: info.Key, Size: info.Size, ContentType: info.ContentType,
		SHA256: info.UserMetadata[checksum], Modified: info.LastModified,
	}
}

// failed names the operation and the key, and translates the errors that callers test for.
func failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	switch code(err) {
	case minio.NoSuchKey:
		err = clips.ErrNotFound
	case minio.NoSuchBucket:
		err = ErrNoBucket
	case minio.PreconditionFailed:
		err = clips.ErrExists
	}
	return fmt.Errorf("s3 %s %s: %w", op, key, err)
}

func code(err error) string {
	var answer minio.ErrorResponse
	errors.As(err, &answer)
	return answer.Code
}
