package doctor

import (
	"context"

	"vigil/alerts/mqtt"
)

// Broker looks whether the MQTT broker takes us. Nothing is published.
func Broker(ctx context.Context, cfg mqtt.Config) Finding {
	address, err := cfg.Address()
	if err != nil {
		return problem("see `vigil config schema`", "mqtt: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := mqtt.Probe(ctx, cfg); err != nil {
		return warning("start the broker, or mend the keys under mqtt; until then events wait for four days", "mqtt: broker %s: %v", address, err)
	}
	return ok("mqtt: broker %s takes us", address)
}
