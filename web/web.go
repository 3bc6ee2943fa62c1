// Package web holds the console's page, embedded. internal/web serves it. The page's sources are in src; `make page`
// builds dist of them.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files are the page's files: index.html, and assets, whose names hold a digest of what is in them.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the path is a constant
	}
	return files
}
