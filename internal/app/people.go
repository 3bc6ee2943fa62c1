package app

import (
	"context"
	"errors"
	"iter"
	"path"
	"time"

	"vigil/clips"
	"vigil/internal/bus"
	"vigil/internal/people"
	"vigil/internal/web"
	"vigil/vision"
)

// records keeps people in the people bucket.
type records struct{ kv *bus.KV[people.Person] }

func (a *App) openPeople(ctx context.Context) (records, error) {
	kv, err := bus.OpenKV[people.Person](ctx, a.bus, bus.People)
	return records{kv}, err
}

// Get implements people.Records.
func (r records) Get(ctx context.Context, name string) (people.Person, error) {
	entry, err := r.kv.Get(ctx, name)
	if errors.Is(err, bus.ErrNotFound) {
		return people.Person{}, people.ErrNotFound
	}
	return entry.Value, err
}

// Put implements people.Records.
func (r records) Put(ctx context.Context, p people.Person) error {
	_, err := r.kv.Put(ctx, p.Name, p)
	return err
}

// Delete implements people.Records.
func (r records) Delete(ctx context.Context, name string) error { return r.kv.Delete(ctx, name) }

// List implements people.Records.
func (r records) List(ctx context.Context) ([]people.Person, error) {
	entries, err := r.kv.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []people.Person
	for _, entry := range entries {
		all = append(all, entry.Value)
	}
	return all, nil
}

// Watch implements people.Records.
func (r records) Watch(ctx context.Context) iter.Seq2[struct{}, error] {
	return func(yield func(struct{}, error) bool) {
		for _, err := range r.kv.Watch(ctx) {
			if !yield(struct{}{}, err) {
				return
			}
		}
	}
}

// directory shows internal/people to the console.
type directory struct {
	*people.Directory
	bus     *bus.Conn
	history time.Duration // how long alerts and events are kept
}

// sightingsKept is how long the bus keeps sightings.
const sightingsKept = 7 * 24 * time.Hour

func (a *App) openDirectory(ctx context.Context) (directory, error) {
	kept, err := a.openPeople(ctx)
	return directory{&people.Directory{
		Records: kept, Photos: objects{a.store, clips.TypeJPEG},
		Judge: func(ctx context.Context, asked people.Application) (people.Judgement, error) {
			return bus.Request[people.Application, people.Judgement](ctx, a.bus, judgeSubject, asked)
		},
	}, a.bus, time.Duration(a.cfg.Retention.Alerts)}, err
}

// Calibration implements web.People.
func (d directory) Calibration(ctx context.Context) (vision.Report, error) {
	report, err := bus.Request[struct{}, vision.Report](ctx, d.bus, calibrationSubject, struct{}{})
	return report, asRefusal(err)
}

// People implements web.People.
func (d directory) People(ctx context.Context) ([]web.PersonView, error) {
	all, err := d.List(ctx)
	var views []web.PersonView
	for _, p := range all {
		views = append(views, personView(p))
	}
	return views, err
}

// Enrol implements web.People.
func (d directory) Enrol(ctx context.Context, name string, photos []web.Photo, c web.Choices) (web.PersonView, error) {
	var uploads []people.Upload
	for _, photo := range photos {
		uploads = append(uploads, people.Upload{File: photo.Name, Data: photo.Data})
	}
	p, err := d.Directory.Enrol(ctx, name, uploads, people.Choices{Face: c.Face, Force: c.Force})
	return personView(p), asRefusal(err)
}

// Erase implements web.People.
func (d directory) Erase(ctx context.Context, name string) (web.Receipt, error) {
	person, err := d.Remove(ctx, name)
	if err != nil {
		return web.Receipt{}, asRefusal(err)
	}
	now := time.Now().UTC()
	return web.Receipt{Person: name, ErasedAt: now, Photos: len(person.Photos), Kept: []web.Kept{
		{What: "decisions about tracks that looked like this person", Until: now.Add(sightingsKept)},
		{What: "alerts and events that name this person", Until: now.Add(d.history)},
	}}, nil
}

// asRefusal turns what is the asker's fault into what the console tells them.
func asRefusal(err error) error {
	_, refused := errors.AsType[people.Refused](err)
	switch {
	case errors.Is(err, people.ErrNotFound):
		return web.ErrNotFound
	case errors.Is(err, bus.ErrNoResponders):
		return web.Refused{Reason: "no vision role runs that could look at photos or knows the people"}
	case refused, errors.Is(err, people.ErrConfigured):
		return web.Refused{Reason: err.Error()}
	}
	return err
}

func personView(p people.Person) web.PersonView {
	view := web.PersonView{Name: p.Name, Source: p.Source, Ignored: p.Ignored, Updated: p.Updated, Photos: []web.PhotoView{}}
	for _, photo := range p.Photos {
		view.Photos = append(view.Photos, photoView(photo))
	}
	return view
}

func photoView(p people.Photo) web.PhotoView {
	view := web.PhotoView{File: p.File, Used: p.Used, Verdict: p.Verdict, Quality: p.Quality}
	if p.Used && p.Key != "" {
		view.ID = path.Base(p.Key)
	}
	if !p.Added.IsZero() {
		view.Added = &p.Added
	}
	return view
}
