package doctor

import (
	"strings"
	"testing"

	"vigil/alerts/mqtt"
	"vigil/alerts/mqtt/mqtttest"
)

func TestBroker(t *testing.T) {
	broker := mqtttest.New(t, "allow_anonymous false")
	cfg := mqtt.Config{URL: "mqtt://" + broker.Address, Prefix: "vigil"}
	if f := Broker(t.Context(), cfg); f.Level != Warning || !strings.Contains(f.Text, "refused") {
		t.Errorf("nobody there: got %+v", f)
	}
	broker.Start()
	if f := Broker(t.Context(), cfg); f.Level != Warning || !strings.Contains(f.Text, "not authorized: set mqtt.username") {
		t.Errorf("without a user: got %+v", f)
	}
}
