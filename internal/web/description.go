package web

import (
	_ "embed" // of the description
	"net/http"

	"github.com/goccy/go-yaml"
)

// Description is the API as an OpenAPI 3.1 document, in YAML. It is written by hand; tests hold the handlers to it.
//
//go:embed openapi.yaml
var Description []byte

// description answers the document as JSON.
func (s *Server) description(w http.ResponseWriter, _ *asked) error {
	text, err := yaml.YAMLToJSON(Description)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(text) // an error here is the client's connection
	return nil
}
