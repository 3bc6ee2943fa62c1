// Package objectd is the S3 service that Vigil brings along: versitygw on a plain folder, in which each object is a
// file under its own name. It is for one machine and one process; whoever has an S3 service uses that instead, with
// the same client. It imports nothing of ours.
//
// The folder becomes the process's working directory for as long as the service runs: versitygw reaches its objects
// by relative paths. Everything else in the process must use absolute paths by then, and must not change directory.
package objectd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
	"golang.org/x/sys/unix"
)

const (
	maxConnections = 1024
	maxRequests    = 512
	maxParts       = 10_000
	// maxSocketPath is what a socket's address holds on every system (unix(7): 108 bytes with the final zero).
	maxSocketPath = 100
	dialTimeout   = 5 * time.Second
)

// ErrRunning says that the process runs one service already. versitygw keeps its root folder in the process's working
// directory and more in package variables, so that a second one would write into the first one's folder.
var ErrRunning = errors.New("an embedded S3 service runs in this process already")

// running guards what the whole process has only once: its working directory.
var running atomic.Bool

// Secret is a key that cannot be printed.
type Secret string

// String implements fmt.Stringer.
func (Secret) String() string { return "[secret]" }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return "[secret]" }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Config says where the service keeps its objects and who may ask for them.
type Config struct {
	Dir       string       // absolute or not; holds objects/, the keys and the socket; made when missing
	Listen    string       // host:port, port 0 for a free one; empty: a Unix socket that only this user can open
	AccessKey string       // empty together with SecretKey: made at the first start and kept in Dir
	SecretKey Secret       //
	Log       *slog.Logger // default: nothing is logged
}

// Server is a running service.
type Server struct {
	endpoint  string
	access    string
	secret    Secret
	transport *http.Transport
	socket    string
	stop      context.CancelFunc
	done      chan struct{}
	err       error // why it ended; read after done
	release   func() error
	closing   sync.Once
}

// Start starts the service and returns when it answers. It runs until Close, or until ctx ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	return start(ctx, cfg, meta.XattrMeta{}.Test)
}

func start(ctx context.Context, cfg Config, attributes func(dir string) error) (_ *Server, err error) {
	if !running.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("object store: %w", ErrRunning)
	}
	undo := &undoing{}
	undo.add(func() error { running.Store(false); return nil })
	defer func() {
		if err != nil {
			err = fmt.Errorf("object store in %s: %w", cfg.Dir, errors.Join(err, undo.run()))
		}
	}()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, "objects"), 0o700); err != nil {
		return nil, err
	}
	unlock, err := lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	undo.add(unlock)
	if err := cfg.fillKeys(); err != nil {
		return nil, err
	}
	listen, err := newListening(ctx, cfg)
	if err != nil {
		return nil, err
	}
	undo.add(listen.remove)
	if err := keepDirectory(undo); err != nil {
		return nil, err
	}
	store, err := newBackend(cfg.Dir, attributes, cfg.Log)
	if err != nil {
		return nil, err
	}
	undo.add(store.close)
	s := &Server{
		endpoint: listen.endpoint, access: cfg.AccessKey, secret: cfg.SecretKey,
		transport: Transport(listen.socket), socket: listen.socket, release: undo.run,
	}
	if err := s.serve(ctx, store, listen.address); err != nil {
		return nil, err
	}
	return s, nil
}

// serve runs the gateway until it listens or has failed.
func (s *Server) serve(ctx context.Context, store *backend, address string) error {
	ctx, s.stop = context.WithCancel(ctx)
	s.done = make(chan struct{})
	listening := make(chan struct{})
	account := auth.Account{Access: s.access, Secret: string(s.secret), Role: auth.RoleAdmin}
	config := &embedgw.Config{
		RootUserAccess: s.access, RootUserSecret: string(s.secret),
		Ports:          []string{address},
		SocketPerm:     "0600",
		MaxConnections: maxConnections, MaxRequests: maxRequests, MultipartMaxParts: maxParts,
		Quiet: true, KeepAlive: true, DisableACLs: true,
		IAMService: auth.NewIAMServiceSingle(account),
		S3Options:  []s3api.Option{s3api.WithOnListen(func() { close(listening) })},
	}
	go func() {
		defer close(s.done)
		s.err = embedgw.RunVersityGW(ctx, store, config)
	}()
	select {
	case <-listening:
		return nil
	case <-s.done:
		s.stop()
		return errors.Join(fmt.Errorf("listen on %s: did not begin", address), s.err)
	}
}

// Endpoint is what an S3 client calls the service: host:port, without TLS.
func (s *Server) Endpoint() string { return s.endpoint }

// Transport reaches the service, also where it listens on a Unix socket.
func (s *Server) Transport() http.RoundTripper { return s.transport }

// Socket is the Unix socket that the service listens on; empty for TCP.
func (s *Server) Socket() string { return s.socket }

// Keys are the credentials of the one account.
func (s *Server) Keys() (access string, secret Secret) { return s.access, s.secret }

// Wait blocks until the service has ended and says why, nil when it was told to.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Close stops the service and gives the working directory back. Requests in progress are given ten seconds.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		s.transport.CloseIdleConnections()
		s.stop()
		err = errors.Join(s.Wait(), s.release())
	})
	return err
}

// undoing takes back the steps of a start, last first.
type undoing struct{ steps []func() error }

func (u *undoing) add(f func() error) { u.steps = append(u.steps, f) }

func (u *undoing) run() error {
	var errs []error
	for _, step := range slices.Backward(u.steps) {
		errs = append(errs, step())
	}
	u.steps = nil
	return errors.Join(errs...)
}

// keepDirectory remembers the working directory, which the backend is about to change.
func keepDirectory(undo *undoing) error {
	before, err := os.Getwd()
	if err != nil {
		return err
	}
	undo.add(func() error { return os.Chdir(before) })
	return nil
}

// lock keeps other processes out of the folder. It ends with the process at the latest.
func lock(dir string) (unlock func() error, err error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errors.New("another process uses this folder")
		}
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}

// listening is where the service listens.
type listening struct {
	address  string // as versitygw takes it
	endpoint string // as clients do
	socket   string // path of the Unix socket, empty for TCP
	temp     string // folder made for it, if any
}

func newListening(ctx context.Context, cfg Config) (*listening, error) {
	if cfg.Listen != "" {
		address, err := freeAddress(ctx, cfg.Listen)
		if err != nil {
			return nil, err
		}
		return &listening{address: address, endpoint: address}, nil
	}
	l := &listening{endpoint: "localhost", socket: filepath.Join(cfg.Dir, "s3.sock")}
	if len(l.socket) > maxSocketPath || strings.Contains(l.socket, ":") { // with a colon it is taken for host:port
		temp, err := os.MkdirTemp("", "vigil-s3-")
		if err != nil {
			return nil, err
		}
		l.temp, l.socket = temp, filepath.Join(temp, "s3.sock")
	}
	l.address = l.socket
	return l, nil
}

// freeAddress checks that the address can be listened on, and puts a free port where it asks for any.
func freeAddress(ctx context.Context, listen string) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return "", err
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", errors.Join(err, listener.Close())
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return net.JoinHostPort(host, port), errors.Join(err, listener.Close())
}

// Transport reaches a service, by its Unix socket if it has one, also from another process.
func Transport(socket string) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	t := &http.Transport{
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, DisableCompression: true,
		DialContext: dialer.DialContext,
	}
	if socket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	return t
}

func (l *listening) remove() error {
	if l.temp != "" {
		return os.RemoveAll(l.temp)
	}
	return nil
}
