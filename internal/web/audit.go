package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vigil/internal/audit"
)

const (
	auditPage = 100
	maxAudit  = 1000
	// auditTime is how long an entry may take to be written: by then the answer has been given.
	auditTime = 10 * time.Second
)

// Audit keeps what was done.
type Audit interface {
	Append(ctx context.Context, e audit.Entry) error
	// List returns the latest entries before a place, the latest first; before 0 means the end.
	List(ctx context.Context, before uint64, limit int) ([]audit.Kept, error)
	Check(ctx context.Context) (audit.Checked, error)
}

// AuditPage is a part of the audit log.
type AuditPage struct {
	Entries []audit.Kept `json:"entries"`
	Next    string       `json:"next"` // the cursor of what follows; empty when nothing does
}

// audited says whether the log tells of a request: of all that somebody with a token changes or tries to, of what takes
// things out of the house, and of logins. Who has no token cannot fill the log: logins are locked out.
func audited(r *asked) bool {
	if r.caller.ID == "" {
		return r.Pattern == "POST /api/v1/session"
	}
	if strings.Contains(r.Pattern, "/whep") {
		return false // watching changes nothing, and happens all the time
	}
	return r.Method != http.MethodGet || strings.HasSuffix(r.Pattern, "/export") || strings.HasSuffix(r.Pattern, "/config")
}

// note writes what was asked into the audit log. A log that cannot be written is told of, and stops nobody: the door is to be
// watched also then.
func (s *Server) note(r *asked, status int) {
	if !audited(r) {
		return
	}
	e := audit.Entry{
		At: time.Now().UTC(), By: r.caller.Name, Token: r.caller.ID, From: strings.TrimPrefix(addressOf(r.Request), "address "),
		Action: r.Pattern, Object: objectOf(r), Status: status,
	}
	if r.caller.ID != "" {
		e.Role = r.caller.Role.String()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTime)
	defer cancel()
	if err := s.cfg.Audit.Append(ctx, e); err != nil {
		s.cfg.Log.Error("not in the audit log", "action", e.Action, "by", e.By, "object", e.Object, "status", status, "error", err)
	}
}

// objectOf names what a request is about. Names of people are not among it: an erased one must not live on here.
func objectOf(r *asked) string {
	if name := r.PathValue("name"); name != "" {
		sum := sha256.Sum256([]byte(name))
		return "p-" + hex.EncodeToString(sum[:4])
	}
	return r.PathValue("id")
}

// noted remembers the status of an answer.
type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func (s *Server) audit(w http.ResponseWriter, r *asked) error {
	before, limit, err := auditQuery(r)
	if err != nil {
		return err
	}
	entries, err := s.cfg.Audit.List(r.Context(), before, limit)
	if err != nil {
		return err
	}
	page := AuditPage{Entries: list(entries)}
	if n := len(entries); n == limit && entries[n-1].Seq > 1 {
		page.Next = strconv.FormatUint(entries[n-1].Seq, 10)
	}
	return writeJSON(w, page)
}

func auditQuery(r *asked) (before uint64, limit int, err error) {
	limit = auditPage
	query := r.URL.Query()
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxAudit {
			return 0, 0, failure{http.StatusBadRequest, fmt.Sprintf("limit is %q, want 1 to %d", text, maxAudit)}
		}
	}
	if text := query.Get("cursor"); text != "" {
		if before, err = strconv.ParseUint(text, 10, 64); err != nil || before == 0 {
			return 0, 0, failure{http.StatusBadRequest, fmt.Sprintf("cursor is %q, want the next of the page before", text)}
		}
	}
	return before, limit, nil
}

func (s *Server) checkAudit(w http.ResponseWriter, r *asked) error {
	found, err := s.cfg.Audit.Check(r.Context())
	if err != nil {
		return err
	}
	found.Broken = list(found.Broken)
	return writeJSON(w, found)
}
