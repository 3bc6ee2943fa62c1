package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var (
	reference = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	inline    = regexp.MustCompile(`(?i)<script>|<style>|\sstyle="|\son[a-z]+="|javascript:`)
)

// TestPageNeedsNothingFromElsewhere keeps the page working under the content security policy, which allows no inline
// code and nothing from other hosts.
func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	page, err := fs.ReadFile(Files(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	found := reference.FindAllStringSubmatch(string(page), -1)
	if len(found) < 3 {
		t.Fatalf("got %v, want script, style and icon", found)
	}
	for _, f := range found {
		if name, ours := strings.CutPrefix(f[1], "/assets/"); !ours {
			t.Errorf("the page refers to %s, which is not one of its files", f[1])
		} else if _, err := fs.Stat(Files(), "assets/"+name); err != nil {
			t.Errorf("the page refers to %s: %v", f[1], err)
		}
	}
	if found := inline.FindString(string(page)); found != "" {
		t.Errorf("the page has inline code: %q", found)
	}
}
