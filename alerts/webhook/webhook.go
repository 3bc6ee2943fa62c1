// Package webhook sends events to one endpoint as Standard Webhooks 1.0.0: signed, never redirected, never to an address
// that the endpoint may not have, and again for three days until it is taken. It knows no broker: what keeps deliveries
// and waits between attempts is alerts/jetstream. It imports alerts.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vigil/alerts"
)

// Secret is a signing secret, "whsec_" and the base64 of 24 to 64 bytes. It cannot be printed.
type Secret string

const (
	secretPrefix = "whsec_"
	redacted     = "[secret]"
)

// String implements fmt.Stringer and tells nothing.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer and tells nothing.
func (Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler and tells nothing.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer and tells nothing.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// key decodes the secret. Its errors do not quote it.
func (s Secret) key() ([]byte, error) {
	encoded, ok := strings.CutPrefix(string(s), secretPrefix)
	if !ok {
		return nil, errors.New(`secret: want "whsec_" and the base64 of 24 to 64 bytes, got no "whsec_"`)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New(`secret: want "whsec_" and the base64 of 24 to 64 bytes, got something that is not base64`)
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf(`secret: want "whsec_" and the base64 of 24 to 64 bytes, got %d bytes`, len(key))
	}
	return key, nil
}

// signature is the webhook-signature of one attempt.
func signature(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Endpoint is a receiver of webhooks.
type Endpoint struct {
	ID           string // 1 to 63 of a-z, 0-9 and "-"
	URL          string // http or https, without user and password
	Secret       Secret
	AllowPrivate bool // lets it be in the local network, or on this machine
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
	case u.User != nil:
		return fmt.Errorf("endpoint %s: url holds a user or password, which receivers of webhooks do not need", e.ID)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := refuse(addr, e.AllowPrivate); err != nil {
			return fmt.Errorf("endpoint %s: %w", e.ID, err)
		}
	}
	if _, err := e.Secret.key(); err != nil {
		return fmt.Errorf("endpoint %s: %w", e.ID, err)
	}
	return nil
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
}

// Key identifies the delivery for ever.
func (d Delivery) Key() string { return d.Endpoint + "_" + d.ID }
