package web

import (
	"net/http"
	"path"

	"vigil/web"
)

// page serves the page. It changes with the binary, and names the assets of its version.
func page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, web.Files(), "index.html")
}

// asset serves what the page is made of: a name stands for the same bytes for ever.
func asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeFileFS(w, r, web.Files(), path.Join("assets", r.PathValue("file")))
}
