package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"vigil/alerts"
)

// maxShareHours bounds how long a shared link opens: as long as the links in webhooks.
const maxShareHours = int(LinkLife / time.Hour)

// ShareView is a link that opens an alert without a login.
type ShareView struct {
	URL       string    `json:"url"`
	Path      string    `json:"path"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) share(w http.ResponseWriter, r *asked) error {
	var in struct {
		Hours int `json:"hours"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.Hours < 1 || in.Hours > maxShareHours {
		return Refused{fmt.Sprintf("hours is %d, want 1 to %d", in.Hours, maxShareHours)}
	}
	view, err := s.visible(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	until := time.Now().Add(time.Duration(in.Hours) * time.Hour).UTC().Truncate(time.Second)
	base, path := s.cfg.Links.share(view.Alert.ID, until)
	s.cfg.Log.Info("alert shared", "alert", view.Alert.ID, "until", until, "by", r.caller.Name)
	return writeMade(w, ShareView{URL: base + "/#/shared/" + path, Path: "/api/v1/shared/" + path, ExpiresAt: until})
}

// shared shows a shared alert to whoever has the link: what happened, and nobody's name.
func (s *Server) shared(w http.ResponseWriter, r *asked) error {
	until, ok := s.cfg.Links.validShare(r.PathValue("id"), r.URL.Query())
	if !ok {
		return failure{http.StatusForbidden, "the link has expired or was changed"}
	}
	view, err := s.cfg.Alerts.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return fmt.Errorf("shared alert: %w", err)
	}
	view.Review, view.Alert.Nearest, view.Alert.ConsoleURL = Review{}, nil, ""
	view.Alert.BestShotURL = s.cfg.Links.until(view.Alert.BestShotURL, until)
	clips := make([]alerts.Clip, len(view.Clips))
	for i, clip := range view.Clips {
		clip.URL = s.cfg.Links.until(clip.URL, until)
		clips[i] = clip
	}
	view.Clips = clips
	if view.Clip != nil {
		view.Clip = &clips[0]
	}
	return writeJSON(w, view)
}

// share is where the alert opens until then: the console's address, and the rest behind it.
func (l *Links) share(alert string, until time.Time) (base, path string) {
	at := unix(until)
	return l.base, url.PathEscape(alert) + "?expires=" + at + "&signature=" + l.sign("share", alert, at)
}

// validShare says until when the query opens the alert.
func (l *Links) validShare(alert string, query url.Values) (until time.Time, ok bool) {
	at := query.Get("expires")
	if !l.valid(at, query.Get("signature"), l.sign("share", alert, at), l.now()) {
		return time.Time{}, false
	}
	seconds, _ := parseUnix(at) // it is valid
	return time.Unix(seconds, 0), true
}

// until is a media link that opens no longer than that.
func (l *Links) until(link string, until time.Time) string {
	u, err := url.Parse(link)
	key, isMedia := "", false
	if err == nil {
		key, isMedia = strings.CutPrefix(u.Path[max(0, strings.Index(u.Path, "/media/")):], "/media/")
	}
	if !isMedia {
		return ""
	}
	return l.mediaUntil(key, until)
}
