package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	"vigil/internal/app"
	"vigil/internal/config"
	"vigil/internal/mediatest"
)

// rehearsal is a private Vigil with a drawn camera in front of it and a receiver of webhooks behind it: what demo and
// drill have in common.
type rehearsal struct {
	cfg      config.Config
	receiver *mediatest.Receiver
	program  *app.App
	token    string // the camera's
}

const rehearsalCamera = "door"

// newRehearsal prepares everything in dir on free ports; adjust may change the configuration.
func newRehearsal(ctx context.Context, g *Globals, dir string, log *slog.Logger, adjust func(*config.Config)) (*rehearsal, error) {
	given, err := g.load()
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
	receiver, err := mediatest.NewReceiver(secret) //nolint:contextcheck // it only listens; its Run has a ctx
	if err != nil {
		return nil, err
	}
	cfg := config.Default()
	cfg.DataDir = filepath.Join(dir, "data")
	cfg.HTTP.Listen, cfg.RTSP.Listen, cfg.WebRTC.UDP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Models = given.Models
	cfg.Models.Dir = given.ModelsDir()
	token := strings.ToLower(rand.Text())
	cfg.Cameras = []config.Camera{{ID: rehearsalCamera, PublishToken: config.Secret(token)}}
	cfg.Endpoints = []config.Endpoint{{ID: "receiver", URL: receiver.URL(), Secret: config.Secret(secret), AllowPrivate: true}}
	adjust(&cfg)
	program, err := app.New(ctx, app.Options{Config: cfg, Version: version, Log: log, Child: visionProcess()})
	if err != nil {
		return nil, err
	}
	return &rehearsal{cfg: cfg, receiver: receiver, program: program, token: token}, nil
}

// play runs the program and the receiver, shows the camera's clip once, and calls watch meanwhile. It ends when watch
// does.
func (r *rehearsal) play(ctx context.Context, clip string, watch func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.program.Run(ctx) })
	group.Go(func() error { return r.receiver.Run(ctx) })
	group.Go(func() error {
		address := strings.Replace(r.program.Addresses().RTSP, "rtsp://", "rtsp://camera:"+r.token+"@", 1)
		return mediatest.Camera{Clip: clip}.Publish(ctx, address+"/"+rehearsalCamera)
	})
	group.Go(func() error {
		defer cancel()
		return watch(ctx)
	})
	return group.Wait()
}

// wait waits for an event of the type about an alert; an empty alert means any.
func (r *rehearsal) wait(ctx context.Context, kind alerts.EventType, alert string, within time.Duration) (alerts.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	event, err := r.receiver.Wait(ctx, func(e alerts.Event) bool {
		return e.Type == kind && (alert == "" || e.Data.Alert.ID == alert)
	})
	if err != nil {
		return event, fmt.Errorf("no %s within %s: %w", kind, within, err)
	}
	return event, nil
}

// fetch reads a link of a webhook, as its receiver would, into a file, and returns its SHA-256.
func fetch(ctx context.Context, link, file string) (digest string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the link answers %s", response.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	sum := sha256.New()
	err = writeWhole(file, func(w io.Writer) error {
		_, err := io.Copy(io.MultiWriter(w, sum), response.Body)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// portraits draws photos of a person of the cast into a folder.
func portraits(person mediatest.Person, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range 3 {
		photo, err := mediatest.PortraitJPEG(person, 480, i)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i+1)+".jpg"), photo, 0o644); err != nil {
			return err
		}
	}
	return nil
}
