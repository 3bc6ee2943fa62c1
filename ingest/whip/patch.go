package whip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// iceSession is what may change of a session: one ICE session follows another (RFC 9725, 4.3.3).
type iceSession struct {
	etag       string // quoted
	ufrag, pwd string // the publisher's
	candidates int    // heard of so far
	answer     string // to the restart that began it; empty for the first
}

// patch takes trickled candidates and restarts (RFC 9725, 4.3). One at a time: they may overlap, and only those
// that name the current ICE session are for it.
func (s *session) patch(w http.ResponseWriter, r *http.Request) error {
	body, err := s.e.readBody(w, r, typeSDPFrag, "Accept-Patch")
	if err != nil {
		return err
	}
	match := r.Header.Values("If-Match")
	if len(match) == 0 {
		return precondition(http.StatusPreconditionRequired, "send the session's ETag as If-Match, or * to restart ICE")
	}
	tags := entityTags(match)
	star := slices.Contains(tags, "*") || slices.Contains(tags, `"*"`) // RFC 9725's own example quotes it
	s.mu.Lock()
	defer s.mu.Unlock()
	if !star && !slices.Contains(tags, s.ice.etag) {
		return precondition(http.StatusPreconditionFailed, "If-Match names another ICE session than the current one")
	}
	f, err := parseFragment(body)
	if err != nil {
		return malformed(err.Error())
	}
	cost := 1
	again := f.ufrag == "" || f.ufrag == s.ice.ufrag && (f.pwd == "" || f.pwd == s.ice.pwd)
	if !again {
		cost = restartCost
	}
	if !s.patches.take(float64(cost), time.Now()) {
		return tooMany("the session is being patched too often", 1)
	}
	switch {
	case !again:
		err = s.restart(r.Context(), f)
	case star && f.pwd != "" && s.ice.answer != "":
		// The same restart again: its answer was lost.
	default:
		s.trickle(f)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeSDPFrag)
	w.Header().Set("ETag", s.ice.etag)
	_, _ = io.WriteString(w, s.ice.answer) // a publisher that does not hear it asks again
	return nil
}

// trickle hands the fragment's candidates to ICE. Those it cannot use are ignored (RFC 9725, 4.3.2).
func (s *session) trickle(f *fragment) {
	for _, c := range f.candidates {
		s.ice.candidates++
		if s.ice.candidates > maxCandidates {
			return
		}
		if !validCandidate(c) {
			continue
		}
		first := uint16(0) // one bundle: whatever the section, it is the first's transport
		init := webrtc.ICECandidateInit{Candidate: "candidate:" + c, SDPMLineIndex: &first}
		if err := s.pc.AddICECandidate(init); err != nil {
			s.log.Debug("candidate ignored", "error", err)
		}
	}
}

// restart begins another ICE session; what the fragment asks for is checked before the current one is touched.
func (s *session) restart(ctx context.Context, f *fragment) error {
	switch {
	case !credential(f.ufrag, 4) || !credential(f.pwd, 22):
		return malformed("a restart needs a new ice-ufrag and ice-pwd; they are not usable")
	case f.ufrag == s.ice.ufrag || f.pwd == s.ice.pwd:
		return malformed("a restart needs a new ice-ufrag and a new ice-pwd; one of them is the current one")
	}
	next := iceSession{etag: `"` + rand.Text() + `"`, ufrag: f.ufrag, pwd: f.pwd}
	again, used, err := s.offer.restarted(f)
	if err != nil {
		return err
	}
	next.candidates = used
	answer, err := s.negotiate(ctx, again)
	if err == nil {
		next.answer, err = answerFragment(answer)
	}
	switch {
	case s.ctx.Err() != nil:
		return notFound("no such session")
	case err != nil:
		return fmt.Errorf("restart ICE: %w", err)
	}
	s.ice = next
	s.log.Info("whip session restarts ICE")
	return nil
}

// restarted is the offer with another ICE session; used is how many candidates it has.
func (o *offer) restarted(f *fragment) (text string, used int, err error) {
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(o.sdp); err != nil {
		return "", 0, fmt.Errorf("read offer: %w", err)
	}
	for i, m := range sd.MediaDescriptions {
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
			return slices.Contains([]string{"candidate", "end-of-candidates", "ice-ufrag", "ice-pwd"}, a.Key)
		})
		m.WithICECredentials(f.ufrag, f.pwd)
		if i > 0 {
			continue
		}
		for _, c := range f.candidates {
			if used < maxCandidates && validCandidate(c) {
				used++
				m.WithValueAttribute("candidate", c)
			}
		}
	}
	out, err := sd.Marshal()
	if err != nil {
		return "", 0, fmt.Errorf("write offer: %w", err)
	}
	return string(out), used, nil
}

// answerFragment is what of an answer concerns ICE, as an SDP fragment (RFC 8840, 9).
func answerFragment(answer string) (string, error) {
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(answer); err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	if len(sd.MediaDescriptions) == 0 {
		return "", errors.New("answer has no media")
	}
	var b strings.Builder
	write := func(a sdp.Attribute) {
		b.WriteString("a=" + a.Key)
		if a.Value != "" {
			b.WriteString(":" + a.Value)
		}
		b.WriteString("\r\n")
	}
	for _, a := range sd.Attributes {
		if slices.Contains([]string{"ice-options", "ice-lite", "ice-pacing", "group"}, a.Key) {
			write(a)
		}
	}
	m := sd.MediaDescriptions[0]
	b.WriteString("m=" + m.MediaName.String() + "\r\n")
	for _, a := range m.Attributes {
		if slices.Contains([]string{"mid", "ice-ufrag", "ice-pwd", "ice-options", "candidate", "end-of-candidates"}, a.Key) {
			write(a)
		}
	}
	return b.String(), nil
}

func precondition(status int, detail string) *problem {
	return &problem{Status: status, Title: http.StatusText(status), Detail: detail}
}

// entityTags splits If-Match (RFC 9110, 13.1.1). Tags of ours hold no comma.
func entityTags(fields []string) []string {
	var tags []string
	for _, f := range fields {
		for tag := range strings.SplitSeq(f, ",") {
			tags = append(tags, strings.TrimSpace(tag))
		}
	}
	return tags
}
