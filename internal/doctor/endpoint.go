package doctor

import (
	"context"
	"net"
	"net/url"
	"time"

	"vigil/alerts/webhook"
)

// Endpoints looks whether the receivers' names are known, may be sent to, and accept connections. Nothing is sent.
func Endpoints(ctx context.Context, endpoints []webhook.Endpoint) []Finding {
	if len(endpoints) == 0 {
		return []Finding{warning("add one to endpoints", "endpoints: there is none: alerts are shown in the console only")}
	}
	var all []Finding
	for _, e := range endpoints {
		all = append(all, endpoint(ctx, e))
	}
	return all
}

func endpoint(ctx context.Context, e webhook.Endpoint) Finding {
	u, err := url.Parse(e.URL)
	if err != nil {
		return problem("mend its url", "endpoint %s: its url cannot be read", e.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return problem("mend its url, or this machine's DNS", "endpoint %s: %v", e.ID, err)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var refused error
	for _, a := range addrs {
		if refused = e.Permits(a); refused != nil {
			continue
		}
		at := net.JoinHostPort(a.Unmap().String(), port)
		conn, err := (&net.Dialer{Timeout: answerTime - time.Second}).DialContext(ctx, "tcp", at)
		if err != nil {
			return warning("start the receiver; until then deliveries are tried again for three days", "endpoint %s: nobody answers at %s: %v", e.ID, at, err)
		}
		_ = conn.Close() // nothing was sent
		return ok("endpoint %s: %s accepts connections", e.ID, at)
	}
	return problem("set allow_private: true for it if the receiver is yours", "endpoint %s: %v", e.ID, refused)
}
