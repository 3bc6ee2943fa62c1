package people

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vigil/vision"
)

// file is a photo with its bytes.
type file struct {
	photo Photo
	data  []byte
	face  int // which face is meant; 0: the only one
}

// look has each photo looked at by itself. Of a file that is no picture the reason becomes the verdict, and nothing is
// found. An error says that the engine could not look.
func (g *Gallery) look(files []file) ([]vision.Candidate, error) {
	photos := make([]vision.Candidate, len(files))
	for i := range files {
		f := &files[i]
		picture, err := g.Read(f.photo.File, f.data)
		if err != nil {
			f.photo.Verdict = err.Error()
			continue
		}
		found, err := vision.Enrol(g.Engine, []vision.NamedPicture{{
			Name: f.photo.File, Face: f.face, At: f.photo.At, Picture: picture,
		}})
		if err != nil {
			return nil, err
		}
		photos[i] = found[0]
	}
	return photos, nil
}

// judged puts the verdicts on record.
func judged(files []file, photos []vision.Candidate) []Photo {
	all := make([]Photo, len(files))
	for i, f := range files {
		all[i] = f.photo
		all[i].Used = photos[i].OK()
		if photos[i].Finding != "" {
			all[i].Verdict = photos[i].Text()
		}
		if q := photos[i].Quality; q != (vision.Quality{}) {
			all[i].Quality = &q
		}
		if remedy := photos[i].Remedy(); remedy != "" {
			all[i].Verdict += ": " + remedy
		}
		if f.face > 0 && photos[i].OK() {
			all[i].At = &photos[i].At
		}
	}
	return all
}

func templates(photos []vision.Candidate) (used []vision.Embedding) {
	for _, p := range photos {
		if p.OK() {
			used = append(used, p.Template)
		}
	}
	return used
}

// album is a person of the configuration: files and what was made of them.
type album struct {
	Configured
	files  []file
	photos []vision.Candidate
}

func (a album) record() Person {
	return Person{Name: a.Name, Source: FromConfiguration, Photos: judged(a.files, a.photos), Updated: time.Now().UTC()}
}

func everybody(albums []album) []vision.Person {
	var all []vision.Person
	for _, a := range albums {
		all = append(all, vision.Person{Name: a.Name, Templates: templates(a.photos)})
	}
	return all
}

// readConfigured looks at the photos of the people of the configuration. A photo that is not like the person's others is
// not used. Where no photo is like another, and where one is like somebody else, the owner who put it there is believed,
// and warned: without it the family would raise alerts.
func (g *Gallery) readConfigured(all []Configured) ([]album, error) {
	nobody, err := g.gallery(nil)
	if err != nil {
		return nil, err
	}
	var albums []album
	for _, c := range all {
		a, err := g.readAlbum(c, nobody)
		if err != nil {
			return nil, fmt.Errorf("person %s: %w", c.Name, err)
		}
		albums = append(albums, a)
	}
	others, err := g.gallery(everybody(albums))
	if err != nil {
		return nil, err
	}
	for _, a := range albums {
		admit(a, others)
		for _, p := range a.photos {
			if !p.OK() {
				g.Log.Warn("photo is not used", "person", a.Name, "photo", p.File, "reason", p.Text())
			} else if p.Doubt != "" {
				g.Log.Warn("photo is doubtful", "person", a.Name, "photo", p.File, "reason", p.Text())
			}
		}
	}
	return albums, nil
}

func (g *Gallery) readAlbum(c Configured, nobody *vision.Gallery) (a album, err error) {
	a.Configured = c
	if a.files, err = readFolder(c.Dir); err != nil {
		return a, err
	}
	if a.photos, err = g.look(a.files); err != nil {
		return a, err
	}
	admit(a, nobody)
	if len(templates(a.photos)) == 0 {
		return a, fmt.Errorf("%s: %w", c.Dir, Refused{judged(a.files, a.photos)})
	}
	return a, nil
}

// admit compares the photos with the gallery, and believes the owner where that does not help.
func admit(a album, g *vision.Gallery) {
	g.Admit(a.Name, a.photos)
	for i := range a.photos {
		if p := &a.photos[i]; p.Finding != vision.FaceUnlike {
			p.Overrule()
		}
	}
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
	var all []Configured
	for _, entry := range entries {
		if entry.IsDir() && entry.Name()[0] != '.' {
			all = append(all, Configured{Name: entry.Name(), Dir: filepath.Join(dir, entry.Name())})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read people: %s holds no folder of photos", dir)
	}
	albums, err := g.readConfigured(all)
	if err != nil {
		return nil, err
	}
	return g.gallery(everybody(albums))
}
