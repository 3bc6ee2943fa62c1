package objectd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"
)

// copyLimit is S3's own limit of a copy's source; versitygw's zero value refuses every copy.
const copyLimit = 5 << 30

// backend is versitygw's file system backend, made durable: it acknowledges nothing before the object, its metadata
// and the folders it lies in are on the disk.
type backend struct {
	*posix.Posix
	objects *os.Root
	sidecar *os.Root // nil where the file system keeps extended attributes
}

// newBackend changes the process's working directory. attributes says whether a folder's file system keeps extended
// attributes.
func newBackend(dir string, attributes func(dir string) error, log *slog.Logger) (_ *backend, err error) {
	b := &backend{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.objects, err = os.OpenRoot(filepath.Join(dir, "objects")); err != nil {
		return nil, err
	}
	if err := b.sweep(); err != nil {
		return nil, fmt.Errorf("sweep unfinished uploads: %w", err)
	}
	options := posix.PosixOpts{
		CopyObjectThreshold: copyLimit, ValidateBucketNames: true,
		ForceNoObjLockFile: true, // one process: without it 256 empty lock files lie in each bucket
	}
	options.SetNewDirPerm(0o700)
	options.SetNewFilePerm(0o600)
	var store meta.MetadataStorer = meta.XattrMeta{}
	if err := attributes(b.objects.Name()); err != nil {
		log.Info("objects' metadata goes into files of its own", "reason", err)
		if store, err = b.useSidecar(filepath.Join(dir, "meta")); err != nil {
			return nil, err
		}
	}
	b.Posix, err = posix.New(b.objects.Name(), store, options)
	return b, err
}

// useSidecar keeps metadata in files beside the objects. The folder's name must not begin with the objects' one.
func (b *backend) useSidecar(dir string) (meta.MetadataStorer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if b.sidecar, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	return meta.NewSideCar(dir)
}

func (b *backend) close() error {
	var errs []error
	for _, root := range []*os.Root{b.objects, b.sidecar} {
		if root != nil {
			errs = append(errs, root.Close())
		}
	}
	return errors.Join(errs...)
}

// sweep removes what uploads left that ended with the process. Where the file system knows O_TMPFILE there is nothing.
func (b *backend) sweep() error {
	found, err := fs.Glob(b.objects.FS(), "*/"+posix.MetaTmpDir+"/*")
	if err != nil {
		return err
	}
	for _, name := range found {
		info, err := b.objects.Lstat(name)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() { // multipart uploads outlive the process: that is what they are for
			continue
		}
		if err := b.objects.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// CreateBucket implements versitygw's backend.Backend.
func (b *backend) CreateBucket(ctx context.Context, input *s3.CreateBucketInput, acl []byte) error {
	if err := b.Posix.CreateBucket(ctx, input, acl); err != nil {
		return err
	}
	return b.sync(*input.Bucket, "")
}

// PutObject implements versitygw's backend.Backend. The content is on the disk before it gets its name, so that a power
// cut cannot put a torn object in the place of a whole one.
func (b *backend) PutObject(ctx context.Context, input s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	input.ContentEncoding = withoutChunked(input.ContentEncoding)
	output, err := b.PutObjectWithPostFunc(ctx, input, (*os.File).Sync)
	if err != nil {
		return output, err
	}
	return output, b.sync(*input.Bucket, *input.Key)
}

// CreateMultipartUpload implements versitygw's backend.Backend.
func (b *backend) CreateMultipartUpload(
	ctx context.Context, input s3response.CreateMultipartUploadInput,
) (s3response.InitiateMultipartUploadResult, error) {
	input.ContentEncoding = withoutChunked(input.ContentEncoding)
	return b.Posix.CreateMultipartUpload(ctx, input)
}

// CompleteMultipartUpload implements versitygw's backend.Backend.
func (b *backend) CompleteMultipartUpload(
	ctx context.Context, input *s3.CompleteMultipartUploadInput,
) (s3response.CompleteMultipartUploadResult, string, error) {
	result, version, err := b.Posix.CompleteMultipartUpload(ctx, input)
	if err != nil {
		return result, version, err
	}
	return result, version, b.sync(*input.Bucket, *input.Key)
}

// withoutChunked removes aws-chunked from a content encoding: it belongs to the upload, not to the object, but
// versitygw 1.8.0 stores it and sends it with every download (its issue 2398).
func withoutChunked(encoding *string) *string {
	if encoding == nil {
		return nil
	}
	var kept []string
	for part := range strings.SplitSeq(*encoding, ",") {
		if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	joined := strings.Join(kept, ", ")
	return &joined
}

// sync puts an object, its metadata, and the names of both on the disk.
func (b *backend) sync(bucket, key string) error {
	name := path.Join(bucket, key)
	if err := syncFile(b.objects, name); err != nil {
		if errors.Is(err, fs.ErrNotExist) { // deleted in the meantime
			return nil
		}
		return err
	}
	if err := syncParents(b.objects, name); err != nil || b.sidecar == nil {
		return err
	}
	attributes := path.Join(name, "meta")
	err := fs.WalkDir(b.sidecar.FS(), attributes, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncFile(b.sidecar, name)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncParents(b.sidecar, attributes))
}

// syncParents puts the folders above name on the disk, the lowest first.
func syncParents(root *os.Root, name string) error {
	for name != "." {
		name = path.Dir(name)
		if err := syncFile(root, name); err != nil {
			return err
		}
	}
	return nil
}

func syncFile(root *os.Root, name string) error {
	file, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", name, err)
	}
	return nil
}
