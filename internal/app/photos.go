package app

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"vigil/clips"
	"vigil/internal/people"
	"vigil/internal/web"
	"vigil/vision"
)

const (
	// fewPhotos is how many photos somebody should have, of different days and light.
	fewPhotos = 3
	// oldPhotos is from when on a face may have changed.
	oldPhotos = 3 * 365 * 24 * time.Hour
)

// find returns the person and the place of the photo of that id.
func (d directory) find(ctx context.Context, name, photo string) (people.Person, int, error) {
	person, err := d.Records.Get(ctx, name)
	if err != nil {
		return person, 0, asRefusal(err)
	}
	i := slices.IndexFunc(person.Photos, func(p people.Photo) bool { return p.Key != "" && path.Base(p.Key) == photo })
	if i < 0 {
		return person, 0, web.ErrNotFound
	}
	return person, i, nil
}

// Photo implements web.People.
func (d directory) Photo(ctx context.Context, name, photo string) ([]byte, error) {
	person, i, err := d.find(ctx, name, photo)
	if err != nil {
		return nil, err
	}
	data, err := d.Photos.Get(ctx, person.Photos[i].Key)
	if errors.Is(err, clips.ErrNotFound) {
		return nil, web.ErrNotFound
	}
	return data, err
}

// RemovePhoto implements web.People.
func (d directory) RemovePhoto(ctx context.Context, name, photo string) error {
	person, i, err := d.find(ctx, name, photo)
	if err != nil {
		return err
	}
	if len(person.Photos) == 1 {
		return web.Refused{Reason: "it is the last photo: erase the person instead"}
	}
	return asRefusal(d.RemovePhotos(ctx, name, []string{person.Photos[i].Key}))
}

// Health implements web.People.
func (d directory) Health(ctx context.Context) (web.HealthView, error) {
	all, err := d.List(ctx)
	if err != nil {
		return web.HealthView{}, err
	}
	report, err := d.Calibration(ctx)
	if err != nil {
		return web.HealthView{}, err
	}
	return health(all, report, time.Now()), nil
}

// health is what the people's photos, and comparing them, tell.
func health(all []people.Person, report vision.Report, now time.Time) web.HealthView {
	view := web.HealthView{People: len(all)}
	used := map[string][]people.Photo{}
	for _, p := range all {
		used[p.Name] = slices.DeleteFunc(slices.Clone(p.Photos), func(p people.Photo) bool { return !p.Used })
		view.Photos += len(used[p.Name])
		if !p.Ignored {
			view.Advice = append(view.Advice, wanted(p.Name, used[p.Name], now)...)
		}
	}
	for _, o := range report.Outliers {
		if photos := used[o.Person]; o.Photo < len(photos) {
			view.Advice = append(view.Advice, web.Advice{
				Person: o.Person, Problem: web.AnOutlier, Photo: photoView(photos[o.Photo]).ID,
				Text: fmt.Sprintf("%s is not like the other photos (%.2f at most): look whether it shows %s", photos[o.Photo].File, o.Score, o.Person),
			})
		}
	}
	for _, pair := range report.Alike {
		if pair.Remark != "" {
			view.Advice = append(view.Advice, web.Advice{
				Person: pair.A, Problem: web.LookAlike,
				Text: fmt.Sprintf("%s and %s: %s (%.2f); more photos of both help", pair.A, pair.B, pair.Remark, pair.Score),
			})
		}
	}
	return view
}

// wanted says whether somebody needs more photos, or newer ones.
func wanted(name string, photos []people.Photo, now time.Time) (all []web.Advice) {
	if len(photos) < fewPhotos {
		all = append(all, web.Advice{Person: name, Problem: web.TooFew, Text: fmt.Sprintf("%d photos are used, %d of different days and light are better", len(photos), fewPhotos)})
	}
	var newest time.Time
	for _, p := range photos {
		if p.Added.After(newest) {
			newest = p.Added
		}
	}
	if !newest.IsZero() && now.Sub(newest) > oldPhotos {
		all = append(all, web.Advice{Person: name, Problem: web.TooOld, Text: "the newest photo was enrolled " + newest.Format(time.DateOnly) + ": faces change"})
	}
	return all
}
