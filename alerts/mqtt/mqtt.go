// Package mqtt tells an MQTT 5 broker what happens: every event once it is acknowledged, and in retained topics how the
// house is now, in words that Home Assistant discovers by itself. It knows no bus: what hands it events, in order and
// again until it has taken them, is alerts/jetstream. It imports alerts and frames.
package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
)

// Endpoint is the name under which events wait for the broker in the outbox, and under which the command line shows it.
const Endpoint = "mqtt"

// Secret is a password. It cannot be printed.
type Secret string

// String implements fmt.Stringer.
func (s Secret) String() string { return "***" }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return "***" }

// MarshalText keeps the password out of JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Config says which broker, and where on it.
type Config struct {
	URL       string // mqtt://host[:1883], or mqtts://host[:8883] for TLS
	Username  string
	Password  Secret
	Prefix    string // first part of every topic of ours, and the client's name: no two programs share it at one broker
	Discovery string // first part of Home Assistant's discovery topics; empty: nothing is discovered
	CAFile    string // PEM file with the authorities that may have signed the broker's certificate; empty: the system's
	Version   string // of this program
}

// Validate says what is wrong with the configuration, each with its key.
func (c Config) Validate() error {
	var errs []error
	if _, err := c.server(); err != nil {
		errs = append(errs, err)
	}
	if err := topic("mqtt.prefix", c.Prefix); err != nil {
		errs = append(errs, err)
	}
	if c.Discovery != "" {
		errs = append(errs, topic("mqtt.discovery_prefix", c.Discovery))
	}
	if c.Username == "" && c.Password != "" {
		errs = append(errs, errors.New("mqtt.password: needs mqtt.username too"))
	}
	if _, err := c.TLS(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// server is the broker's address, with its port.
func (c Config) server() (*url.URL, error) {
	u, err := url.Parse(c.URL)
	ports := map[string]string{"mqtt": "1883", "mqtts": "8883"}
	switch {
	case err != nil:
		return nil, errors.New("mqtt.url: cannot be read") // the error would quote what may be secret
	case ports[u.Scheme] == "":
		return nil, fmt.Errorf("mqtt.url: want mqtt:// or mqtts://, got %q", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("mqtt.url: has no host")
	case u.User != nil:
		return nil, errors.New("mqtt.url: holds a user or password: set mqtt.username and mqtt.password")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return nil, errors.New("mqtt.url: want nothing behind host and port")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), ports[u.Scheme])
	}
	return u, nil
}

// Address is the broker's host:port.
func (c Config) Address() (string, error) {
	u, err := c.server()
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

// TLS is how the broker proves who it is; nil for mqtt://.
func (c Config) TLS() (*tls.Config, error) {
	u, err := c.server()
	if err != nil || u.Scheme != "mqtts" {
		return nil, nil //nolint:nilerr // the address is judged by Validate
	}
	cfg := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("mqtt.ca_file: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("mqtt.ca_file: %s holds no certificate in PEM", c.CAFile)
	}
	return cfg, nil
}

// topic says what keeps a text from being the first part of topics (MQTT 5.0, 4.7).
func topic(key, text string) error {
	switch {
	case text == "" || len(text) > 100:
		return fmt.Errorf("%s: is %q, want 1 to 100 bytes", key, text)
	case strings.ContainsAny(text, "+#\x00") || strings.HasPrefix(text, "$"):
		return fmt.Errorf("%s: %q: want no +, no # and no $ in front: they mean something in topics", key, text)
	case strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/"):
		return fmt.Errorf("%s: %q: want no / at either end", key, text)
	case strings.ToValidUTF8(text, "") != text:
		return fmt.Errorf("%s: %q is not UTF-8", key, text)
	}
	return nil
}
