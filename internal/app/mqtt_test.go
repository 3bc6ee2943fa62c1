//go:build !nocv

package app

import (
	"strings"
	"testing"

	"vigil/alerts/mqtt/mqtttest"
	"vigil/internal/config"
	"vigil/internal/doctor"
	"vigil/internal/web"
)

func TestEventsReachTheBroker(t *testing.T) {
	broker := mqtttest.New(t)
	cfg := onFreePorts(t)
	cfg.MQTT.URL = "mqtt://" + broker.Address
	_, end := begin(t, cfg)
	c := asking(t, cfg)
	first, err := c.TestEndpoint(t.Context(), "mqtt") // nobody is there to take it
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.TestEndpoint(t.Context(), "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	broker.Start()
	seen := broker.Listen()
	for _, id := range []string{first, second} { // in order
		got := seen.Wait("an event", func(m mqtttest.Message) bool { return m.ID != "" })
		if got.Topic != "vigil/test/event" || got.ID != id || !strings.HasPrefix(got.Payload, `{"type":"test"`) {
			t.Errorf("got %+v, want the event %s", got, id)
		}
	}
	eventually(t, func() string {
		found, err := c.Endpoints(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || found[0].ID != "mqtt" || found[0].Host != broker.Address || found[0].State != web.EndpointEnabled ||
			found[0].Taken.IsZero() || found[0].Outstanding != 0 {
			return "the broker is not listed as an endpoint that has taken everything"
		}
		return ""
	})
	if checks, err := Diagnosis(t.Context(), cfg, "", nil); err != nil {
		t.Fatal(err)
	} else {
		for f := range doctor.Run(t.Context(), checks[len(checks)-1:]) {
			if f.Level != doctor.OK || !strings.Contains(f.Text, broker.Address) {
				t.Errorf("doctor: got %+v", f)
			}
		}
	}
	end()
	seen.WaitFor("vigil/status", "offline")
}

func TestCheckOfTheBroker(t *testing.T) {
	for want, m := range map[string]config.MQTT{
		"mqtt.url: want mqtt://":    {URL: "http://broker", Prefix: "vigil"},
		"mqtt.prefix":               {URL: "mqtt://broker"},
		"mqtt.password_file: open ": {URL: "mqtt://broker", Prefix: "vigil", Username: "vigil", PasswordFile: "/nowhere"},
	} {
		cfg := config.Default()
		cfg.MQTT = m
		if err := Check(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
