// Package people keeps who is enrolled: names and photos, in the store and on the bus, and turns them into the
// gallery that the vision role works with. Templates are never kept: they are made of the photos whenever the vision
// role starts, so a change of model needs nothing, and nothing that identifies a face lies on a disk but the photos
// themselves. It imports vision.
package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/vision"
)

// Sources of people.
const (
	FromConfiguration = "configuration"
	FromEnrolment     = "enrolled"
)

// Errors of a Directory.
var (
	// ErrNotFound says that nobody of that name is enrolled.
	ErrNotFound = errors.New("nobody of that name is enrolled")
	// ErrConfigured says that the person comes from the configuration file, and can be changed only there.
	ErrConfigured = errors.New("is in the configuration file; change it there")
)

// Refused says that none of the photos can be used. Its text has a line for each.
type Refused struct{ Photos []Photo }

func (r Refused) Error() string {
	lines := []string{"no photo can be used"}
	for _, photo := range r.Photos {
		lines = append(lines, photo.File+": "+photo.Verdict)
	}
	return strings.Join(lines, "\n  ")
}

// Photo is one picture of a person.
type Photo struct {
	File    string `json:"file"`          // as it was called
	Key     string `json:"key,omitempty"` // object key; empty for photos of the configuration
	Used    bool   `json:"used"`
	Verdict string `json:"verdict"` // what was thought of it, for people
	// At lies in the face that was chosen among several; nil where there was nothing to choose.
	At *vision.Point `json:"at,omitempty"`
	// Quality is that of the face; nil where none was found.
	Quality *vision.Quality `json:"quality,omitempty"`
	Added   time.Time       `json:"added,omitzero"` // when it was enrolled
}

// Person is somebody enrolled, as kept on the bus.
type Person struct {
	Name    string    `json:"name"`
	Source  string    `json:"source"`
	Photos  []Photo   `json:"photos"`
	Updated time.Time `json:"updated"`
	// Ignored says that the name is nobody's: the person is a stranger who is to raise no alert.
	Ignored bool `json:"ignored,omitempty"`
}

// Records keeps people by name.
type Records interface {
	Get(ctx context.Context, name string) (Person, error) // ErrNotFound
	Put(ctx context.Context, p Person) error
	Delete(ctx context.Context, name string) error
	List(ctx context.Context) ([]Person, error)
	// Watch yields at every change, and once at the start.
	Watch(ctx context.Context) iter.Seq2[struct{}, error]
}

// Photos keeps the photos' bytes.
type Photos interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
}

// Judgement is what a Judge answers: for each photo, in order, a verdict.
type Judgement struct {
	Photos []Photo `json:"photos"`
}

// Choices are what the one who enrols decides.
type Choices struct {
	Face  int  `json:"face"`  // which face of each photo, counted from left to right, from 1; 0: the only one
	Force bool `json:"force"` // use photos also when they resemble somebody else, or not the person's other ones
	// Ignored says, of somebody new, that the name is nobody's.
	Ignored bool `json:"ignored,omitempty"`
}

// Application asks for new photos of a person to be looked at.
type Application struct {
	Name   string  `json:"name"`
	Photos []Photo `json:"photos"`
	Choices
}

// Judge looks at photos that lie in the store, and compares them with who is enrolled: the vision role does.
type Judge func(ctx context.Context, a Application) (Judgement, error)

// Upload is a photo as it comes in.
type Upload struct {
	File string
	Data []byte
}

// Directory enrols and removes people.
type Directory struct {
	Records Records
	Photos  Photos
	Judge   Judge

	mu sync.Mutex // one change at a time: each reads a record and writes it
}

// discardTime bounds the deletion of photos that are not kept, which goes on when the one who asked has gone.
const discardTime = 10 * time.Second

// List returns everybody, by name.
func (d *Directory) List(ctx context.Context) ([]Person, error) {
	people, err := d.Records.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	slices.SortFunc(people, func(a, b Person) int { return strings.Compare(a.Name, b.Name) })
	return people, nil
}

