package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vigil/vision"
)

// Configured is a person of the configuration file.
type Configured struct {
	Name string
	Dir  string // folder of photos
}

// Gallery makes the gallery of the vision role and keeps it up to date.
type Gallery struct {
	Records    Records
	Photos     Photos
	Configured []Configured
	Engine     vision.Engine
	// Read decodes a picture file; its error is a verdict for people.
	Read func(name string, data []byte) (vision.Picture, error)
	// FalseAccept is the stated probability that a stranger is taken for anybody; 0: the model's threshold decides.
	FalseAccept float64
	Roster      *vision.Roster
	Log         *slog.Logger

	mu         sync.Mutex      // refresh is asked for by Run, by Judge and by Prepare's commit; it holds FalseAccept too
	configured []vision.Person // embedded when the configuration is read
	stamp      string          // of the photos then
	stale      bool            // the gallery in force is not made of configured
	enrolled   map[string]embedded
}

// embedded is a person's templates and the version of the record they were made of.
type embedded struct {
	updated time.Time
	person  vision.Person
}

// Load reads everybody and sets the gallery. A person of the configuration without a usable photo is an error: the
// family would raise alerts.
func (g *Gallery) Load(ctx context.Context) error {
	albums, err := g.readConfigured(g.Configured)
	if err != nil {
		return err
	}
	g.configured, g.enrolled, g.stamp = everybody(albums), nil, stampOf(g.Configured)
	if err := g.keepConfigured(ctx, recordsOf(albums)); err != nil {
		return err
	}
	if err := g.refresh(ctx); err != nil && !errors.Is(err, errIncomplete) {
		return err
	}
	return nil // what is missing is Run's to try again
}

// Run follows changes until ctx ends. While the records cannot be read the gallery stays as it was; while a photo cannot
// be fetched it does without that photo. Both are tried again until they succeed.
func (g *Gallery) Run(ctx context.Context) error {
	for _, err := range g.Records.Watch(ctx) {
		if err == nil {
			err = g.refresh(ctx)
		}
		wait := retryFirst
		for (errors.Is(err, errUnread) || errors.Is(err, errIncomplete)) && ctx.Err() == nil {
			g.Log.Error("gallery is not complete, will try again", "after", wait, "error", err)
			select {
			case <-time.After(wait):
				err = g.refresh(ctx)
			case <-ctx.Done():
			}
			wait = min(2*wait, retryMost)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("follow people: %w", err)
		}
	}
	return nil
}

var (
	// errUnread says that the records could not be read now.
	errUnread = errors.New("list people")
	// errIncomplete says that a photo could not be fetched now. The gallery is set without it.
	errIncomplete = errors.New("photo cannot be fetched")
)

// Waits before the next attempt.
const (
	retryFirst = 2 * time.Second
	retryMost  = time.Minute
)

// Judge looks at photos that were just uploaded and compares them with everybody who is on record by now.
func (g *Gallery) Judge(ctx context.Context, a Application) (Judgement, error) {
	if err := g.refresh(ctx); err != nil && !errors.Is(err, errIncomplete) {
		return Judgement{}, err
	}
	var files []file
	for _, photo := range a.Photos {
		data, err := g.Photos.Get(ctx, photo.Key)
		if err != nil {
			return Judgement{}, fmt.Errorf("photo %s: %w", photo.File, err)
		}
		files = append(files, file{photo: photo, data: data, face: a.Face})
	}
	photos, err := g.look(files)
	if err != nil {
		return Judgement{}, err
	}
	g.Roster.Gallery().Admit(a.Name, photos)
	if a.Force {
		for i := range photos {
			photos[i].Overrule()
		}
	}
	return Judgement{Photos: judged(files, photos)}, nil
}

// Report says how well the gallery in force keeps people apart.
func (g *Gallery) Report(ctx context.Context, _ struct{}) (vision.Report, error) {
	gallery := g.Roster.Gallery()
	if gallery == nil {
		return vision.Report{}, errors.New("the gallery is not ready yet")
	}
	return gallery.Report(ctx)
}

