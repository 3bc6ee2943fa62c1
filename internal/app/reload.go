package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/web"
)

// Changes say how the configuration is followed while the program runs.
type Changes struct {
	File  string                        // is looked at; empty: none
	Asked <-chan os.Signal              // asks for it to be loaded again; nil: nobody does
	Load  func() (config.Config, error) // as it was loaded at the start
}

// reload gets a part ready for another configuration and returns what puts it in force, or why the configuration cannot
// be. Until then nothing has changed, and what was got ready is given up when ctx ends. before is what is in force.
type reload func(ctx context.Context, before, next config.Config) (commit func(), err error)

func (a *App) onReload(r reload) { a.reloads = append(a.reloads, r) }

// reloadable are the keys, and beginnings of keys, that may change while the program runs.
var reloadable = []string{"cameras", "people.", "endpoints", "rules", "quality.", "clips.", "retention."}

// Reload puts another configuration in force, all of it or, when it returns an error, nothing. What has not changed goes
// on and does not notice.
func (a *App) Reload(ctx context.Context, next config.Config) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	before := *a.live.Load()
	if err := next.Absolute(); err != nil {
		return err
	}
	next, err := a.withAdded(ctx, next)
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range config.Changed(before, next) {
		if !slices.ContainsFunc(reloadable, func(begin string) bool { return strings.HasPrefix(key, begin) }) {
			errs = append(errs, fmt.Errorf("%s: has changed, which takes a restart", key))
		}
	}
	if err := errors.Join(append(errs, checkRoles(next, a.roles))...); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var commits []func()
	for _, prepare := range a.reloads {
		commit, err := prepare(ctx, before, next)
		if err != nil {
			return err
		}
		commits = append(commits, commit)
	}
	a.live.Store(&next)
	for _, commit := range commits {
		commit()
	}
	return nil
}

// openReload comes last: what another child and the bus are told cannot be taken back, so all else is ready by then.
func (a *App) openReload(ctx context.Context) error {
	if a.child != nil {
		a.onReload(a.child.reload)
	}
	a.onReload(func(ctx context.Context, before, next config.Config) (func(), error) {
		if before.Retention != next.Retention {
			return func() {}, a.bus.Declare(ctx, a.limits(next))
		}
		return func() {}, nil
	})
	if a.changes.Load == nil {
		return nil
	}
	states, err := bus.OpenKV[reloadState](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	f := &follower{app: a, states: states, state: reloadState{Attempt: time.Now().UTC(), Success: time.Now().UTC()}}
	a.task("configuration", f.run)
	return nil
}

// reloadState is what a role tells of its configuration.
type reloadState struct {
	Attempt time.Time `json:"attempt"` // the last one
	Success time.Time `json:"success"` // since when what is in force is
	Error   string    `json:"error"`   // of the last attempt; empty: it is in force
	Taken   int64     `json:"taken"`   // reloads since the process began
	Refused int64     `json:"refused"`
}

const reloadSetting = "reload/" // and the role

// follower loads the configuration again when its file changes or somebody asks.
type follower struct {
	app    *App
	states *bus.KV[reloadState]
	state  reloadState
}

func (f *follower) run(ctx context.Context) error {
	f.tell(ctx)
	changed := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if f.app.changes.File == "" {
			return
		}
		config.Watch(ctx, f.app.changes.File, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	defer func() { <-ended }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			f.load(ctx, "the file has changed")
		case <-f.app.changes.Asked:
			f.load(ctx, "a signal asks for it")
		}
	}
}

// load tries once. What is wrong is said, and what was in force stays.
func (f *follower) load(ctx context.Context, why string) {
	before := *f.app.live.Load()
	next, err := f.app.changes.Load()
	if err == nil {
		err = f.app.Reload(ctx, next)
	}
	if ctx.Err() != nil {
		return
	}
	f.state.Attempt, f.state.Error = time.Now().UTC(), ""
	if err != nil {
		f.state.Refused++
		f.state.Error = err.Error()
		f.app.log.Error("configuration refused, the one before stays in force", "why", why, "file", f.app.changes.File, "error", err)
	} else {
		f.state.Taken++
		f.state.Success = f.state.Attempt
		f.app.log.Info("configuration loaded", "why", why, "changed", config.Changed(before, *f.app.live.Load()))
	}
	f.tell(ctx)
}

// tell says it for each role of the process. The next time comes soon enough when the bus is away.
func (f *follower) tell(ctx context.Context) {
	for _, role := range f.app.roles {
		if _, err := f.states.Put(ctx, reloadSetting+string(role), f.state); err != nil && ctx.Err() == nil {
			f.app.log.Warn("saying how the configuration is", "error", err)
			return
		}
	}
}

// reloadStates are what the roles have told, by role.
func reloadStates(ctx context.Context, states *bus.KV[reloadState]) (map[Role]reloadState, error) {
	all := map[Role]reloadState{}
	for _, role := range allRoles {
		entry, err := states.Get(ctx, reloadSetting+string(role))
		if errors.Is(err, bus.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[role] = entry.Value
	}
	return all, nil
}

// reloadCheck tells that a configuration was refused. It does not say why: everybody who reaches the listener may read it.
func reloadCheck(states *bus.KV[reloadState]) web.Check {
	return web.Check{Name: "config", Probe: func(ctx context.Context) error {
		all, err := reloadStates(ctx, states)
		if err != nil {
			return err
		}
		for _, role := range allRoles {
			if s := all[role]; s.Error != "" {
				return web.Notice(fmt.Sprintf("the configuration of the role %s was refused at %s, the one of %s is in force: the log says why",
					role, s.Attempt.Format(time.RFC3339), s.Success.Format(time.RFC3339)))
			}
		}
		return nil
	}}
}
