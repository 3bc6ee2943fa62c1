package retention

import (
	"context"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"vigil/clips"
)

// dayLayout is the folder of a day below a kind's prefix.
const dayLayout = "2006/01/02"

// day are the objects of one day, by their keys.
type day struct {
	date    time.Time
	objects []clips.Object // by key
}

// item are the objects that belong together, since only their extension differs: an alert's clip, shot and record.
type item struct {
	objects []clips.Object // in the order in which they go
	stored  time.Time      // the latest
	bytes   int64
}

// days yields the days that have objects, the oldest first. Keys begin with their day, so one listing in the order of
// keys has them in order: no more than a day is held in memory, and no more is listed than is asked for.
func days(ctx context.Context, store clips.Store, prefix string) iter.Seq2[day, error] {
	return func(yield func(day, error) bool) {
		var current day
		for o, err := range store.List(ctx, prefix) {
			if err != nil {
				yield(day{}, err)
				return
			}
			date, ok := dateOf(o.Key, prefix)
			if !ok {
				continue
			}
			if len(current.objects) > 0 && !date.Equal(current.date) {
				if !yield(current, nil) {
					return
				}
				current.objects = nil
			}
			current.date, current.objects = date, append(current.objects, o)
		}
		if len(current.objects) > 0 {
			yield(current, nil)
		}
	}
}

// dateOf reads the day out of a key.
func dateOf(key, prefix string) (time.Time, bool) {
	rest, ok := strings.CutPrefix(key, prefix)
	if !ok || len(rest) <= len(dayLayout) || rest[len(dayLayout)] != '/' {
		return time.Time{}, false
	}
	date, err := time.Parse(dayLayout, rest[:len(dayLayout)])
	return date, err == nil
}

// items groups the day's objects, the longest stored first.
func (d day) items() []item {
	var all []item
	name := ""
	for _, o := range d.objects {
		if n := Name(o.Key); len(all) == 0 || n != name {
			name = n
			all = append(all, item{})
		}
		it := &all[len(all)-1]
		it.objects = append(it.objects, o)
		it.bytes += o.Size
		if o.Modified.After(it.stored) {
			it.stored = o.Modified
		}
	}
	for _, it := range all {
		slices.SortStableFunc(it.objects, recordFirst)
	}
	slices.SortStableFunc(all, func(a, b item) int { return a.stored.Compare(b.stored) })
	return all
}

// recordFirst lets the record go first: where it is, the clip is.
func recordFirst(a, b clips.Object) int {
	return rank(a) - rank(b)
}

func rank(o clips.Object) int {
	if path.Ext(o.Key) == ".json" {
		return 0
	}
	return 1
}

// Name is what an object is of: its key without the extension.
func Name(key string) string { return strings.TrimSuffix(key, path.Ext(key)) }
