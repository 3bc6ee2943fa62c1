package clips_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"vigil/clips"
)

func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// signed is a record as a recorder stores it.
func signed(t *testing.T) (s *scene, file []byte) {
	t.Helper()
	s = newScene(t)
	s.Key = keyOf(1)
	s.handle(t)
	return s, s.read(t, recordKey)
}

func TestSignedRecord(t *testing.T) {
	s, file := signed(t)
	public := keyOf(1).Public().(ed25519.PublicKey)
	for _, key := range []ed25519.PublicKey{public, nil} {
		proof, err := clips.Verify(file, key)
		if err != nil || proof.Key != clips.PublicKey(public) || proof.Clip.Key != clipKey || !strings.Contains(string(proof.Raw), "unknown") {
			t.Fatalf("got %+v, %v", proof, err)
		}
		if err := proof.VerifyVideo(bytes.NewReader(s.read(t, clipKey))); err != nil {
			t.Error(err)
		}
	}
	if _, err := clips.Verify(append(bytes.Clone(file), '\n'), public); err != nil {
		t.Errorf("with a line feed at the end: %v", err)
	}
	// As the documentation has it: everything in front of the last `,\n  "signature"`.
	at := bytes.LastIndex(file, []byte(",\n  \"signature\""))
	_, rest, _ := strings.Cut(string(file[at:]), `"value": "`)
	value, _, _ := strings.Cut(rest, `"`)
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || !ed25519.Verify(public, file[:at], raw) {
		t.Errorf("the signature is not over what is in front of it: %v", err)
	}
}

func TestTampering(t *testing.T) {
	s, file := signed(t)
	public := keyOf(1).Public().(ed25519.PublicKey)
	text := string(file)
	other := keyOf(2)
	forged, rest, _ := strings.Cut(strings.Replace(text, "unknown", "nothing", 1), ",\n  \"signature\"")
	if rest == "" {
		t.Fatal("no signature")
	}
	forged += ",\n  \"signature\": {\n    \"key\": \"" + clips.PublicKey(other.Public().(ed25519.PublicKey)) + "\",\n    \"value\": \"" +
		base64.StdEncoding.EncodeToString(ed25519.Sign(other, []byte(forged))) + "\"\n  }\n}"
	for name, c := range map[string]struct {
		file string
		want error
	}{
		"decision changed":     {strings.Replace(text, "unknown", "nothing", 1), clips.ErrRecordChanged},
		"sum changed":          {strings.Replace(text, `"sha256": "`, `"sha256": "0`, 1), clips.ErrRecordChanged},
		"laid out anew":        {strings.ReplaceAll(text, "\n", ""), clips.ErrRecordChanged},
		"member added":         {strings.Replace(text, "\n}", ",\n  \"more\": 1\n}", 1), clips.ErrRecordChanged},
		"second clip in front": {strings.Replace(text, "{\n", "{\n  \"clip\": {},\n", 1), clips.ErrRecordChanged},
		"signature changed":    {strings.Replace(text, `"value": "`, `"value": "AA`, 1), clips.ErrRecordChanged},
		"no key":               {strings.Replace(text, `"key": "`+clips.PublicKey(public), `"key": "`, 1), clips.ErrRecordChanged},
		"signed by another":    {forged, clips.ErrOtherKey},
	} {
		if c.file == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := clips.Verify([]byte(c.file), public); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := clips.Verify(file, other.Public().(ed25519.PublicKey)); !errors.Is(err, clips.ErrOtherKey) {
		t.Errorf("asked for another key: got %v", err)
	}
	proof, err := clips.Verify(file, public)
	if err != nil {
		t.Fatal(err)
	}
	video := s.read(t, clipKey)
	video[len(video)/2] ^= 1
	for name, v := range map[string][]byte{"one bit": video, "cut short": video[:len(video)-1], "empty": nil} {
		if err := proof.VerifyVideo(bytes.NewReader(v)); !errors.Is(err, clips.ErrVideoChanged) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := clips.Verify([]byte("no JSON"), nil); err == nil || errors.Is(err, clips.ErrRecordChanged) {
		t.Errorf("not a record: got %v", err)
	}
}

func TestUnsignedRecord(t *testing.T) {
	s := newScene(t)
	s.handle(t)
	if proof, err := clips.Verify(s.read(t, recordKey), nil); !errors.Is(err, clips.ErrUnsigned) || proof.Clip.Key != clipKey {
		t.Errorf("got %+v, %v", proof, err)
	}
}

func TestParsePublicKey(t *testing.T) {
	for _, text := range []string{"", "hush", "AAAA", clips.PublicKey(keyOf(1).Public().(ed25519.PublicKey)) + "AAAA"} {
		if _, err := clips.ParsePublicKey(text); err == nil || !strings.Contains(err.Error(), "want the base64 of 32 bytes") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"alert":{},"clip":{}}`))
	f.Add([]byte("{\n  \"clip\": {},\n  \"signature\": {\n    \"key\": \"\",\n    \"value\": \"\"\n  }\n}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if proof, err := clips.Verify(file, keyOf(1).Public().(ed25519.PublicKey)); err == nil {
			t.Errorf("a record nobody signed is good: %+v", proof)
		}
	})
}
