package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips/mp4"
	"vigil/frames"
)

// footage is a clip as a receiver fetched it.
type footage struct {
	alerts.Clip
	film
	body  []byte
	place int // of the first access unit in what was sent
}

// fetch opens the clip's link as a browser does, and reads the whole.
func fetch(t *testing.T, c *alerts.Clip) *footage {
	t.Helper()
	status, header, body, err := get(t.Context(), c.URL, nil)
	if err != nil || status != http.StatusOK || header.Get("Content-Type") != "video/mp4" {
		t.Fatalf("clip: got %d %s, %v", status, header.Get("Content-Type"), err)
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != c.SHA256 || int64(len(body)) != c.Bytes {
		t.Errorf("clip: got %d bytes with SHA-256 %x, the webhook says %d and %s", len(body), sum, c.Bytes, c.SHA256)
	}
	status, header, part, err := get(t.Context(), c.URL, http.Header{"Range": {"bytes=100-299"}})
	if err != nil || status != http.StatusPartialContent || !bytes.Equal(part, body[100:300]) {
		t.Errorf("range of the clip: got %d %s, %d bytes, %v", status, header.Get("Content-Range"), len(part), err)
	}
	file, err := mp4.Read(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("clip: %v", err)
	}
	f := &footage{Clip: *c, body: body}
	f.film = collect(t, file.Parameters, file.Units(), nil)
	if len(f.units) == 0 || !f.units[0].Key {
		t.Fatalf("clip: %d pictures, want some, from a key picture on", len(f.units))
	}
	if file.Width != c.Width || file.Height != c.Height || file.Parameters.Codec != c.Codec {
		t.Errorf("clip: is %s %d×%d, the webhook says %s %d×%d",
			file.Parameters.Codec, file.Width, file.Height, c.Codec, c.Width, c.Height)
	}
	if told := c.End.Sub(c.Start.Time); (file.Duration - told).Abs() > 50*time.Millisecond {
		t.Errorf("clip: lasts %s, the webhook says %s", file.Duration, told)
	}
	return f
}

func same(a, b frames.AccessUnit) bool { return slices.EqualFunc(a.NALUs, b.NALUs, bytes.Equal) }

// unbroken expects that the clip is a stretch of what was sent, byte for byte, and notes where it begins.
func (f *footage) unbroken(t *testing.T, sent film) {
	t.Helper()
	if len(f.Gaps) > 0 {
		t.Errorf("clip has gaps: %+v", f.Gaps)
	}
	for f.place = 0; f.place+len(f.units) <= len(sent.units); f.place++ {
		if slices.EqualFunc(f.units, sent.units[f.place:f.place+len(f.units)], same) {
			return
		}
	}
	t.Fatalf("the clip's %d access units are no stretch of the %d that were sent", len(f.units), len(sent.units))
}

// inOrder expects that every access unit of the clip was sent, byte for byte, and in this order.
func (f *footage) inOrder(t *testing.T, sent film) {
	t.Helper()
	at := 0
	for i, u := range f.units {
		found := slices.IndexFunc(sent.units[at:], func(s frames.AccessUnit) bool { return same(s, u) })
		if found < 0 {
			t.Fatalf("access unit %d of the clip was not sent behind the one before it", i)
		}
		at += found + 1
	}
}

// when turns a capture time into a place in what was sent.
func (f *footage) when(sent film, at time.Time) time.Duration {
	return frames.Duration(sent.units[f.place].PTS) + at.Sub(f.Start.Time)
}

// begins expects that the clip begins as long as roll before the alert was raised, or with the first that was sent.
func (f *footage) begins(t *testing.T, a alerts.Alert, roll time.Duration) {
	t.Helper()
	if lead := a.OpenedAt.Sub(f.Start.Time); f.place > 0 && lead < roll {
		t.Errorf("the clip begins %s before the sighting, want %s", lead, roll)
	}
}

// opens expects that the best shot's link opens as a picture.
func opens(t *testing.T, link string) {
	t.Helper()
	status, header, body, err := get(t.Context(), link, nil)
	if err != nil || status != http.StatusOK || header.Get("Content-Type") != "image/jpeg" {
		t.Fatalf("best shot: got %d %s, %v", status, header.Get("Content-Type"), err)
	}
	if _, err := jpeg.Decode(bytes.NewReader(body)); err != nil {
		t.Errorf("best shot: %v", err)
	}
	if strings.Contains(link, "signature=") {
		status, _, _, err = get(t.Context(), strings.Replace(link, "signature=", "signature=x", 1), nil)
	}
	if err != nil || status != http.StatusForbidden {
		t.Errorf("best shot with a wrong signature: got %d, %v, want 403", status, err)
	}
}

// recorded expects that the clip, its picture and its record lie in the embedded store, a plain folder.
func recorded(t *testing.T, data string, f *footage, alert string) {
	t.Helper()
	folder := filepath.Join(data, "s3", "objects", "vigil")
	stored, err := os.ReadFile(filepath.Join(folder, f.Key))
	if err != nil || !bytes.Equal(stored, f.body) {
		t.Errorf("stored clip: %d bytes, %v, want the %d that the link gives", len(stored), err, len(f.body))
	}
	base := strings.TrimSuffix(f.Key, ".mp4")
	if _, err := os.Stat(filepath.Join(folder, base+".jpg")); err != nil {
		t.Errorf("picture beside the clip: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(folder, base+".json"))
	if err != nil {
		t.Fatalf("record beside the clip: %v", err)
	}
	var record struct {
		Alert struct{ ID, Decision string }
		Clip  struct{ Key, SHA256 string }
	}
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	if record.Alert.ID != alert || record.Alert.Decision != "unknown" || record.Clip.Key != f.Key || record.Clip.SHA256 != f.SHA256 {
		t.Errorf("record is %s", text)
	}
}

// Keys and kinds of the events' bodies that receivers may rely on, as the first release had them.
var (
	eventShape = map[string]string{"type": "string", "timestamp": "time", "data": "object"}
	alertShape = map[string]string{
		"id": "string", "camera": "string", "opened_at": "time", "closed_at": "time?", "rule": "string",
		"decision": "string", "stranger": "string", "visits": "number", "score": "number", "nearest": "object",
		"best_shot_url": "string", "console_url": "string",
	}
	nearestShape = map[string]string{"person": "string", "score": "number"}
	clipShape    = map[string]string{
		"url": "string", "key": "string", "bytes": "number", "sha256": "string", "start": "time", "end": "time",
		"codec": "string", "width": "number", "height": "number", "gaps": "list",
	}
	cameraShape  = map[string]string{"id": "string", "since": "time", "source": "text", "reason": "string"}
	milliseconds = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
)

// shaped expects that the bodies have the keys that receivers rely on.
func (s *site) shaped(t *testing.T) {
	t.Helper()
	for _, d := range s.receiver.Deliveries() {
		var body map[string]any
		if err := json.Unmarshal(d.Body, &body); err != nil {
			t.Fatal(err)
		}
		where := string(d.Event.Type)
		shape(t, where, body, eventShape)
		data, _ := body["data"].(map[string]any)
		if d.Event.Data.Camera != nil {
			camera, _ := data["camera"].(map[string]any)
			shape(t, where+" data.camera", camera, cameraShape)
			continue
		}
		alert, _ := data["alert"].(map[string]any)
		nearest, _ := alert["nearest"].(map[string]any)
		shape(t, where+" data.alert", alert, alertShape)
		shape(t, where+" data.alert.nearest", nearest, nearestShape)
		// A clip may be ready before or after the visit is over.
		if closed := alert["closed_at"] != nil; closed && d.Event.Type == alerts.Opened || !closed && d.Event.Type == alerts.Closed {
			t.Errorf("%s: closed_at is %v", where, alert["closed_at"])
		}
		clip, _ := data["clip"].(map[string]any)
		if d.Event.Type == alerts.ClipReady {
			shape(t, where+" data.clip", clip, clipShape)
		}
	}
}

func shape(t *testing.T, where string, got map[string]any, want map[string]string) {
	t.Helper()
	for key, kind := range want {
		value, there := got[key]
		ok := false
		switch v := value.(type) {
		case string:
			ok = kind == "string" && v != "" || kind == "text" || strings.HasPrefix(kind, "time") && milliseconds.MatchString(v)
		case float64:
			ok = kind == "number"
		case map[string]any:
			ok = kind == "object"
		case []any:
			ok = kind == "list"
		case nil:
			ok = there && strings.HasSuffix(kind, "?")
		}
		if !ok {
			t.Errorf("%s: %q is %v, want a %s", where, key, value, kind)
		}
	}
}
