package app

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/clips/clipstest"
	"vigil/internal/bus"
	"vigil/internal/people"
	"vigil/internal/web"
	"vigil/vision"
)

// openBook is a book of strangers on a bus of its own, whose judge takes every photo but those called blurred.
func openBook(t *testing.T) strangerBook {
	t.Helper()
	list := openAlertList(t)
	c := startBus(t)
	kept, err := bus.OpenKV[people.Person](t.Context(), c, bus.People)
	if err != nil {
		t.Fatal(err)
	}
	list.media = &clipstest.Memory{}
	judge := func(_ context.Context, a people.Application) (people.Judgement, error) {
		for i := range a.Photos {
			p := &a.Photos[i]
			if p.Used, p.Verdict = !strings.Contains(p.File, "blurred"), "ok"; !p.Used {
				p.Verdict = "face blurred"
			}
		}
		return people.Judgement{Photos: a.Photos}, nil
	}
	return strangerBook{
		list: list, log: openLog(t), now: time.Now,
		people: directory{Directory: &people.Directory{Records: records{kept}, Photos: objects{list.media, clips.TypeJPEG}, Judge: judge}, bus: c},
	}
}

// saw opens a visit of the stranger with a shot.
func (b strangerBook) saw(t *testing.T, id, stranger, shot string) {
	t.Helper()
	key, now := "shots/2026/11/22/door/"+shot+".jpg", time.Now()
	if err := b.people.Photos.Put(t.Context(), key, []byte(shot)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.list.visits.Create(t.Context(), alerts.Visit{
		Alert: alerts.Alert{ID: id, Camera: "door", OpenedAt: alerts.Time{Time: now}, Decision: vision.Unknown, Stranger: stranger, Score: 0.2}, Stranger: stranger,
		Start: now, Seen: now, Tracks: map[string]alerts.VisitTrack{"door/e1/" + id: {Camera: "door", Seen: now}}, ShotKey: key, ShotScore: 0.5,
	}); err != nil {
		t.Fatal(err)
	}
}

func TestNamingAStrangerAndTakingItBack(t *testing.T) {
	b := openBook(t)
	b.saw(t, "A", "s-1", "one")
	b.saw(t, "B", "s-2", "other")
	b.saw(t, "C", "s-1", "blurred")
	b.saw(t, "D", "s-3", "also")
	named, err := b.Name(t.Context(), "A", web.Identity{Person: "Ann", Also: []string{"D"}, By: "me"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"A", "D", "C"}; !slices.Equal(named.Alerts, want) || len(named.Photos) != 3 {
		t.Errorf("got %+v, want the alerts %v and three photos", named, want)
	}
	used := 0
	for _, p := range named.Photos {
		if p.Used {
			used++
		} else if p.Verdict != "face blurred" {
			t.Errorf("got %+v", p)
		}
	}
	if person, err := b.people.Records.Get(t.Context(), "Ann"); err != nil || len(person.Photos) != 2 || used != 2 {
		t.Errorf("got %+v and %d used, %v", person, used, err)
	}
	told := map[string]bool{}
	for s, err := range b.log.sightings.Tail(t.Context(), bus.TailOptions{}) {
		if err != nil || s.Decision.Outcome != vision.Known || s.Decision.Person != "Ann" || s.Decision.Gate != gateNamed {
			t.Errorf("got %+v, %v", s, err)
		}
		told[s.Track] = true
	}
	if len(told) != 3 || told["door/e1/B"] {
		t.Errorf("the desk was told of %v", told)
	}
	for id, want := range map[string]vision.Outcome{"A": vision.Known, "B": vision.Unknown, "C": vision.Known, "D": vision.Known} {
		if view, err := b.list.Get(t.Context(), id); err != nil || view.Alert.Decision != want || (view.Review.Naming != nil) != (want == vision.Known) {
			t.Errorf("%s: got %+v, %v", id, view, err)
		}
	}
	if all, err := b.Strangers(t.Context()); err != nil || len(all) != 1 || all[0].ID != "s-2" {
		t.Errorf("strangers: got %+v, %v", all, err)
	}
	view, err := b.Undo(t.Context(), "C", "me") // which was named with A
	if err != nil || view.Alert.Decision != vision.Unknown || view.Alert.Score != 0.2 || view.Review.Naming != nil {
		t.Errorf("undone: got %+v, %v", view, err)
	}
	if _, err := b.people.Records.Get(t.Context(), "Ann"); err == nil {
		t.Error("Ann is still enrolled, by the stranger's pictures alone")
	}
	if _, err := b.Undo(t.Context(), "A", "me"); err == nil {
		t.Error("what was undone was undone again")
	}
	if all, err := b.Strangers(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("strangers: got %+v, %v", all, err)
	}
}

// TestNamingOneOfTwoPeople: what was taken for one stranger was two.
func TestNamingOneOfTwoPeople(t *testing.T) {
	b := openBook(t)
	b.saw(t, "A", "s-1", "one")
	b.saw(t, "B", "s-1", "other")
	named, err := b.Name(t.Context(), "A", web.Identity{Person: "Ann", Only: true})
	if err != nil || !slices.Equal(named.Alerts, []string{"A"}) || len(named.Photos) != 1 {
		t.Errorf("got %+v, %v, want A alone", named, err)
	}
	if view, err := b.list.Get(t.Context(), "B"); err != nil || view.Review.Naming != nil || view.Alert.Decision != vision.Unknown {
		t.Errorf("got %+v, %v: B is somebody else", view, err)
	}
}

func TestNamingKeepsThePhotosThatWereThere(t *testing.T) {
	b := openBook(t)
	b.saw(t, "A", "s-1", "one")
	if _, err := b.people.Directory.Enrol(t.Context(), "Ann", []people.Upload{{File: "mine.jpg", Data: []byte("mine")}}, people.Choices{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Name(t.Context(), "A", web.Identity{Person: "Ann"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Undo(t.Context(), "A", ""); err != nil {
		t.Fatal(err)
	}
	person, err := b.people.Records.Get(t.Context(), "Ann")
	if err != nil || len(person.Photos) != 1 || person.Photos[0].File != "mine.jpg" {
		t.Errorf("got %+v, %v", person, err)
	}
}

func TestIgnoringAStranger(t *testing.T) {
	b := openBook(t)
	b.saw(t, "A", "s-1", "one")
	named, err := b.Name(t.Context(), "A", web.Identity{Ignored: true})
	if err != nil || named.Person != "Ignored s-1" || !named.Ignored {
		t.Fatalf("got %+v, %v", named, err)
	}
	if person, err := b.people.Records.Get(t.Context(), named.Person); err != nil || !person.Ignored {
		t.Errorf("got %+v, %v", person, err)
	}
	for id, who := range map[string]web.Identity{"none": {Person: "Ann"}, "A": {Person: "Ann", Also: []string{"none"}}} {
		if _, err := b.Name(t.Context(), id, who); err == nil {
			t.Errorf("%s, %+v: no error", id, who)
		}
	}
	b.saw(t, "B", "s-2", "blurred")
	if _, err := b.Name(t.Context(), "B", web.Identity{Person: "Eve"}); err == nil || !strings.Contains(err.Error(), "face blurred") {
		t.Errorf("no picture serves: got %v", err)
	}
	if view, err := b.list.Get(t.Context(), "B"); err != nil || view.Review.Naming != nil {
		t.Errorf("got %+v, %v: nothing was named", view, err)
	}
}

func TestHealthOfTheGallery(t *testing.T) {
	now := time.Now()
	photo := func(id string, used bool, age time.Duration) people.Photo {
		return people.Photo{Key: "people/x/" + id, File: id + ".jpg", Used: used, Added: now.Add(-age)}
	}
	all := []people.Person{
		{Name: "Ann", Photos: []people.Photo{photo("1", true, 0), photo("2", false, 0), photo("3", true, 0), photo("4", true, 0)}},
		{Name: "Ben", Photos: []people.Photo{photo("5", true, oldPhotos+time.Hour)}},
		{Name: "Ignored s-1", Ignored: true, Photos: []people.Photo{photo("6", true, 0)}},
	}
	view := health(all, vision.Report{
		Outliers: []vision.Outlier{{Person: "Ann", Photo: 1, Score: 0.1}, {Person: "gone", Photo: 3}},
		Alike:    []vision.Alike{{A: "Ann", B: "Ben", Score: 0.5, Remark: "close to the threshold"}, {A: "Ann", B: "Cy"}},
	}, now)
	var got []string
	for _, a := range view.Advice {
		got = append(got, a.Person+" "+a.Problem+" "+a.Photo)
	}
	if want := []string{"Ben too_few ", "Ben too_old ", "Ann outlier 3", "Ann look_alike "}; !slices.Equal(got, want) || view.Photos != 5 || view.People != 3 {
		t.Errorf("got %v of %d photos, want %v", got, view.Photos, want)
	}
}
