package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
)

// watchEvery is how often the file is looked at. It is small, and looking works wherever files are: editors put another in
// its place, and mounted configurations are links that change.
const watchEvery = 2 * time.Second

// Watch calls changed whenever the content of the file has become another, and has stayed so for a look, until ctx ends. A
// file that is not there, or not all there, is waited for.
func Watch(ctx context.Context, path string, changed func()) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	known, _ := digest(path)
	before := known
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, ok := digest(path)
		if !ok {
			continue
		}
		if now != known && now == before {
			known = now
			changed()
		}
		before = now
	}
}

func digest(path string) (sum [sha256.Size]byte, ok bool) {
	text, err := os.ReadFile(path)
	return sha256.Sum256(text), err == nil
}

// Changed returns the keys whose values differ, such as http.listen; a list is one key.
func Changed(a, b Config) []string {
	return changedIn("", reflect.ValueOf(a), reflect.ValueOf(b))
}

func changedIn(prefix string, a, b reflect.Value) (keys []string) {
	for i := range a.NumField() {
		key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("yaml"), ",")
		x, y := a.Field(i), b.Field(i)
		switch {
		case x.Kind() == reflect.Struct:
			keys = append(keys, changedIn(prefix+key+".", x, y)...)
		case x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0:
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			keys = append(keys, fmt.Sprint(prefix, key))
		}
	}
	return keys
}
