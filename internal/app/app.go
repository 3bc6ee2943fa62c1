// Package app wires the roles: it opens the bus and the store, binds the listeners, starts what the configuration asks
// for and stops it in reverse order. It is the only package that sees everything; cmd/vigil alone imports it.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/clips"
	framesjs "vigil/frames/jetstream"
	"vigil/ingest/whip"
	"vigil/internal/bus"
	"vigil/internal/client"
	"vigil/internal/config"
	"vigil/internal/web"
	"vigil/internal/whep"
	"vigil/vision"
)

const (
	// stopTime bounds how long open HTTP requests may take to end.
	stopTime = 5 * time.Second
	// bodyTime bounds how long a request's body may take: photos over a slow line are the largest.
	bodyTime = 2 * time.Minute
)

// Options say what to run.
type Options struct {
	Config  config.Config
	Roles   []Role // none: all
	Version string
	Log     *slog.Logger
	// Child is the command line that makes RunVision of a process: the role vision runs in such a one, that a crash of its
	// libraries does not end the rest. None: in this one.
	Child []string
	// Drill is the command line that proves that alerts are raised on this machine, telling each step as `vigil drill --json`
	// does. None: the API refuses to.
	Drill []string
	// Changes say how the configuration is followed while the program runs; without Load it is not.
	Changes Changes
}

// App is the program, ready to run.
type App struct {
	cfg     config.Config
	roles   []Role
	version string
	log     *slog.Logger

	bus     *bus.Conn
	frames  *framesjs.Log
	storage *storage
	store   clips.Store // nil when no role of this process needs it
	links   *web.Links
	lanes   *vision.Lanes // nil where the vision role does not run in this process

	drill           *drill
	command         []string  // see Options.Child
	child           *isolated // the vision role in a process of its own; nil: none
	parent          *orders   // nil in a process that is no child
	decoder, detail vision.NewDecoder
	around          surroundings // of a child

	added    *bus.KV[addedCamera]
	addedIDs atomic.Pointer[map[string]bool] // of those in force
	whip     *whip.Endpoint                  // nil without the role ingest
	players  *whep.Server                    // nil without both ingest and console

	http   net.Listener // nil when no role of this process needs it
	routes *http.ServeMux

	live      atomic.Pointer[config.Config] // the configuration in force
	limits    func(config.Config) bus.Limits
	reloading sync.Mutex
	reloads   []reload
	changes   Changes

	tasks   []task
	closers []func() error // run last to first

	adminToken string
	addresses  Addresses
	checks     []web.Check
}

// task is one thing that runs until the program ends.
type task struct {
	name string
	run  func(ctx context.Context) error
}

// Addresses are where the running program is reached. Empty where a role is not of this process.
type Addresses struct {
	Console string // http(s)://host:port
	RTSP    string // rtsp://host:port
	RTSPS   string // rtsps://host:port, with a certificate
	WHIP    string // http(s)://host:port/whip
	Store   string // http://host:port of the embedded store, when it serves others
}

// New checks the configuration, opens everything and binds every listener, so that what it returns only has to run.
// Whatever goes wrong, nothing is left open.
func New(ctx context.Context, o Options) (*App, error) {
	if len(o.Roles) == 0 {
		o.Roles = allRoles
	}
	if err := checkRoles(o.Config, o.Roles); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("working directory: %w", err)
	}
	// The embedded store changes the working directory: from here on every path is absolute.
	if err := o.Config.Absolute(); err != nil {
		return nil, err
	}
	a := &App{
		cfg: o.Config, roles: o.Roles, version: o.Version, log: o.Log, routes: http.NewServeMux(), changes: o.Changes,
		drill: &drill{command: o.Drill, dir: dir}, command: o.Child, decoder: OpenDecoder, detail: openDetail,
	}
	a.live.Store(&a.cfg)
	for _, open := range []func(context.Context) error{
		a.listen, a.openLanes, a.openData, a.openBus, a.openStore, a.openLinks, a.openAdded, a.openIngest, a.openVision, a.openAlerts,
		a.openClips, a.openLive, a.openConsole, a.openHTTP, a.openReload,
	} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Addresses returns where the program is reached.
func (a *App) Addresses() Addresses { return a.addresses }

// AdminToken returns the admin token if this start made it, and "" at every later one.
func (a *App) AdminToken() string { return a.adminToken }

// Run works until ctx ends or a part cannot go on, and then closes everything.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range a.tasks {
		group.Go(func() error {
			if err := t.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Close closes what is open, last opened first. It may be called again.
func (a *App) Close() error {
	var errs []error
	for len(a.closers) > 0 {
		last := a.closers[len(a.closers)-1]
		a.closers = a.closers[:len(a.closers)-1]
		errs = append(errs, last())
	}
	return errors.Join(errs...)
}

func (a *App) task(name string, run func(ctx context.Context) error) {
	a.tasks = append(a.tasks, task{name, run})
}

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }

// listen binds the HTTP listener first: a port in use is the commonest mistake, and nothing was touched yet. The
// engines come next: a network that is missing is the second.
func (a *App) listen(ctx context.Context) error {
	if !a.has(Ingest, Console) {
		return nil
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", a.cfg.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	a.onClose(func() error { return ignoreClosed(l.Close()) })
	scheme := "http"
	if a.cfg.HTTP.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(a.cfg.HTTP.TLSCert, a.cfg.HTTP.TLSKey)
		if err != nil {
			return fmt.Errorf("http.tls_cert: %w", err)
		}
		scheme = "https"
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	a.http = l
	base := scheme + "://" + reachable(l.Addr())
	if a.has(Console) {
		a.addresses.Console = base
	}
	if a.has(Ingest) {
		a.addresses.WHIP = base + "/whip"
	}
	return nil
}

func (a *App) openData(context.Context) error {
	if err := os.MkdirAll(a.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	return nil
}

// openHTTP serves the routes that the roles have added, and a camera's WHIP endpoint under its other name.
func (a *App) openHTTP(context.Context) error {
	if a.http == nil {
		return nil
	}
	server := &http.Server{
		Handler: punctual(whip.Alias(a.routes)), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	a.task("http", func(ctx context.Context) error {
		// Requests end with the program: event streams would never end by themselves.
		server.BaseContext = func(net.Listener) context.Context { return ctx }
		stopped := make(chan error, 1)
		stop := context.AfterFunc(ctx, func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer cancel()
			// A client that does not read or write cannot keep the program.
			err := server.Shutdown(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				err = server.Close()
			}
			stopped <- err
		})
		err := server.Serve(a.http)
		if stop() {
			return err // it ended by itself
		}
		return <-stopped
	})
	return nil
}

// punctual bounds how long a request's body may take. Requests without one, such as event streams and clips being
// played, may last.
func punctual(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // a connection that is gone needs none
		}
		next.ServeHTTP(w, r)
	})
}

// leaveAccess tells commands on this machine how to ask the console. They come with a token that lives as long as
// the process.
func (a *App) leaveAccess(token string) error {
	access := client.Access{Server: a.addresses.Console, Token: token}
	if a.cfg.HTTP.TLSCert != "" {
		text, err := os.ReadFile(a.cfg.HTTP.TLSCert)
		if err != nil {
			return fmt.Errorf("http.tls_cert: %w", err)
		}
		access.Cert = string(text)
	}
	remove, err := client.WriteAccess(a.cfg.DataDir, access)
	if err != nil {
		return err
	}
	a.onClose(func() error { remove(); return nil })
	return nil
}

// reachable is an address that reaches a listener from this machine.
func reachable(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
