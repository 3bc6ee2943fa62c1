package doctor

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The embedded store leaves two of its server's goroutines behind.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// want checks a finding's level, and that it names all of texts.
func (f Finding) want(t *testing.T, level Level, texts ...string) {
	t.Helper()
	if f.Level != level || (level != OK && f.Do == "") {
		t.Errorf("got %+v, want %s and what to do", f, level)
	}
	for _, text := range texts {
		if !strings.Contains(f.Text+" "+f.Do, text) {
			t.Errorf("got %q, do %q, want %q in it", f.Text, f.Do, text)
		}
	}
}

func only(t *testing.T, all []Finding) Finding {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("got %+v, want one finding", all)
	}
	return all[0]
}

func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	look := func(f Finding) func(context.Context) []Finding {
		return func(context.Context) []Finding { return []Finding{f} }
	}
	checks := []Check{
		{"a", look(ok("fine"))},
		{"b", func(context.Context) []Finding { cancel(); return []Finding{ok("fine"), problem("mend", "broken")} }},
		{"c", look(ok("too late"))},
	}
	var got []string
	for f := range Run(ctx, checks) {
		got = append(got, f.Check+" "+string(f.Level))
	}
	if text := strings.Join(got, ", "); text != "a ok, b ok, b problem" {
		t.Errorf("got %s", text)
	}
}

func TestSizes(t *testing.T) {
	for bytes, want := range map[int64]string{5 << 20: "5 MiB", 3 << 29: "1.5 GiB", 70 << 30: "70 GiB"} {
		if got := size(bytes); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
