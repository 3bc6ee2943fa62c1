package clips

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"vigil/alerts"
)

// What is wrong with a clip and its record.
var (
	// ErrUnsigned says that a record has no signature: one of before records were signed.
	ErrUnsigned = errors.New("the record is not signed")
	// ErrRecordChanged says that a record is not what was signed.
	ErrRecordChanged = errors.New("the record was changed after it was signed")
	// ErrOtherKey says that a record was signed with another key than the one asked for.
	ErrOtherKey = errors.New("the record was signed with another key")
	// ErrVideoChanged says that a video is not the one that its record tells of.
	ErrVideoChanged = errors.New("the video was changed, or is another one")
)

// signature is the last member of a signed record. It is over the bytes of the file in front of the comma that leads to
// it, so that nothing has to be written anew to check it: the record cannot be laid out otherwise either.
type signature struct {
	Key   string `json:"key"`   // base64 of the Ed25519 public key
	Value string `json:"value"` // base64 of the Ed25519 signature (RFC 8032)
}

// lead stands between what is signed and the signature. JSON strings hold no line feed, and no other member is that far
// to the left, so it is the last of its kind.
const lead = ",\n  \"signature\": "

// PublicKey is a key as people pass it on: base64 of its 32 bytes.
func PublicKey(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// ParsePublicKey reads what PublicKey wrote.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("key %q: want the base64 of %d bytes", text, ed25519.PublicKeySize)
	}
	return key, nil
}

// seal writes a record's file, signed where there is a key.
func seal(r *record, key ed25519.PrivateKey) ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil || key == nil {
		return text, err
	}
	signed := bytes.TrimSuffix(text, []byte("\n}"))
	return stamp(signed, signature{
		Key: PublicKey(key.Public().(ed25519.PublicKey)), Value: base64.StdEncoding.EncodeToString(ed25519.Sign(key, signed)),
	})
}

// stamp adds the signature to what it is over.
func stamp(signed []byte, s signature) ([]byte, error) {
	tail, err := json.MarshalIndent(s, "  ", "  ")
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{signed, []byte(lead), tail, []byte("\n}")}, nil), nil
}

// Proof is what a signed record says.
type Proof struct {
	Key  string          `json:"key"` // that signed it
	Clip alerts.Clip     `json:"clip"`
	Cut  alerts.Time     `json:"cut"`
	Raw  json.RawMessage `json:"alert"` // as raised
}

// Verify says what the record's file is worth: an error that wraps ErrUnsigned, ErrRecordChanged or ErrOtherKey, or one
// that it cannot be read. Without a key, that of the record itself is taken for good; Proof tells it.
func Verify(file []byte, key ed25519.PublicKey) (Proof, error) {
	var read struct {
		record
		Signature *signature `json:"signature"`
	}
	if err := json.Unmarshal(file, &read); err != nil {
		return Proof{}, fmt.Errorf("read record: %w", err)
	}
	proof := Proof{Clip: read.Clip, Cut: read.Cut, Raw: read.Alert}
	if read.Signature == nil {
		return proof, ErrUnsigned
	}
	proof.Key = read.Signature.Key
	file = bytes.TrimRight(file, "\n") // editors add one
	at := bytes.LastIndex(file, []byte(lead))
	value, err := base64.StdEncoding.Strict().DecodeString(read.Signature.Value)
	own, keyErr := ParsePublicKey(proof.Key)
	if at < 0 || err != nil || keyErr != nil {
		return proof, ErrRecordChanged
	}
	again, err := stamp(file[:at], *read.Signature)
	if err != nil || !bytes.Equal(again, file) || !ed25519.Verify(own, file[:at], value) {
		return proof, ErrRecordChanged
	}
	if key != nil && !own.Equal(key) {
		return proof, fmt.Errorf("%w: %s, not %s", ErrOtherKey, proof.Key, PublicKey(key))
	}
	return proof, nil
}

// VerifyVideo says whether the video is the one that the proof tells of: ErrVideoChanged when it is not.
func (p Proof) VerifyVideo(video io.Reader) error {
	hash := sha256.New()
	n, err := io.Copy(hash, video)
	if err != nil {
		return fmt.Errorf("read video: %w", err)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); n != p.Clip.Bytes || sum != p.Clip.SHA256 {
		return fmt.Errorf("%w: it has %d bytes and SHA-256 %s, its record tells of %d and %s", ErrVideoChanged, n, sum, p.Clip.Bytes, p.Clip.SHA256)
	}
	return nil
}
