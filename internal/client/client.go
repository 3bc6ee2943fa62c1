// Package client is the command line's side of the API: it finds the running Vigil and asks it. It imports the views
// of internal/web, and the words they are made of.
package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/internal/web"
	"vigil/vision"
)

// Access is how a command on the same machine reaches a running Vigil. The console role leaves it in the data
// folder, readable by its own user only, and removes it when it stops.
type Access struct {
	Server string `json:"server"`         // address of the console
	Token  string `json:"token"`          // valid while this process runs
	Cert   string `json:"cert,omitempty"` // PEM of the console's own certificate
}

const accessFile = "access.json"

// patience is how long an answer may take to begin: looking at many photos takes a while.
const patience = 2 * time.Minute

// WriteAccess leaves access in the data folder. The returned function takes it away, unless another process has
// written its own meanwhile.
func WriteAccess(dir string, access Access) (remove func(), err error) {
	path := filepath.Join(dir, accessFile)
	text, err := json.Marshal(access)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return nil, fmt.Errorf("write access file: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return nil, fmt.Errorf("write access file: %w", err)
	}
	return func() {
		if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, text) {
			_ = os.Remove(path)
		}
	}, nil
}

// Find reads the access of the Vigil that runs on the data folder.
func Find(dir string) (Access, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Access{}, fmt.Errorf("find running vigil: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, accessFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Access{}, fmt.Errorf("no vigil runs on %s: start `vigil serve`, or name another with --server and --token", dir)
	}
	if err != nil {
		return Access{}, fmt.Errorf("find running vigil: %w", err)
	}
	var access Access
	if err := json.Unmarshal(text, &access); err != nil {
		return Access{}, fmt.Errorf("read %s: %w", filepath.Join(dir, accessFile), err)
	}
	return access, nil
}

// Client asks one Vigil.
type Client struct {
	access Access
	http   *http.Client
}

// New returns a client.
func New(access Access) (*Client, error) {
	if u, err := url.Parse(access.Server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("server %q is not an http or https address", access.Server)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: patience}
	if access.Cert != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(access.Cert)) {
			return nil, fmt.Errorf("certificate of %s: no PEM certificate", access.Server)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &Client{access: access, http: &http.Client{Transport: transport}}, nil
}

// Cameras lists the cameras.
func (c *Client) Cameras(ctx context.Context) ([]frames.CameraState, error) {
	var out struct{ Cameras []frames.CameraState }
	err := c.get(ctx, "/api/v1/cameras", &out)
	return out.Cameras, err
}

// Alerts lists at most limit alerts, newest first.
func (c *Client) Alerts(ctx context.Context, limit int) ([]web.AlertView, error) {
	var out struct{ Alerts []web.AlertView }
	err := c.get(ctx, "/api/v1/alerts?limit="+strconv.Itoa(limit), &out)
	return out.Alerts, err
}

// Alert returns one alert.
func (c *Client) Alert(ctx context.Context, id string) (web.AlertView, error) {
	var out web.AlertView
	err := c.get(ctx, "/api/v1/alerts/"+url.PathEscape(id), &out)
	return out, err
}

// Explain tells why an alert or a track was decided so.
func (c *Client) Explain(ctx context.Context, id string) (web.Explanation, error) {
	var out web.Explanation
	err := c.get(ctx, "/api/v1/explain?id="+url.QueryEscape(id), &out)
	return out, err
}

// People lists the people.
func (c *Client) People(ctx context.Context) ([]web.PersonView, error) {
	var out struct{ People []web.PersonView }
	err := c.get(ctx, "/api/v1/people", &out)
	return out.People, err
}

// Calibration asks how well the gallery keeps people apart.
func (c *Client) Calibration(ctx context.Context) (vision.Report, error) {
	var out vision.Report
	err := c.get(ctx, "/api/v1/people/calibration", &out)
	return out, err
}

// Retention tells what is deleted when it is old, and what would be now.
func (c *Client) Retention(ctx context.Context) (web.RetentionView, error) {
	var out web.RetentionView
	err := c.get(ctx, "/api/v1/retention", &out)
	return out, err
}

