package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"vigil/internal/client"
)

type healthCommand struct{}

// Run asks /readyz, which needs no token, and fails when a part does.
func (healthCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	access, err := client.Find(cfg.DataDir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	asked, err := client.New(access)
	if err != nil {
		return err
	}
	status, body, err := asked.Ready(ctx)
	if err != nil {
		return err
	}
	var answer struct {
		Parts []struct {
			Name, Detail string
			OK           bool
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("answer of %s: %w", access.Server, err)
	}
	if g.JSON {
		_, err = io.WriteString(g.out, strings.TrimSpace(string(body))+"\n")
	} else {
		for _, part := range answer.Parts {
			word := map[bool]string{true: "ok", false: "FAILS"}[part.OK]
			g.say("%-10s %-6s %s\n", part.Name, word, part.Detail)
		}
	}
	if status != http.StatusOK {
		return errors.New("not ready")
	}
	return err
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(g *Globals) error {
	if g.JSON {
		return g.print(map[string]any{"version": version, "go": runtime.Version()})
	}
	g.say("vigil %s, %s\n", version, runtime.Version())
	return nil
}
