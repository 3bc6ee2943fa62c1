package jetstream_test

import (
	"reflect"
	"testing"

	"vigil/alerts"
	"vigil/alerts/jetstream"
	"vigil/frames"
)

func TestTold(t *testing.T) {
	c, _ := serve(t, t.TempDir())
	store, err := jetstream.OpenTold(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := store.All(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("got %v, %v, want nothing told yet", all, err)
	}
	notice := alerts.Notice{ID: "door-1-camera-offline", Type: alerts.CameraOffline, Camera: "door", Body: []byte(`{}`)}
	want := map[frames.CameraID]alerts.Told{
		"door": {Pending: &alerts.Pending{Notice: notice, Done: []string{"bus"}}}, "yard": {Online: true},
	}
	for camera, told := range want {
		if err := store.Save(t.Context(), camera, alerts.Told{}); err != nil {
			t.Fatal(err)
		}
		if err := store.Save(t.Context(), camera, told); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := store.All(t.Context()); err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v, %v, want %+v", all, err, want)
	}
}
