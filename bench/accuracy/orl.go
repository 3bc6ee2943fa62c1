package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"vigil/internal/app"
	"vigil/vision"
)

// person is one of the ORL people.
type person struct {
	name   string
	photos []photo
}

// photo is one of a person's pictures.
type photo struct {
	file  string
	grey  grey
	found bool             // a face was found in it
	e     vision.Embedding // of that face
	eyes  float64          // pixels between its eyes, in grey
}

// readPeople reads the folder of the ORL faces, in the order of their numbers.
func readPeople(dir string) ([]person, error) {
	folders, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the ORL faces: %w", err)
	}
	var people []person
	for _, folder := range folders {
		p := person{name: folder.Name()}
		files, err := filepath.Glob(filepath.Join(dir, p.name, "*.pgm"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			picture, err := app.ReadPicture(file, data)
			if err != nil {
				return nil, err
			}
			p.photos = append(p.photos, photo{file: file, grey: greyOf(picture)})
		}
		slices.SortFunc(p.photos, func(a, b photo) int { return number(a.file) - number(b.file) })
		if len(people) > 0 && len(p.photos) != len(people[0].photos) {
			return nil, fmt.Errorf("read the ORL faces: %s has %d photos, want %d", p.name, len(p.photos), len(people[0].photos))
		}
		people = append(people, p)
	}
	slices.SortFunc(people, func(a, b person) int { return number(a.name) - number(b.name) })
	if len(people) < 4 || len(people[0].photos) < 2*enrolPhotos {
		return nil, fmt.Errorf("read the ORL faces: %s holds %d people, want some, with %d photos each", dir, len(people), 2*enrolPhotos)
	}
	return people, nil
}

// number is the number in a name such as s12 or 7.pgm.
func number(name string) int {
	n, _ := strconv.Atoi(strings.Trim(strings.TrimSuffix(filepath.Base(name), ".pgm"), "s"))
	return n
}

// survey finds the face in every photo.
func (b *bench) survey(ctx context.Context) error {
	return parallel(ctx, len(b.people), func(i int) error {
		for k := range b.people[i].photos {
			p := &b.people[i].photos[k]
			if err := b.look(p); err != nil {
				return fmt.Errorf("look at %s: %w", p.file, err)
			}
		}
		return nil
	})
}

func (b *bench) look(p *photo) error {
	framed := portrait(p.grey)
	faces, err := b.drawn.Detect(framed, nil)
	if err != nil {
		return err
	}
	p.eyes = usualEyes
	if len(faces) == 0 {
		return nil
	}
	e, q, err := b.drawn.Embed(framed, faces[0])
	p.e, p.eyes, p.found = e, q.EyeDistance/2, true // a portrait is twice as large
	return err
}

// usualEyes is the distance of the eyes in a photo in which no face was found.
const usualEyes = 36

// split says who is enrolled with which photos. Everybody's other photos are what the camera sees.
type split struct {
	known  []bool  // by person
	photos [][]int // by person, shuffled: the first enrolPhotos are for enrolment
}

// enrolPhotos is how many photos of a person are enrolled.
const enrolPhotos = 5

func makeSplits(people, photos, n int, seed uint64) []split {
	r := rand.New(rand.NewPCG(seed, 0))
	splits := make([]split, n)
	for i := range splits {
		s := split{known: make([]bool, people)}
		for _, who := range r.Perm(people)[:people/2] {
			s.known[who] = true
		}
		for range people {
			s.photos = append(s.photos, r.Perm(photos))
		}
		splits[i] = s
	}
	return splits
}

// probes are the photos of a person that nobody enrolled.
func (s split) probes(who int) []int { return s.photos[who][enrolPhotos:] }

// enrol makes the split's gallery.
func (b *bench) enrol(s split) (*vision.Gallery, error) {
	var everybody []enrolled
	for i, p := range b.people {
		if !s.known[i] {
			continue
		}
		e := enrolled{name: p.name}
		for _, k := range s.photos[i][:enrolPhotos] {
			e.files = append(e.files, p.photos[k].file)
		}
		everybody = append(everybody, e)
	}
	return b.gallery(everybody)
}

// parallel does n things, one a core at a time.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(i)
		})
	}
	return group.Wait()
}

// wilson is the 95 % interval of a rate (E. B. Wilson, 1927), which also holds where nothing was counted.
func wilson(rate float64, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964
	m := float64(n)
	middle := rate + z*z/(2*m)
	reach := z * math.Sqrt(rate*(1-rate)/m+z*z/(4*m*m))
	scale := 1 + z*z/m
	return max(0, (middle-reach)/scale), min(1, (middle+reach)/scale)
}