// Enrol adds photos to the person of that name. Photos that cannot be used are not kept; when none can, nobody is
// enrolled and the error is Refused.
func (d *Directory) Enrol(ctx context.Context, name string, uploads []Upload, c Choices) (Person, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	person, err := d.Records.Get(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		person = Person{Name: name, Source: FromEnrolment, Ignored: c.Ignored}
	case err != nil:
		return Person{}, err
	case person.Source == FromConfiguration:
		return Person{}, fmt.Errorf("%s %w", name, ErrConfigured)
	}
	var photos []Photo
	for _, upload := range uploads {
		photo := Photo{File: upload.File, Key: photoKey(name, upload)}
		photos = append(photos, photo)
		if err := d.Photos.Put(ctx, photo.Key, upload.Data); err != nil {
			return Person{}, errors.Join(fmt.Errorf("keep photo %s: %w", upload.File, err), d.discard(ctx, person, photos))
		}
	}
	judged, err := d.Judge(ctx, Application{Name: name, Photos: photos, Choices: c})
	if err == nil && len(judged.Photos) != len(photos) {
		err = fmt.Errorf("got %d verdicts for %d photos", len(judged.Photos), len(photos))
	}
	if err != nil {
		return Person{}, errors.Join(fmt.Errorf("look at photos: %w", err), d.discard(ctx, person, photos))
	}
	used := slices.DeleteFunc(slices.Clone(judged.Photos), func(p Photo) bool { return !p.Used })
	unused := slices.DeleteFunc(slices.Clone(judged.Photos), func(p Photo) bool { return p.Used })
	if err := d.discard(ctx, person, unused); err != nil {
		return Person{}, err
	}
	if len(used) == 0 {
		return Person{}, Refused(judged)
	}
	now := time.Now().UTC()
	for _, photo := range used {
		photo.Added = now
		person.Photos = slices.DeleteFunc(person.Photos, func(p Photo) bool { return p.Key == photo.Key })
		person.Photos = append(person.Photos, photo)
	}
	person.Updated = now
	if err := d.Records.Put(ctx, person); err != nil {
		// The record may be there all the same, so its photos stay. Enrolled again, they have the same keys.
		return Person{}, fmt.Errorf("keep person: %w", err)
	}
	person.Photos = append(person.Photos, unused...) // for the one who asked, not for the record
	return person, nil
}

// discard deletes photos that the person does not already have.
func (d *Directory) discard(ctx context.Context, person Person, photos []Photo) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	var errs []error
	for _, photo := range photos {
		if !slices.ContainsFunc(person.Photos, func(p Photo) bool { return p.Key == photo.Key }) {
			errs = append(errs, d.Photos.Delete(ctx, photo.Key))
		}
	}
	return errors.Join(errs...)
}

// Remove forgets the person and deletes the photos, and returns who that was: the record goes first, so that nobody
// matches any more from then on.
func (d *Directory) Remove(ctx context.Context, name string) (Person, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	person, err := d.Records.Get(ctx, name)
	if err != nil {
		return Person{}, err
	}
	if person.Source == FromConfiguration {
		return Person{}, fmt.Errorf("%s %w", name, ErrConfigured)
	}
	if err := d.Records.Delete(ctx, name); err != nil {
		return Person{}, fmt.Errorf("remove %s: %w", name, err)
	}
	return person, d.discard(ctx, Person{}, person.Photos)
}

// Keys are the keys of the person's photos; none of somebody who is not enrolled.
func (d *Directory) Keys(ctx context.Context, name string) ([]string, error) {
	person, err := d.Records.Get(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	var keys []string
	for _, photo := range person.Photos {
		keys = append(keys, photo.Key)
	}
	return keys, err
}

// RemovePhotos forgets photos of the person by their keys and deletes them. Whoever has none left is forgotten too.
func (d *Directory) RemovePhotos(ctx context.Context, name string, keys []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	person, err := d.Records.Get(ctx, name)
	if err != nil {
		return err
	}
	if person.Source == FromConfiguration {
		return fmt.Errorf("%s %w", name, ErrConfigured)
	}
	var gone []Photo
	kept := slices.DeleteFunc(slices.Clone(person.Photos), func(p Photo) bool {
		goes := slices.Contains(keys, p.Key)
		if goes {
			gone = append(gone, p)
		}
		return goes
	})
	person.Photos, person.Updated = kept, time.Now().UTC()
	if len(kept) == 0 {
		err = d.Records.Delete(ctx, name)
	} else if len(gone) > 0 {
		err = d.Records.Put(ctx, person)
	}
	if err != nil {
		return fmt.Errorf("remove photos of %s: %w", name, err)
	}
	return d.discard(ctx, person, gone)
}

// photoKey follows from the name and the bytes, so that the same photo sent twice is kept once.
func photoKey(name string, upload Upload) string {
	who, what := sha256.Sum256([]byte(name)), sha256.Sum256(upload.Data)
	return "people/" + hex.EncodeToString(who[:8]) + "/" + hex.EncodeToString(what[:16])
}
