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
	elementID = regexp.MustCompile(`\$\("([a-z-]+)"\)`)
)

// TestPageNeedsNothingFromElsewhere keeps the page working under the content security policy, which allows no inline
// code and nothing from other hosts.
func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	page, err := fs.ReadFile(Files, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range reference.FindAllStringSubmatch(string(page), -1) {
		name, ours := strings.CutPrefix(found[1], "/assets/")
		if !ours {
			t.Errorf("the page refers to %s, which is not one of its files", found[1])
		} else if _, err := fs.Stat(Files, name); err != nil {
			t.Errorf("the page refers to %s: %v", found[1], err)
		}
	}
	if found := inline.FindString(string(page)); found != "" {
		t.Errorf("the page has inline code: %q", found)
	}
}

// TestScriptFindsItsElements holds the script to the page's ids.
func TestScriptFindsItsElements(t *testing.T) {
	page, err := fs.ReadFile(Files, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	script, err := fs.ReadFile(Files, "app.js")
	if err != nil {
		t.Fatal(err)
	}
	found := elementID.FindAllStringSubmatch(string(script), -1)
	if len(found) == 0 {
		t.Fatal("the script looks for no element: is the expression right?")
	}
	for _, id := range found {
		if !strings.Contains(string(page), `id="`+id[1]+`"`) {
			t.Errorf("the script looks for %q, which the page lacks", id[1])
		}
	}
	if strings.Contains(string(script), "innerHTML") {
		t.Error("the script uses innerHTML: names of cameras and people must stay text")
	}
}
