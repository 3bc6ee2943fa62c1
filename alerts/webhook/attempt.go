package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

const (
	attemptTimeout = 15 * time.Second // from the dial to the last byte of the answer
	maxAnswer      = 64 << 10
	maxIdle        = 4 // connections that are kept, as many as deliveries are made at once
)

// Outcome is what came of one attempt.
type Outcome string

// The outcomes.
const (
	Delivered Outcome = "delivered" // 2xx
	Retry     Outcome = "retry"     // anything else: even a 4xx may be a receiver that is being set up
	Gone      Outcome = "gone"      // 410: the endpoint wants no more
)

// Result is an attempt's outcome in detail.
type Result struct {
	Outcome Outcome
	Status  int           // 0 when there was no answer
	After   time.Duration // what the receiver asked for
	Reason  string        // why it is not delivered, without the URL: its path may be secret
}

// client makes attempts: no proxy, no redirect, no address that the endpoint may not have.
func client(allowPrivate bool) *http.Client {
	dialer := &net.Dialer{
		Timeout: attemptTimeout,
		// Control sees the address that is dialled, after the name was resolved: a name that changes its mind between a
		// check and the dial changes nothing.
		Control: func(_, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("address %q: %w", address, err)
			}
			return refuse(addr.Addr(), allowPrivate)
		},
	}
	return &http.Client{
		Timeout:       attemptTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxAnswer,
			MaxIdleConnsPerHost:    maxIdle,
			IdleConnTimeout:        time.Minute,
		},
	}
}

// attempt sends the delivery once.
func (s *Sender) attempt(ctx context.Context, d Delivery) Result {
	at := s.now()
	body, mediaType, err := s.format.write(d)
	if err != nil {
		return Result{Outcome: Retry, Reason: err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return Result{Outcome: Retry, Reason: "request cannot be made"}
	}
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("User-Agent", "vigil")
	req.Header.Set("Webhook-Id", d.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Webhook-Signature", s.sign(d.ID, at, body))
	resp, err := s.client.Do(req)
	if err != nil {
		return Result{Outcome: Retry, Reason: reason(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	// The answer's text says nothing to us. It is read so that the connection can be used again, and so that a receiver
	// that does not finish in time has failed.
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return verdict(resp.StatusCode, resp.Header.Get("Retry-After"), err, s.now())
}

// verdict makes a result of an answer.
func verdict(status int, retryAfter string, err error, now time.Time) Result {
	r := Result{Outcome: Retry, Status: status, After: RetryAfter(retryAfter, now)}
	switch {
	case status == http.StatusGone:
		r.Outcome, r.Reason = Gone, "answered 410 Gone"
	case status < 200 || status > 299:
		r.Reason = fmt.Sprintf("answered %d %s", status, http.StatusText(status))
	case err != nil:
		r.Reason = fmt.Sprintf("answered %d, then: %s", status, reason(err))
	default:
		r.Outcome = Delivered
	}
	return r
}

// reason is what went wrong, without the URL that net/http puts in front.
func reason(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no complete answer within %s", attemptTimeout)
	}
	return err.Error()
}
