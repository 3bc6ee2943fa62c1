package main

import (
	"errors"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"vigil/internal/client"
)

// remote are the flags of the commands that ask a running Vigil. Without them it is the one that runs on the
// configuration's data folder.
type remote struct {
	Server string `env:"VIGIL_SERVER" placeholder:"URL" help:"Address of another machine's console."`
	Token  string `env:"VIGIL_TOKEN" help:"Token for it."`
}

func (r remote) client(g *Globals) (*client.Client, error) {
	if r.Server != "" {
		if r.Token == "" {
			return nil, errors.New("--server needs --token (or VIGIL_TOKEN)")
		}
		return client.New(client.Access{Server: r.Server, Token: r.Token})
	}
	cfg, err := g.load()
	if err != nil {
		return nil, err
	}
	access, err := client.Find(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	return client.New(access)
}

// table prints rows under a head, in columns.
func (g *Globals) table(head string, rows []string) error {
	w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', 0)
	text := strings.Join(append([]string{head}, rows...), "\n") + "\n"
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return w.Flush()
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
