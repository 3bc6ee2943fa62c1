package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"vigil/internal/bus"
	"vigil/internal/web"
)

// Ids of the tokens that this process knows beside those that were made.
const (
	adminToken = "admin"
	localToken = "local"
)

// tokenList keeps tokens in the tokens bucket.
type tokenList struct{ kv *bus.KV[web.KeptToken] }

// Token implements web.Tokens.
func (l tokenList) Token(ctx context.Context, id string) (web.KeptToken, error) {
	entry, err := l.kv.Get(ctx, id)
	if errors.Is(err, bus.ErrNotFound) {
		return web.KeptToken{}, web.ErrNotFound
	}
	return entry.Value, err
}

// Tokens implements web.Tokens.
func (l tokenList) Tokens(ctx context.Context) (all []web.KeptToken, err error) {
	entries, err := l.kv.List(ctx)
	for _, entry := range entries {
		all = append(all, entry.Value)
	}
	slices.SortFunc(all, func(a, b web.KeptToken) int { return a.Created.Compare(b.Created) })
	return all, err
}

// AddToken implements web.Tokens.
func (l tokenList) AddToken(ctx context.Context, t web.KeptToken) error {
	_, err := l.kv.Create(ctx, t.ID, t)
	return err
}

// RevokeToken implements web.Tokens.
func (l tokenList) RevokeToken(ctx context.Context, id string) error {
	if _, err := l.Token(ctx, id); err != nil {
		return err
	}
	return l.kv.Delete(ctx, id)
}

// fixed is a token of this process, an admin's.
func fixed(id, name string, hash web.TokenHash) web.KeptToken {
	return web.KeptToken{Token: web.Token{ID: id, Name: name, Role: web.Admin, Created: time.Now().UTC()}, Hash: hash}
}
