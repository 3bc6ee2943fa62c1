package onvif

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" // the token's digest is SHA-1 (UsernameToken Profile 1.1, 3.1)
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	maxBody     = 1 << 20
	dialTimeout = 3 * time.Second
	callTimeout = 10 * time.Second
)

const soap = `<?xml version="1.0" encoding="UTF-8"?>` +
	`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"` +
	` xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl">` +
	`<s:Header>%s</s:Header><s:Body>%s</s:Body></s:Envelope>`

// token is WS-Security's (UsernameToken Profile 1.1): the password does not travel, what travels is worth one minute.
const token = `<w:Security s:mustUnderstand="true"` +
	` xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"` +
	` xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">` +
	`<w:UsernameToken><w:Username>%s</w:Username>` +
	`<w:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest">%s</w:Password>` +
	`<w:Nonce EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">%s</w:Nonce>` +
	`<u:Created>%s</u:Created></w:UsernameToken></w:Security>`

// digest is the token's password: Base64(SHA-1(nonce + created + password)).
func digest(nonce []byte, created string, password Secret) string {
	h := sha1.New()
	h.Write(nonce)
	h.Write([]byte(created + string(password)))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// client asks one device's services. Its clock is the device's.
type client struct {
	http        *http.Client
	credentials Credentials
	skew        time.Duration
}

func newClient(c Credentials) *client {
	return &client{credentials: c, http: &http.Client{
		Timeout: callTimeout,
		// A redirect would lead to a host of the device's choice.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        &tls.Config{InsecureSkipVerify: true}, // cameras sign their own
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    1,
		},
	}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// header is what says who asks.
func (c *client) header() string {
	if c.credentials.User == "" {
		return ""
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	created := time.Now().Add(c.skew).UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(token, escape(c.credentials.User), digest(nonce, created, c.credentials.Password),
		base64.StdEncoding.EncodeToString(nonce), created)
}

// call asks for an operation and reads its answer.
func call[T any](ctx context.Context, c *client, operation, address, header, body string) (T, error) {
	var zero T
	status, answer, err := c.post(ctx, address, fmt.Appendf(nil, soap, header, body))
	if err != nil {
		return zero, fmt.Errorf("%s: %w", operation, err)
	}
	content, _, err := parse[T](answer)
	if said, ok := errors.AsType[*fault](err); ok && said.refused() {
		return zero, fmt.Errorf("%s: %w", operation, ErrCredentials)
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return zero, fmt.Errorf("%s: %w: status %d; devices that want HTTP Digest alone are not supported", operation, ErrCredentials, status)
	}
	if err != nil && status != http.StatusOK {
		if _, ok := errors.AsType[*fault](err); !ok {
			err = fmt.Errorf("status %d", status)
		}
	}
	if err != nil {
		return zero, fmt.Errorf("%s: %w", operation, err)
	}
	return content, nil
}

func (c *client) post(ctx context.Context, address string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/soap+xml; charset=utf-8")
	request.Header.Set("User-Agent", "vigil")
	response, err := c.http.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return 0, nil, failed.Err // the operation and the device are named by whoever asks
	}
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err == nil && len(answer) > maxBody {
		err = fmt.Errorf("answer is longer than %d bytes", maxBody)
	}
	return response.StatusCode, answer, err
}
