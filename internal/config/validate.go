package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var id = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

const (
	maxRoll = 30 * time.Second
	// minGap is what a visit needs to outlast the pauses between what vision says of somebody who stays.
	minGap = 3 * time.Second
	// Below minFalseAccept no calibration was measured; above maxFalseAccept a coin would do.
	minFalseAccept, maxFalseAccept = 0.00001, 0.5
)

// Validate checks what can be checked without touching the machine, and names every key that is wrong.
func (c *Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", key, fmt.Errorf(format, args...)))
	}
	if c.DataDir == "" {
		bad("data_dir", "must not be empty")
	}
	c.validateListeners(bad)
	c.WebRTC.validate(bad)
	c.validateServices(bad)
	c.Quality.validate(bad)
	c.validateCameras(bad)
	c.validatePeople(bad)
	c.validateEndpoints(bad)
	c.MQTT.validate(c.Endpoints, bad)
	c.validateRules(bad)
	c.Retention.validate(bad)
	if c.Alerts.VisitGap < minGap || c.Alerts.VisitGap > time.Hour {
		bad("alerts.visit_gap", "is %s, want %s to 1h", c.Alerts.VisitGap, minGap)
	}
	for key, d := range map[string]time.Duration{"clips.pre_roll": c.Clips.PreRoll, "clips.post_roll": c.Clips.PostRoll} {
		if d < 0 || d > maxRoll {
			bad(key, "is %s, want 0s to %s", d, maxRoll)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

type report func(key, format string, args ...any)

func (c *Config) validateListeners(bad report) {
	for key, address := range map[string]string{
		"http.listen": c.HTTP.Listen, "rtsp.listen": c.RTSP.Listen, "rtsp.udp": c.RTSP.UDP,
		"rtsp.tls_listen": c.RTSP.TLSListen, "webrtc.udp": c.WebRTC.UDP, "s3.listen": c.S3.Listen,
	} {
		if (key == "s3.listen" || key == "rtsp.udp") && address == "" {
			continue
		}
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			bad(key, "%q is not host:port", address)
		} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
			bad(key, "%q: the port is not a number from 0 to 65535", address)
		}
	}
	if (c.HTTP.TLSCert == "") != (c.HTTP.TLSKey == "") {
		bad("http.tls_cert", "needs http.tls_key too, and the other way round")
	}
	if !IsLoopback(c.HTTP.Listen) && c.HTTP.TLSCert == "" && !c.HTTP.Insecure {
		bad("http.listen", "%s can be reached by others: set http.tls_cert and http.tls_key, or http.insecure: true behind a proxy that ends TLS", c.HTTP.Listen)
	}
	c.RTSP.validate(len(c.Cameras) == 0, bad)
	if c.HTTP.PublicURL != "" && !isHTTP(c.HTTP.PublicURL) {
		bad("http.public_url", "%q is not an http or https address", c.HTTP.PublicURL)
	}
}

func (c *Config) validateServices(bad report) {
	if c.NATS.Replicas < 1 || c.NATS.Replicas > 5 {
		bad("nats.replicas", "is %d, want 1 to 5", c.NATS.Replicas)
	}
	if c.NATS.URL == "" && c.NATS.Replicas > 1 {
		bad("nats.replicas", "is %d, but the embedded server keeps one copy", c.NATS.Replicas)
	}
	if c.S3.Endpoint != "" && !isHTTP(c.S3.Endpoint) {
		bad("s3.endpoint", "%q is not an http or https address", c.S3.Endpoint)
	}
	if c.S3.Endpoint != "" && c.S3.Listen != "" {
		bad("s3.listen", "is for the embedded store, but s3.endpoint names another")
	}
	if c.S3.Listen != "" && (c.S3.AccessKey == "" || c.S3.SecretKey == "") {
		bad("s3.listen", "needs s3.access_key and s3.secret_key")
	}
	if c.S3.Bucket == "" {
		bad("s3.bucket", "must not be empty")
	}
	if !slices.Contains([]string{"auto", "deep", "classic"}, c.Models.Engine) {
		bad("models.engine", "is %q, want auto, deep or classic", c.Models.Engine)
	}
	if !slices.Contains([]string{"auto", "onnxruntime", "opencv"}, c.Models.Runtime) {
		bad("models.runtime", "is %q, want auto, onnxruntime or opencv", c.Models.Runtime)
	}
}

func (c *Config) validateCameras(bad report) {
	seen := map[string]bool{}
	for i, camera := range c.Cameras {
		key := fmt.Sprintf("cameras[%d]", i)
		switch {
		case !id.MatchString(camera.ID):
			bad(key+".id", "%q is not 1 to 63 of a-z, 0-9 and -", camera.ID)
		case seen[camera.ID]:
			bad(key+".id", "%q is there twice", camera.ID)
		case camera.URL == "" && camera.PublishToken == "":
			bad(key, "camera %s has neither url nor publish_token", camera.ID)
		case camera.URL != "" && camera.PublishToken != "":
			bad(key, "camera %s has both url and publish_token", camera.ID)
		}
		seen[camera.ID] = true
		scheme, _, _ := strings.Cut(camera.URL.Reveal(), "://")
		if camera.URL != "" && scheme != "rtsp" && scheme != "rtsps" {
			bad(key+".url", "camera %s: not an rtsp:// or rtsps:// address", camera.ID)
		}
		camera.validatePull(scheme, key, bad)
		camera.validateZones(key, bad)
	}
}

// Check checks a camera by itself, as Validate does.
func (c Camera) Check() error {
	var errs []error
	alone := Config{Cameras: []Camera{c}}
	alone.validateCameras(func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", strings.TrimPrefix(strings.TrimPrefix(key, "cameras[0]"), "."), fmt.Errorf(format, args...)))
	})
	return errors.Join(errs...)
}

func (c *Config) validatePeople(bad report) {
	if f := c.People.FalseAccept; !(f >= minFalseAccept && f <= maxFalseAccept) {
		bad("people.false_accept", "is %v, want 0.00001 to 0.5", f)
	}
	seen := map[string]bool{}
	for i, p := range c.People.Known {
		key := fmt.Sprintf("people.known[%d]", i)
		if p.Name == "" || len(p.Name) > 200 {
			bad(key+".name", "must have 1 to 200 bytes")
		}
		if seen[p.Name] {
			bad(key+".name", "%q is there twice", p.Name)
		}
		seen[p.Name] = true
		for j, group := range p.Groups {
			if !id.MatchString(group) {
				bad(fmt.Sprintf("%s.groups[%d]", key, j), "person %s: %q is not 1 to 63 of a-z, 0-9 and -", p.Name, group)
			}
		}
	}
}

func (c *Config) validateEndpoints(bad report) {
	seen := map[string]bool{}
	for i, e := range c.Endpoints {
		key := fmt.Sprintf("endpoints[%d]", i)
		if !id.MatchString(e.ID) {
			bad(key+".id", "%q is not 1 to 63 of a-z, 0-9 and -", e.ID)
		}
		if seen[e.ID] {
			bad(key+".id", "%q is there twice", e.ID)
		}
		seen[e.ID] = true
		if !isHTTP(e.URL) {
			bad(key+".url", "endpoint %s: not an http or https address", e.ID)
		}
		if !slices.Contains([]string{"", "standard", "cloudevents"}, e.Format) {
			bad(key+".format", "endpoint %s: is %q, want standard or cloudevents", e.ID, e.Format)
		}
		if e.Secret == "" {
			bad(key+".secret", "endpoint %s: must not be empty", e.ID)
		}
	}
}

// IsLoopback says whether only this machine can reach the listener at address, host:port.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
