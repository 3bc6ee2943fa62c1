package config

import (
	"os"
	"strings"
	"testing"
)

// What the documentation shows can be loaded.
func TestDocumentedRules(t *testing.T) {
	text, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```yaml\n")
	if len(parts) < 2 {
		t.Fatal("got no example")
	}
	for _, part := range parts[1:] {
		example, _, _ := strings.Cut(part, "```")
		cfg, warnings, err := Load(write(t, example), nil)
		if err != nil || len(warnings) > 0 || len(cfg.Rules) != 4 {
			t.Errorf("got %v, %v and %d rules of\n%s", err, warnings, len(cfg.Rules), example)
		}
	}
}
