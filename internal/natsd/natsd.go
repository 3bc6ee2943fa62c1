// Package natsd runs a NATS server with JetStream inside this process, for machines that have no NATS of their own.
// It is not a client: streams and consumers are declared by internal/bus. It imports the NATS server and nothing of
// ours.
package natsd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"
)

const (
	// lockName is the file that marks a directory as in use. It is locked, not merely created, so a killed process
	// leaves nothing behind that would keep the next one out.
	lockName = "natsd.lock"

	// maxPayload is the default of every NATS cluster, headers included; fragments stay below half of it.
	maxPayload = 1 << 20

	// maxMemory bounds memory streams. Everything that must last is in files, so little is needed.
	maxMemory = 256 << 20

	// authTime is how long a client may take to show its token, on a machine that is busy.
	authTime = 10 * time.Second

	// readyWait is how long a started server may take to accept connections once its store is open.
	readyWait = 10 * time.Second
)

// Config says where the server keeps its store and who may reach it.
type Config struct {
	// Dir is the store's directory. It is created when missing, and used by one server at a time.
	Dir string
	// Log takes the server's own lines: warnings and errors as such, the rest at debug level. Nil discards them.
	Log *slog.Logger
	// Listen is a loopback "host:port" for clients in other processes on this machine; port 0 takes a free one.
	// Empty opens no port: the server is then reached through Connect only. Other addresses are refused, since
	// traffic is not encrypted.
	Listen string
	// Token is what clients must show; empty: they are asked for nothing. URL has it in it.
	Token string
	// MaxStore is how many bytes on disk the streams may be given by whoever declares them. 0 takes three quarters of
	// what the disk has free at the start, counting what the store holds already.
	MaxStore int64
}

// Server is a running NATS server.
type Server struct {
	srv   *server.Server
	log   *slog.Logger
	lock  *os.File
	url   string
	token string
	store int64
	opts  *server.Options
	close sync.Once

	mu      sync.Mutex
	healthy context.Context // of Healthy
	fail    context.CancelCauseFunc
	healed  int64
	conns   []*nats.Conn // of Connect
}

// Start opens the store and starts the server. It returns once clients can connect, or with the reason why not; ctx
// bounds nothing but the start.
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	opts, err := c.options()
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	lock, err := lockDir(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	s := &Server{log: c.Log, lock: lock, store: c.MaxStore, token: c.Token, opts: opts}
	s.renew()
	s.warnSlow()
	if err := s.start(ctx, opts); err != nil {
		s.Close()
		return nil, fmt.Errorf("start NATS server in %s: %w", c.Dir, err)
	}
	return s, nil
}

func (c Config) options() (*server.Options, error) {
	if c.Dir == "" {
		return nil, errors.New("no directory for the store")
	}
	opts := &server.Options{
		ServerName:             "vigil",
		StoreDir:               c.Dir,
		JetStream:              true,
		JetStreamMaxMemory:     maxMemory,
		SyncAlways:             true, // the default acknowledges before the data is on the disk
		MaxPayload:             maxPayload,
		NoSigs:                 true,
		NoLog:                  true,
		DontListen:             c.Listen == "",
		DisableJetStreamBanner: true,
		Authorization:          c.Token,
		AuthTimeout:            authTime.Seconds(),
	}
	if c.Listen == "" {
		return opts, nil
	}
	host, port, err := loopback(c.Listen)
	if err != nil {
		return nil, err
	}
	opts.Host, opts.Port = host, port
	if port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

func loopback(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("listen address: %w", err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("listen address %q: port: %w", listen, err)
	}
	if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return "", 0, fmt.Errorf("listen address %q: not a loopback address, and this server asks for no credentials", listen)
	}
	return host, int(n), nil
}

// lockDir makes dir if need be and holds it for this process.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make store directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock store directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("store directory %s is in use by another process", dir)
		}
		return nil, fmt.Errorf("lock store directory %s: %w", dir, err)
	}
	return f, nil
}

