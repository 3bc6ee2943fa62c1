package app

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"

	"vigil/alerts/webhook"
	"vigil/internal/config"
)

// Check finds what is wrong with a configuration that only the parts of the program can tell, without starting them.
func Check(cfg config.Config) error { return checkRoles(cfg, allRoles) }

func checkRoles(cfg config.Config, roles []Role) error {
	var errs []error
	if slices.Contains(roles, Alerts) {
		for i, e := range cfg.Endpoints {
			if err := endpoint(e).Validate(); err != nil {
				errs = append(errs, fmt.Errorf("endpoints[%d]: %w", i, err))
			}
		}
		if cfg.MQTT.URL != "" {
			if _, err := broker(cfg.MQTT, ""); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if slices.Contains(roles, Vision) {
		for i, p := range cfg.People.Known {
			if p.Photos == "" {
				continue // enrolled otherwise
			}
			if info, err := os.Stat(p.Photos); err != nil {
				errs = append(errs, fmt.Errorf("people.known[%d].photos: %s: %w", i, p.Name, err))
			} else if !info.IsDir() {
				errs = append(errs, fmt.Errorf("people.known[%d].photos: %s: %s is not a folder", i, p.Name, p.Photos))
			}
		}
	}
	for key, file := range map[string]string{
		"http.tls_cert": cfg.HTTP.TLSCert, "http.tls_key": cfg.HTTP.TLSKey,
		"rtsp.tls_cert": cfg.RTSP.TLSCert, "rtsp.tls_key": cfg.RTSP.TLSKey, "nats.creds_file": cfg.NATS.CredsFile,
	} {
		if _, err := os.Stat(file); file != "" && err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	if len(roles) < len(allRoles) {
		errs = append(errs, checkSplit(cfg, roles)...)
	}
	return errors.Join(errs...)
}

// checkSplit finds what keeps roles in processes of their own from meeting the others.
func checkSplit(cfg config.Config, roles []Role) (errs []error) {
	if cfg.NATS.URL == "" {
		errs = append(errs, fmt.Errorf("nats.url: roles %v in a process of their own need a NATS server that all share", roles))
	}
	usesStore := slices.ContainsFunc(roles, func(r Role) bool { return r == Vision || r == Clips || r == Console })
	if usesStore && cfg.S3.Endpoint == "" && cfg.S3.Listen == "" {
		errs = append(errs, fmt.Errorf("s3.endpoint: roles %v in a process of their own need a store that all share, "+
			"or s3.listen to serve the embedded one", roles))
	}
	if slices.Contains(roles, Alerts) && !slices.Contains(roles, Console) && cfg.HTTP.PublicURL == "" {
		errs = append(errs, errors.New("http.public_url: the role alerts without console needs the console's address for its links"))
	}
	return errs
}

func endpoint(e config.Endpoint) webhook.Endpoint {
	return webhook.Endpoint{
		ID: e.ID, URL: e.URL, AllowPrivate: e.AllowPrivate, Format: webhook.Format(e.Format),
		Secret: webhook.Secret(e.Secret.Reveal()), Previous: webhook.Secret(e.Previous.Reveal()),
	}
}

// hostOf is the host of an address, for logs: without user, password and query.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return u.Host
}
