package clips

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"vigil/alerts"
)

// maxShot bounds a best shot, and maxRecord a record, when they are read back.
const (
	maxShot   = 16 << 20
	maxRecord = 4 << 20
)

// record lies beside the clip and says what it is. It is stored last: where it is, the clip is.
type record struct {
	Alert json.RawMessage `json:"alert"` // as raised, with its decision
	Clip  alerts.Clip     `json:"clip"`
	Shot  string          `json:"shot"` // key of the best shot, empty when there is none
	Cut   alerts.Time     `json:"cut"`  // when the clip was cut, by the recorder's clock
}

func (r *record) done(job alerts.ClipJob) alerts.ClipDone {
	return alerts.ClipDone{Alert: job.Alert, Camera: job.Camera, Piece: job.Piece, ShotKey: r.Shot, Clip: &r.Clip}
}

// stored returns the record of a clip that is in the store already, or ErrNotFound.
func (r *Recorder) stored(ctx context.Context, job alerts.ClipJob) (*record, error) {
	b, err := r.read(ctx, KeyFor(job.Camera, job.Name(), job.Start, ".json"), maxRecord)
	if err != nil {
		return nil, err
	}
	var found record
	if err := json.Unmarshal(b, &found); err != nil {
		r.logger().Warn("record is unreadable, making the clip again", "alert", job.Alert, "reason", err)
		return nil, ErrNotFound
	}
	good, err := r.verify(ctx, found.Clip.Key, found.Clip.Bytes, found.Clip.SHA256)
	if err != nil {
		return nil, err
	}
	if !good {
		r.logger().Warn("stored clip is not what its record says, making it again", "alert", job.Alert, "key", found.Clip.Key)
		return nil, ErrNotFound
	}
	return &found, nil
}

// upload puts clip, shot and record into the store, in this order.
func (r *Recorder) upload(ctx context.Context, job alerts.ClipJob, spool *spool, clip *spooled) (*record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout+time.Duration(clip.Bytes/slowest)*time.Second)
	defer cancel()
	made := &record{Alert: job.Record, Clip: clip.facts(job), Cut: alerts.Time{Time: clip.Cut}}
	other, err := r.uploadClip(ctx, job, spool, made.Clip)
	if err != nil || other != nil {
		return other, err
	}
	made.Shot, err = r.copyShot(ctx, job)
	if errors.Is(err, ErrNotFound) {
		if r.now().Before(clip.Cut.Add(shotLateness)) {
			return nil, NotYet{After: poll, Cause: fmt.Errorf("best shot %s: %w", job.ShotKey, err)}
		}
		r.logger().Warn("clip goes without its best shot", "alert", job.Alert, "key", job.ShotKey)
	} else if err != nil {
		return nil, fmt.Errorf("copy best shot: %w", err)
	}
	b, err := seal(made, r.Key)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	key := KeyFor(job.Camera, job.Name(), job.Start, ".json")
	return made, r.Store.Put(ctx, key, bytes.NewReader(b), PutOptions{ContentType: TypeJSON})
}

// uploadClip stores the clip and looks whether it is there. Something else of its key is either another recorder's,
// complete with its record, which then counts; or what an attempt left that nobody was told of, which is replaced.
func (r *Recorder) uploadClip(ctx context.Context, job alerts.ClipJob, spool *spool, clip alerts.Clip) (other *record, err error) {
	for _, replace := range []bool{false, true} {
		err := r.putClip(ctx, spool, clip.Key, !replace)
		if err != nil && !errors.Is(err, ErrExists) {
			return nil, err
		}
		good, err := r.verify(ctx, clip.Key, clip.Bytes, clip.SHA256)
		if err != nil || good {
			return nil, err
		}
		other, err := r.stored(ctx, job)
		if !errors.Is(err, ErrNotFound) {
			return other, err
		}
		r.logger().Warn("stored clip differs from the local one", "alert", job.Alert, "key", clip.Key)
	}
	return nil, fmt.Errorf("%w: what is stored as %s differs from what was sent", errAnswered, clip.Key)
}

func (r *Recorder) putClip(ctx context.Context, spool *spool, key string, ifAbsent bool) (err error) {
	file, err := spool.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return r.Store.Put(ctx, key, file, PutOptions{ContentType: TypeMP4, IfAbsent: ifAbsent})
}

// verify says whether the store holds an object of that size and checksum. Where the store does not know the checksum
// the object is read back.
func (r *Recorder) verify(ctx context.Context, key string, size int64, sum string) (bool, error) {
	object, err := r.Store.Stat(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if object.Size != size || object.SHA256 != "" {
		return object.Size == size && object.SHA256 == sum, nil
	}
	body, _, err := r.Store.Get(ctx, key)
	if err != nil {
		return false, err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return false, fmt.Errorf("read back %s: %w", key, err)
	}
	return hex.EncodeToString(hash.Sum(nil)) == sum, nil
}

// copyShot puts the alert's best shot beside the clip and returns its key there; none when the job names none.
func (r *Recorder) copyShot(ctx context.Context, job alerts.ClipJob) (string, error) {
	if job.ShotKey == "" {
		return "", nil
	}
	b, err := r.read(ctx, job.ShotKey, maxShot)
	if err != nil {
		return "", err
	}
	key := KeyFor(job.Camera, job.Name(), job.Start, ".jpg")
	return key, r.Store.Put(ctx, key, bytes.NewReader(b), PutOptions{ContentType: TypeJPEG})
}

func (r *Recorder) read(ctx context.Context, key string, limit int64) (b []byte, err error) {
	body, object, err := r.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if object.Size > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are read", errAnswered, key, object.Size, limit)
	}
	return io.ReadAll(io.LimitReader(body, limit))
}
