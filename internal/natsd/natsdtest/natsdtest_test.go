package natsdtest_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

func TestClientsComeBackAfterARestart(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{MaxStore: 1 << 30})
	js, err := jetstream.New(b.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	b.Stop()
	b.SetMaxStore(1 << 20)
	b.Start(t)
	if got := b.MaxStore(); got != 1<<20 {
		t.Errorf("got a store of %d bytes, want 1 MiB", got)
	}
	if _, err := js.Stream(t.Context(), "S"); err != nil {
		t.Error(err)
	}
}
