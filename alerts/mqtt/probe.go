package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// Probe connects once, as a client of another name, and says why the broker does not take it. Nothing is published.
func Probe(ctx context.Context, cfg Config) error {
	address, err := cfg.Address()
	if err != nil {
		return err
	}
	secure, err := cfg.TLS()
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if secure != nil {
		encrypted := tls.Client(conn, secure)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = packets.NewThreadSafeConn(encrypted)
	}
	client := paho.NewClient(paho.ClientConfig{Conn: conn})
	answer, err := client.Connect(ctx, &paho.Connect{
		ClientID: names{prefix: cfg.Prefix}.object() + "-probe", CleanStart: true, KeepAlive: keepAlive,
		Username: cfg.Username, UsernameFlag: cfg.Username != "", Password: []byte(cfg.Password), PasswordFlag: cfg.Password != "",
	})
	if answer != nil && answer.ReasonCode != 0 {
		return fmt.Errorf("refused with reason code 0x%02X %s", answer.ReasonCode, reasonOf(answer.ReasonCode))
	}
	if err != nil {
		return err
	}
	return client.Disconnect(&paho.Disconnect{})
}

// reasonOf is what a refusal means (MQTT 5.0, 3.2.2.2); empty for one that says nothing to an owner.
func reasonOf(code byte) string {
	return map[byte]string{
		packets.ConnackUnsupportedProtocolVersion: "the broker does not speak MQTT 5",
		packets.ConnackInvalidClientID:            "the broker does not take the client's name, which follows from mqtt.prefix",
		packets.ConnackBadUsernameOrPassword:      "wrong mqtt.username or password",
		packets.ConnackNotAuthorized:              "not authorized: set mqtt.username and mqtt.password",
		packets.ConnackBanned:                     "the broker has banned this client",
	}[code]
}
