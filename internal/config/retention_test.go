package config

import (
	"strings"
	"testing"
	"time"
)

func TestRetention(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"everything", `{ fragments: 1h, fragments_bytes: 20GiB, clips: 90d, clips_bytes: 2TB, shots: 7d, alerts: 168h }`, ""},
		{"for ever", `{ clips: 0, clips_bytes: 0, shots: 0s }`, ""},
		{"clips within the life of links", `{ clips: 6d }`, "retention.clips: is 6d, but links in webhooks open for 7d"},
		{"shots within the life of links", `{ shots: 167h }`, "retention.shots: is 167h0m0s, but links"},
		{"alerts gone before their links", `{ alerts: 1d }`, "retention.alerts: is 1d, want 7d to 365d"},
		{"alerts for ever", `{ alerts: 0 }`, "retention.alerts: is 0s, want 7d to 365d"},
		{"too little video", `{ fragments: 1m }`, "retention.fragments: is 1m0s, want 5m0s to 1d"},
		{"too much video", `{ fragments: 2d }`, "retention.fragments: is 2d"},
		{"no room for video", `{ fragments_bytes: 1MiB }`, "retention.fragments_bytes: is 1MiB, want at least 64MiB"},
		{"a size for an age", `{ clips: 50GB }`, `line 1, column 21: retention.clips: "50GB" is not an age`},
		{"an age for a size", `{ clips_bytes: 30d }`, `line 1, column 27: retention.clips_bytes: "30d" is not a size`},
		{"too large a size", `{ clips_bytes: 99999999999TiB }`, `is not a size`},
		{"a negative age", `{ clips: -30d }`, `is not an age`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Load(write(t, "retention: "+c.text+"\n"), nil)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestRetentionFromEnvironment(t *testing.T) {
	cfg, warnings, err := Load("", []string{"VIGIL_RETENTION_CLIPS=60d", "VIGIL_RETENTION_CLIPS_BYTES=1048576"})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", err, warnings)
	}
	if r := cfg.Retention; time.Duration(r.Clips) != 60*24*time.Hour || r.ClipsBytes != 1<<20 {
		t.Errorf("got %+v", r)
	}
}

func TestAgesAndSizesAreShownAsTheyAreRead(t *testing.T) {
	for _, text := range []string{"0s", "30d", "12h0m0s", "90m0s"} {
		var a Age
		if err := a.UnmarshalText([]byte(text)); err != nil || text != "90m0s" && a.String() != text || text == "90m0s" && a.String() != "1h30m0s" {
			t.Errorf("%s: got %s, %v", text, a, err)
		}
	}
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "50GB": 50e9, "4GiB": 4 << 30, "1TB": 1e12, "1500MB": 1.5e9, "1001": 1001, "3kB": 3000, "1KiB": 1024,
	} {
		var s, again Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: got %d, %v, want %d", text, int64(s), err, int64(want))
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%s: shown as %s, which reads as %d, %v", text, s, int64(again), err)
		}
	}
	for _, text := range []string{"", "GB", "1.5GB", "4gib", "-1", "1 GB"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %s, want an error", text, s)
		}
	}
	var printed strings.Builder
	cfg := Default()
	if err := cfg.Print(&printed); err != nil || !strings.Contains(printed.String(), "clips: 30d") || !strings.Contains(printed.String(), "clips_bytes: 50GB") {
		t.Errorf("got %s, %v", &printed, err)
	}
}
