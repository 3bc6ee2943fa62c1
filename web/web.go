// Package web holds the console's page, embedded. internal/web serves it.
package web

import "embed"

// Files are the page's files.
//
//go:embed index.html app.js style.css icon.svg
var Files embed.FS
