package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Secret is a signing secret. It cannot be printed. It is "whsec_" and the base64 of 24 to 64 bytes, shared with the
// receiver, or "whsk_" and the base64 of an Ed25519 private key: its seed of 32 bytes, or these and the public key.
type Secret string

const (
	sharedPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
	redacted      = "[secret]"
)

var errSecret = errors.New(`want "whsec_" and the base64 of 24 to 64 bytes, or "whsk_" and the base64 of an Ed25519 key of 32 or 64`)

// String implements fmt.Stringer and tells nothing.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer and tells nothing.
func (Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler and tells nothing.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer and tells nothing.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// PublicKey is what receivers verify the signatures of an Ed25519 key with, "whpk_" and base64. It is empty for a shared
// secret, and for one that is not valid.
func (s Secret) PublicKey() string {
	key, err := s.private()
	if err != nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(key[ed25519.SeedSize:])
}

// sign makes one signature of an attempt.
type sign func(id string, at time.Time, body []byte) string

// signer decodes the secret. Its errors do not quote it.
func (s Secret) signer() (sign, error) {
	if strings.HasPrefix(string(s), privatePrefix) {
		key, err := s.private()
		if err != nil {
			return nil, err
		}
		return func(id string, at time.Time, body []byte) string {
			return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(key, content(id, at, body)))
		}, nil
	}
	key, err := s.decode(sharedPrefix)
	if err != nil {
		return nil, err
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("secret: %w, got %d bytes", errSecret, len(key))
	}
	return func(id string, at time.Time, body []byte) string {
		mac := hmac.New(sha256.New, key)
		mac.Write(content(id, at, body))
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}, nil
}

func (s Secret) private() (ed25519.PrivateKey, error) {
	raw, err := s.decode(privatePrefix)
	if err != nil {
		return nil, err
	}
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("secret: %w, got %d bytes", errSecret, len(raw))
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(raw, key) {
		return nil, errors.New("secret: the public half of the Ed25519 key belongs to another")
	}
	return key, nil
}

func (s Secret) decode(prefix string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(string(s), prefix)
	if !ok {
		return nil, fmt.Errorf(`secret: %w, got no %q`, errSecret, prefix)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("secret: %w, got something that is not base64", errSecret)
	}
	return key, nil
}

// content is what is signed.
func content(id string, at time.Time, body []byte) []byte {
	return append([]byte(id+"."+strconv.FormatInt(at.Unix(), 10)+"."), body...)
}
