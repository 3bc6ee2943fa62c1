package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/internal/faultproxy"
)

const (
	visitGap = 3 * time.Second
	diskSize = 1 << 30 // of the broker's disk
	storeKey = "not-a-secret-at-all"
)

// site is the program in processes of its own, with a broker and a ledger.
type site struct {
	dir    string
	disk   string // of the broker, a small one; empty where none may be mounted
	roles  map[string]*process
	hook   *faultproxy.Proxy // before the receiver
	store  *faultproxy.Proxy // before the store
	reel   *reel
	ledger *exec.Cmd
	books  string // the ledger's address
	ports  map[string]*port
	tokens map[string]string // by camera
	secret string
	ledge  terms
}

// names of the processes that are killed.
var names = []string{"nats", "ingest", "vision", "alerts", "clips", "console"}

// newSite prepares everything and starts nothing but the ledger and the proxies.
func newSite(ctx context.Context, o options, dir string, group *errgroup.Group) (s *site, err error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	s = &site{
		dir: dir, roles: map[string]*process{}, ports: map[string]*port{}, tokens: map[string]string{},
		secret: "whsec_" + base64.StdEncoding.EncodeToString(key),
	}
	for _, name := range []string{"nats", "rtsp", "store", "http", "whip"} {
		if s.ports[name], err = reserve(); err != nil {
			return nil, err
		}
	}
	for i := range o.cameras {
		s.tokens[fmt.Sprint("camera-", i+1)] = strings.ToLower(rand.Text())
	}
	if s.reel, err = newReel(); err != nil {
		return nil, err
	}
	s.ledge = terms{
		Secret: s.secret, NATS: "nats://" + s.ports["nats"].String(), Store: s.ports["store"].String(),
		Access: "chaos", Key: storeKey, VisitGap: visitGap,
	}
	if s.store, err = faultproxy.Listen(ctx, s.ports["store"].String()); err != nil {
		return nil, err
	}
	group.Go(func() error { return s.store.Run(ctx) })
	return s, s.prepare(o)
}

// prepare writes the configurations.
func (s *site) prepare(o options) error {
	broker := filepath.Join(s.dir, "nats")
	if disk, err := mountDisk(broker, diskSize); err == nil {
		s.disk = disk
	} else {
		fmt.Println("no small disk for the broker, so it will not be filled:", err)
	}
	conf := fmt.Sprintf("listen: %q\njetstream { store_dir: %q, sync_interval: always, max_file_store: 64GB }\n",
		s.ports["nats"], broker)
	file := filepath.Join(s.dir, "nats.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	s.roles["nats"] = &process{
		name: "nats", path: o.nats, args: []string{"-c", file}, address: s.ports["nats"].String(), log: filepath.Join(s.dir, "nats.log"),
	}
	return nil
}

// listen starts the ledger and the proxy before it, and writes the roles' configurations.
func (s *site) listen(ctx context.Context, o options, group *errgroup.Group) error {
	if err := s.keepBooks(); err != nil {
		return err
	}
	var err error
	if s.hook, err = faultproxy.Listen(ctx, s.books); err != nil {
		return err
	}
	group.Go(func() error { return s.hook.Run(ctx) })
	remote := fmt.Sprintf("s3: { endpoint: \"http://%s\", access_key: chaos, secret_key: %q }\n", s.store.Addr(), storeKey)
	serves := fmt.Sprintf("s3: { listen: %q, access_key: chaos, secret_key: %q }\n", s.ports["store"], storeKey)
	for role, more := range map[string]struct{ sign, s3 string }{
		"ingest": {`"rtsp"`, ""}, "vision": {"lease taken", remote}, "alerts": {"lease taken", ""}, "clips": {"lease taken", remote},
		"console": {`"console"`, serves},
	} {
		file := filepath.Join(s.dir, role+".yaml")
		if err := os.WriteFile(file, []byte(s.config(role, o)+more.s3), 0o600); err != nil {
			return err
		}
		s.roles[role] = &process{
			name: role, path: o.vigil, args: []string{"serve", "--json", "--config", file, "--roles", role}, sign: more.sign,
			log: filepath.Join(s.dir, role+".log"),
		}
	}
	return nil
}

// config is a role's.
func (s *site) config(role string, o options) string {
	listen := s.ports["http"]
	if role == "ingest" {
		listen = s.ports["whip"]
	}
	var cameras strings.Builder
	for id, token := range s.tokens {
		fmt.Fprintf(&cameras, "  - { id: %s, publish_token: %q }\n", id, token)
	}
	models := "engine: classic"
	if o.models != "" {
		models = fmt.Sprintf("engine: deep, dir: %q", o.models)
	}
	return fmt.Sprintf(`data_dir: %q
http: { listen: %q, public_url: "http://%s" }
rtsp: { listen: %q }
webrtc: { udp: "127.0.0.1:0" }
models: { %s }
nats: { url: %q }
endpoints: [ { id: ledger, url: "http://%s/hook", secret: %q, allow_private: true } ]
alerts: { visit_gap: %s }
clips: { pre_roll: 2s, post_roll: 1s }
retention: { fragments: 1h, fragments_bytes: 300MiB }
cameras:
%s`, filepath.Join(s.dir, role), listen, s.ports["http"], s.ports["rtsp"], models, s.ledge.NATS, s.hook.Addr(), s.secret, visitGap, &cameras)
}

// keepBooks starts the ledger, which is this program in a process of its own.
func (s *site) keepBooks() error {
	args, err := json.Marshal(s.ledge)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.ledger = exec.Command(self, ledgerCommand, string(args)) //nolint:noctx // it outlives what is done meanwhile
	s.ledger.Stderr = os.Stderr
	out, err := s.ledger.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.ledger.Start(); err != nil {
		return fmt.Errorf("start the ledger: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the ledger says nothing: %w", err)
	}
	s.books = strings.TrimSpace(line)
	return nil
}

// start starts everything at once and waits until all are at work.
func (s *site) start(ctx context.Context) error {
	for _, name := range names[1:] {
		if err := s.roles[name].start(); err != nil {
			return err
		}
	}
	for _, name := range names[1:] {
		if err := s.roles[name].works(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop ends everything.
func (s *site) stop() error {
	var errs []error
	for _, name := range slices.Backward(names) {
		if p := s.roles[name]; p != nil && p.cmd != nil {
			errs = append(errs, p.stop())
		}
	}
	if s.ledger != nil && s.ledger.Process != nil {
		errs = append(errs, s.ledger.Process.Kill())
		_ = s.ledger.Wait() // it was killed
	}
	if s.disk != "" {
		errs = append(errs, unmountDisk(s.disk))
	}
	return errors.Join(errs...)
}

// ask posts to the ledger.
func (s *site) ask(ctx context.Context, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.books+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("ledger: %s", answer)
	}
	return answer, err
}

// balance asks the ledger for it.
func (s *site) balance(ctx context.Context, faults []fault, passes []pass) (*balance, error) {
	body, err := json.Marshal(map[string]any{"Faults": faults, "Passes": passes})
	if err != nil {
		return nil, err
	}
	answer, err := s.ask(ctx, "/balance", body)
	if err != nil {
		return nil, err
	}
	b := &balance{}
	return b, json.Unmarshal(answer, b)
}
