package web

import (
	"net/http"

	"vigil/web"
)

// page serves one of the page's files. They change with the binary only, but carry no version in their names.
func page(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, web.Files, name)
	})
}

func assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page(r.PathValue("file")).ServeHTTP(w, r)
	})
}
