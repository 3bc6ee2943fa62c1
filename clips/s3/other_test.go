package s3

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"vigil/clips"
	"vigil/clips/clipstest"
)

// other is a second S3 service, of another maker than the embedded one, over TLS. It keeps the requests' heads.
type other struct {
	*httptest.Server

	mu    sync.Mutex
	heads []http.Header
	hosts map[string]bool
	paths []string
}

func newOther(t *testing.T, options ...gofakes3.Option) *other {
	t.Helper()
	o := &other{hosts: map[string]bool{}}
	service := gofakes3.New(s3mem.New(), options...).Server()
	o.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.heads, o.paths = append(o.heads, r.Header.Clone()), append(o.paths, r.URL.Path)
		o.hosts[r.Host] = true
		o.mu.Unlock()
		service.ServeHTTP(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *other) config(bucket string) Config {
	return Config{
		Endpoint: o.Listener.Addr().String(), Bucket: bucket, AccessKey: "me", SecretKey: "hunter2", Secure: true,
		Transport: o.Client().Transport,
	}
}

// TestContractOfAnother holds another service to the contract, too.
func TestContractOfAnother(t *testing.T) {
	o := newOther(t)
	var n atomic.Int32
	clipstest.Contract(t, func(t *testing.T) clips.Store {
		store, err := New(t.Context(), o.config(fmt.Sprintf("vigil-%d", n.Add(1))))
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}

// TestRequests looks at what is sent: the bucket in the path, the region that is signed for, and the session token.
func TestRequests(t *testing.T) {
	o := newOther(t)
	cfg := o.config("vigil")
	cfg.Region, cfg.Token = "eu-central-7", "temporary"
	store, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), "clips/one.mp4", strings.NewReader("a clip"), clips.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	for i, head := range o.heads {
		if got := head.Get("X-Amz-Security-Token"); got != "temporary" {
			t.Errorf("%s: got token %q", o.paths[i], got)
		}
		if got := head.Get("Authorization"); !strings.Contains(got, "/eu-central-7/s3/aws4_request") {
			t.Errorf("%s: got %q, want it signed for the region", o.paths[i], got)
		}
		if !strings.HasPrefix(o.paths[i], "/vigil") {
			t.Errorf("got path %q, want the bucket in it", o.paths[i])
		}
	}
	if last := o.heads[len(o.heads)-1]; last.Get("If-None-Match") != "*" {
		t.Errorf("got If-None-Match %q, want *", last.Get("If-None-Match"))
	}
}

// TestUnknownCertificate has a service whose certificate nobody trusts.
func TestUnknownCertificate(t *testing.T) {
	cfg := newOther(t).config("vigil")
	cfg.Transport = nil
	if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want the certificate to be refused", err)
	}
}