func (s *Server) start(ctx context.Context, opts *server.Options) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	free, whole, err := space(opts.StoreDir)
	if err != nil {
		return err
	}
	if s.store <= 0 {
		s.store = free / 4 * 3
	}
	// The server refuses every change of a stream, a smaller size too, once the streams have reserved more than its
	// limit. So its limit is one that never shrinks, and the one that follows the free space is kept by the sizes of the
	// streams.
	opts.JetStreamMaxStore = max(whole, s.store)
	srv, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.srv = srv
	log := &logger{log: s.log}
	srv.SetLogger(log, false, false)
	srv.Start()
	if err := log.fatal(); err != nil {
		return err
	}
	if !srv.ReadyForConnections(readyWait) {
		return fmt.Errorf("not ready within %s", readyWait)
	}
	if !opts.DontListen {
		s.url = (&url.URL{Scheme: "nats", Host: srv.Addr().String(), User: userOf(s.token)}).String()
	}
	return s.checkStreams(ctx, opts.StoreDir)
}

// userOf is how an address names a token.
func userOf(token string) *url.Userinfo {
	if token == "" {
		return nil
	}
	return url.User(token)
}

// space returns how many bytes the store can take, counting what it holds, and how many the whole disk has.
func space(dir string) (free, whole int64, err error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, 0, fmt.Errorf("look for free space: %w", err)
	}
	block := uint64(disk.Bsize)
	free = int64(disk.Bavail * block)
	err = filepath.WalkDir(filepath.Join(dir, server.JetStreamStoreDir), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		free += info.Size()
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, fmt.Errorf("look for what the store holds: %w", err)
	}
	return free, int64(disk.Blocks * block), nil
}

// checkStreams compares the streams on disk with the ones that were opened. The server skips a stream that it cannot
// read with a warning; declaring it again would then hide that everything in it is gone.
func (s *Server) checkStreams(ctx context.Context, dir string) error {
	streams := filepath.Join(dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams")
	entries, err := os.ReadDir(streams)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	opened, err := s.openStreams(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !opened[e.Name()] {
			return fmt.Errorf("stream %s cannot be read; to go on without what it holds, move %s away",
				e.Name(), filepath.Join(streams, e.Name()))
		}
	}
	return nil
}

func (s *Server) openStreams(ctx context.Context) (map[string]bool, error) {
	info, err := s.srv.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		return nil, fmt.Errorf("list open streams: %w", err)
	}
	opened := map[string]bool{}
	for _, account := range info.AccountDetails {
		for _, stream := range account.Streams {
			opened[stream.Name] = true
		}
	}
	return opened, ctx.Err()
}

// InProcessConn opens a connection without the network. It makes a Server a nats.InProcessConnProvider.
func (s *Server) InProcessConn() (net.Conn, error) { return s.srv.InProcessConn() }

var _ nats.InProcessConnProvider = (*Server)(nil)

// Connect opens a client connection that never leaves the process.
func (s *Server) Connect() (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.Name("vigil"), nats.Token(s.token),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				s.log.Warn("NATS connection lost", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Warn("NATS connection", "error", err)
		}))
	if err != nil {
		return nil, fmt.Errorf("connect to NATS in process: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(slices.DeleteFunc(s.conns, (*nats.Conn).IsClosed), nc)
	return nc, nil
}

// URL is where other processes on this machine connect, with the token, and empty when the server has no listener.
func (s *Server) URL() string { return s.url }

// MaxStore is how many bytes on the disk all streams together may be given.
func (s *Server) MaxStore() int64 { return s.store }

// Close stops the server, writes its state so that the next start is quick, and gives the directory back. It may be
// called again.
func (s *Server) Close() {
	s.close.Do(func() {
		if s.srv != nil {
			s.srv.Shutdown()
			s.srv.WaitForShutdown()
		}
		if err := s.lock.Close(); err != nil {
			s.log.Warn("unlock store directory", "error", err)
		}
	})
}