// Rules lists what raises alerts, the most important first.
func (c *Client) Rules(ctx context.Context) ([]web.RuleView, error) {
	var out struct{ Rules []web.RuleView }
	err := c.get(ctx, "/api/v1/rules", &out)
	return out.Rules, err
}

// Enrol sends photos of a person.
func (c *Client) Enrol(ctx context.Context, name string, photos []web.Photo, choose web.Choices) (web.PersonView, error) {
	if err := checkName(name); err != nil {
		return web.PersonView{}, err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, photo := range photos {
		part, err := form.CreateFormFile("photo", photo.Name)
		if err != nil {
			return web.PersonView{}, err
		}
		if _, err := part.Write(photo.Data); err != nil {
			return web.PersonView{}, err
		}
	}
	if err := form.Close(); err != nil {
		return web.PersonView{}, err
	}
	query := url.Values{"force": {strconv.FormatBool(choose.Force)}}
	if choose.Face != 0 {
		query.Set("face", strconv.Itoa(choose.Face))
	}
	var out web.PersonView
	path := "/api/v1/people/" + url.PathEscape(name) + "?" + query.Encode()
	err := c.do(ctx, http.MethodPost, path, form.FormDataContentType(), &body, &out)
	return out, err
}

// RemovePerson forgets a person.
func (c *Client) RemovePerson(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return c.do(ctx, http.MethodDelete, "/api/v1/people/"+url.PathEscape(name), "", nil, nil)
}

// checkName refuses what would not reach the server as a name: it is a part of the request's path.
func checkName(name string) error {
	if strings.Trim(name, ".") == "" {
		return fmt.Errorf("%q is not a name", name)
	}
	return nil
}

// ClipKey is the public key that records of clips are signed with.
func (c *Client) ClipKey(ctx context.Context) (string, error) {
	var out struct{ Key string }
	err := c.get(ctx, "/api/v1/clips/key", &out)
	return out.Key, err
}

// Media copies the object under key to w.
func (c *Client) Media(ctx context.Context, key string, w io.Writer) error {
	response, err := c.send(ctx, http.MethodGet, "/media/"+(&url.URL{Path: key}).EscapedPath(), "", nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

// Events yields events from the time from on (zero: from now on) until ctx ends.
func (c *Client) Events(ctx context.Context, from time.Time) iter.Seq2[alerts.Event, error] {
	return func(yield func(alerts.Event, error) bool) {
		path := "/api/v1/events"
		if !from.IsZero() {
			path += "?from=" + url.QueryEscape(from.UTC().Format(time.RFC3339Nano))
		}
		response, err := c.send(ctx, http.MethodGet, path, "", nil)
		if err != nil {
			yield(alerts.Event{}, err)
			return
		}
		defer func() { _ = response.Body.Close() }()
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			body, isData := strings.CutPrefix(lines.Text(), "data: ")
			if !isData {
				continue
			}
			var event alerts.Event
			err := json.Unmarshal([]byte(body), &event)
			if !yield(event, err) || err != nil {
				return
			}
		}
		if ctx.Err() == nil {
			yield(alerts.Event{}, fmt.Errorf("events of %s: the connection ended: %w", c.access.Server, errors.Join(lines.Err(), io.ErrUnexpectedEOF)))
		}
	}
}

// Ready returns the status and the body of /readyz, which is 503 when a part fails.
func (c *Client) Ready(ctx context.Context) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.access.Server, "/")+"/readyz", nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := c.ask(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return response.StatusCode, body, err
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, "", nil, out)
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	response, err := c.send(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("answer of %s: %w", c.access.Server, err)
	}
	return nil
}

// send returns the response when it is a success, and the problem's detail as the error when not.
func (c *Client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.access.Server, "/")+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.access.Token)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.ask(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	var problem struct{ Detail string }
	if json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&problem) != nil || problem.Detail == "" {
		problem.Detail = response.Status
	}
	return nil, errors.New(problem.Detail)
}

// ask does the request. Where nobody listens, an access file may have outlived its vigil, which was killed.
func (c *Client) ask(request *http.Request) (*http.Response, error) {
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no vigil answers at %s: %w", c.access.Server, syscall.ECONNREFUSED)
	}
	if err != nil {
		return nil, fmt.Errorf("ask vigil: %w", err)
	}
	return response, nil
}