// distinct refuses people of the configuration who are enrolled otherwise.
func distinct(records []Person, configured map[string]bool) error {
	for _, record := range records {
		if record.Source != FromConfiguration && configured[record.Name] {
			return fmt.Errorf("person %s: is enrolled already: leave their photos out of the configuration, or begin without "+
				"them in it and run `vigil people remove` first", record.Name)
		}
	}
	return nil
}

// keepConfigured puts the people of the configuration on record, and forgets those whom an earlier one named. It never
// writes over somebody enrolled, whose photos nobody would delete any more.
func (g *Gallery) keepConfigured(ctx context.Context, configured []Person) error {
	records, err := g.Records.List(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	known := map[string]bool{}
	for _, c := range configured {
		known[c.Name] = true
	}
	if err := distinct(records, known); err != nil {
		return err
	}
	for _, record := range records {
		if record.Source == FromConfiguration && !known[record.Name] {
			if err := g.Records.Delete(ctx, record.Name); err != nil {
				return fmt.Errorf("forget %s: %w", record.Name, err)
			}
		}
	}
	for _, c := range configured {
		if err := g.Records.Put(ctx, c); err != nil {
			return fmt.Errorf("keep person %s: %w", c.Name, err)
		}
	}
	return nil
}

// refresh embeds who has changed and, if anybody has, sets the gallery. A photo that cannot be fetched now costs that person the
// photo, not everybody the gallery.
func (g *Gallery) refresh(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	records, err := g.Records.List(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	all := append([]vision.Person(nil), g.configured...)
	enrolled := map[string]embedded{}
	changed := g.stale || g.Roster.Gallery() == nil
	var missing []error
	for _, record := range records {
		if record.Source == FromConfiguration {
			continue
		}
		now, ok := g.enrolled[record.Name]
		if !ok || !now.updated.Equal(record.Updated) {
			now, err = g.embedRecord(ctx, record)
			if err != nil && !errors.Is(err, errIncomplete) {
				return err
			}
			changed, missing = true, append(missing, err)
		}
		enrolled[record.Name] = now
		all = append(all, now.person)
	}
	if !changed && len(enrolled) == len(g.enrolled) {
		return nil
	}
	gallery, err := g.gallery(all)
	if err != nil {
		return err
	}
	g.enrolled, g.stale = enrolled, false
	g.Roster.Set(gallery)
	g.Log.Info("gallery is ready", "people", len(all), "templates", gallery.Templates(), "model", gallery.Model(),
		"threshold", gallery.Threshold())
	return errors.Join(missing...)
}

// gallery is one of these people, made by the engine's model.
func (g *Gallery) gallery(all []vision.Person) (*vision.Gallery, error) {
	return vision.NewGallery(g.Engine.Model(), g.FalseAccept, all)
}

// embedRecord makes a person's templates. With errIncomplete they are of the photos that could be fetched.
func (g *Gallery) embedRecord(ctx context.Context, record Person) (embedded, error) {
	var files []file
	var missing []error
	for _, photo := range record.Photos {
		data, err := g.Photos.Get(ctx, photo.Key)
		if err != nil {
			missing = append(missing, fmt.Errorf("person %s: %w: %s: %w", record.Name, errIncomplete, photo.File, err))
			continue
		}
		files = append(files, file{photo: photo, data: data})
	}
	photos, err := g.look(files)
	if err != nil {
		return embedded{}, fmt.Errorf("person %s: %w", record.Name, err)
	}
	// How they compare was judged when they were enrolled, and is not judged again: what an owner accepted stays.
	e := embedded{person: vision.Person{Name: record.Name, Templates: templates(photos)}}
	if len(missing) == 0 {
		e.updated = record.Updated // else the next refresh tries again
	}
	return e, errors.Join(missing...)
}
