// Package webhook sends events to one endpoint as Standard Webhooks 1.0.0: signed, never redirected, never to an address
// that the endpoint may not have, and again for three days until it is taken. It knows no broker: what keeps deliveries
// and waits between attempts is alerts/jetstream. It imports alerts.
package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"vigil/alerts"
)

// Endpoint is a receiver of webhooks.
type Endpoint struct {
	ID           string // 1 to 63 of a-z, 0-9 and "-"
	URL          string // http or https, without user and password
	Secret       Secret
	Previous     Secret // the one before, while the receiver changes to Secret: both sign; empty for none
	Format       Format // empty: Standard
	AllowPrivate bool   // lets it be in the local network, or on this machine
}

// Validate says what is wrong with the endpoint, in words for whoever wrote its configuration.
func (e Endpoint) Validate() error {
	if !validID(e.ID) {
		return fmt.Errorf("endpoint id %q: want 1 to 63 of a-z, 0-9 and -", e.ID)
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return fmt.Errorf("endpoint %s: its url cannot be read", e.ID) // the error would quote what may be secret
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("endpoint %s: url: want http or https, got %q", e.ID, u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("endpoint %s: url has no host", e.ID)
	case e.Format != "" && e.Format != Standard && e.Format != CloudEvents:
		return fmt.Errorf("endpoint %s: format is %q, want %s or %s", e.ID, e.Format, Standard, CloudEvents)
	case u.User != nil:
		return fmt.Errorf("endpoint %s: url holds a user or password, which receivers of webhooks do not need", e.ID)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := refuse(addr, e.AllowPrivate); err != nil {
			return fmt.Errorf("endpoint %s: %w", e.ID, err)
		}
	}
	_, err = e.signer()
	return err
}

// signer makes the webhook-signature of an attempt: one signature for each secret, with spaces between.
func (e Endpoint) signer() (sign, error) {
	current, err := e.Secret.signer()
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", e.ID, err)
	}
	if e.Previous == "" {
		return current, nil
	}
	previous, err := e.Previous.signer()
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: previous %w", e.ID, err)
	}
	return func(id string, at time.Time, body []byte) string {
		return current(id, at, body) + " " + previous(id, at, body)
	}, nil
}

// Permits says why the endpoint may not be at the address, or nil. Each attempt asks the same of the address it dials.
func (e Endpoint) Permits(addr netip.Addr) error { return refuse(addr, e.AllowPrivate) }

func validID(id string) bool {
	return id != "" && len(id) <= 63 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Delivery is one event for one endpoint. ID and Body are the same on every attempt.
type Delivery struct {
	ID       string           `json:"id"` // the event's, and the webhook-id
	Endpoint string           `json:"endpoint"`
	Type     alerts.EventType `json:"type"`
	Body     []byte           `json:"body"` // as bytes, so that nothing on the way writes its JSON anew
	Created  time.Time        `json:"created"`
	Decided  time.Time        `json:"decided,omitzero"` // see alerts.Notice
}

// Key identifies the delivery for ever.
func (d Delivery) Key() string { return d.Endpoint + "_" + d.ID }
