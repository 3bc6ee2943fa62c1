package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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
	Read   func(name string, data []byte) (vision.Picture, error)
	Roster *vision.Roster
	Log    *slog.Logger

	configured []vision.Person // embedded once: the files are read at the start only
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
	g.configured, g.enrolled = nil, map[string]embedded{}
	var records []Person
	for _, c := range g.Configured {
		person, record, err := g.readConfigured(c)
		if err != nil {
			return err
		}
		g.configured, records = append(g.configured, person), append(records, record)
	}
	if err := g.keepConfigured(ctx, records); err != nil {
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

// Judge looks at photos that were just uploaded.
func (g *Gallery) Judge(ctx context.Context, photos []Photo) (Judgement, error) {
	var files []file
	for _, photo := range photos {
		data, err := g.Photos.Get(ctx, photo.Key)
		if err != nil {
			return Judgement{}, fmt.Errorf("photo %s: %w", photo.File, err)
		}
		files = append(files, file{photo: photo, data: data})
	}
	_, judged, err := g.embed(files)
	return Judgement{Photos: judged}, err
}

func (g *Gallery) readConfigured(c Configured) (vision.Person, Person, error) {
	files, err := readFolder(c.Dir)
	if err != nil {
		return vision.Person{}, Person{}, fmt.Errorf("person %s: %w", c.Name, err)
	}
	templates, judged, err := g.embed(files)
	if err != nil {
		return vision.Person{}, Person{}, fmt.Errorf("person %s: %w", c.Name, err)
	}
	if len(templates) == 0 {
		return vision.Person{}, Person{}, fmt.Errorf("person %s: %s: %w", c.Name, c.Dir, Refused{judged})
	}
	for _, photo := range judged {
		if !photo.Used {
			g.Log.Warn("photo is not used", "person", c.Name, "photo", photo.File, "reason", photo.Verdict)
		}
	}
	record := Person{Name: c.Name, Source: FromConfiguration, Photos: judged, Updated: time.Now().UTC()}
	return vision.Person{Name: c.Name, Templates: templates}, record, nil
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
	for _, record := range records {
		if record.Source != FromConfiguration && known[record.Name] {
			return fmt.Errorf("person %s: is enrolled already: leave them out of the configuration, or begin without "+
				"them in it and run `vigil people remove` first", record.Name)
		}
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
	records, err := g.Records.List(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnread, err)
	}
	everybody := append([]vision.Person(nil), g.configured...)
	enrolled := map[string]embedded{}
	changed := g.Roster.Gallery() == nil
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
		everybody = append(everybody, now.person)
	}
	if !changed && len(enrolled) == len(g.enrolled) {
		return nil
	}
	gallery, err := vision.NewGallery(g.Engine.Model().ID, everybody)
	if err != nil {
		return err
	}
	g.enrolled = enrolled
	g.Roster.Set(gallery)
	g.Log.Info("gallery is ready", "people", len(everybody), "templates", gallery.Templates(), "model", gallery.Model())
	return errors.Join(missing...)
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
	templates, _, err := g.embed(files)
	if err != nil {
		return embedded{}, fmt.Errorf("person %s: %w", record.Name, err)
	}
	e := embedded{person: vision.Person{Name: record.Name, Templates: templates}}
	if len(missing) == 0 {
		e.updated = record.Updated // else the next refresh tries again
	}
	return e, errors.Join(missing...)
}

// file is a photo with its bytes.
type file struct {
	photo Photo
	data  []byte
}

// embed makes templates of the usable photos, and a verdict for each. An error says that the engine could not look.
func (g *Gallery) embed(files []file) (templates []vision.Embedding, judged []Photo, err error) {
	for _, f := range files {
		photo := f.photo
		photo.Used = false
		picture, err := g.Read(photo.File, f.data)
		if err != nil {
			photo.Verdict = err.Error()
			judged = append(judged, photo)
			continue
		}
		made, verdicts, err := vision.Enrol(g.Engine, []vision.NamedPicture{{Name: photo.File, Picture: picture}})
		if err != nil {
			return nil, nil, err
		}
		templates = append(templates, made...)
		photo.Used = verdicts[0].OK()
		photo.Verdict = strings.TrimPrefix(verdicts[0].String(), photo.File+": ")
		judged = append(judged, photo)
	}
	return templates, judged, nil
}

// readFolder reads the files of a person's folder; hidden ones and folders are passed over.
func readFolder(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read photos: %w", err)
	}
	var files []file
	for _, entry := range entries {
		if entry.IsDir() || entry.Name()[0] == '.' {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read photos: %w", err)
		}
		files = append(files, file{photo: Photo{File: entry.Name()}, data: data})
	}
	if len(files) == 0 {
		return nil, errors.New("no photo in " + dir)
	}
	return files, nil
}

// Folder makes a gallery of a folder of folders: each holds the photos of the person it is named for.
func (g *Gallery) Folder(dir string) (*vision.Gallery, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	var everybody []vision.Person
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name()[0] == '.' {
			continue
		}
		person, _, err := g.readConfigured(Configured{Name: entry.Name(), Dir: filepath.Join(dir, entry.Name())})
		if err != nil {
			return nil, err
		}
		everybody = append(everybody, person)
	}
	if len(everybody) == 0 {
		return nil, fmt.Errorf("read people: %s holds no folder of photos", dir)
	}
	return vision.NewGallery(g.Engine.Model().ID, everybody)
}
