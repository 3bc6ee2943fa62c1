package objectd

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// keys is the file in which made-up credentials are kept, readable to this user only.
type keys struct {
	Access string `json:"access_key"`
	Secret string `json:"secret_key"`
}

// fillKeys takes the credentials that were given, else those of an earlier start, else makes some.
func (c *Config) fillKeys() error {
	if (c.AccessKey == "") != (c.SecretKey == "") {
		return errors.New("an access key without a secret key, or the other way round")
	}
	if c.AccessKey != "" {
		return nil
	}
	path := filepath.Join(c.Dir, "keys.json")
	found, err := readKeys(path)
	if errors.Is(err, os.ErrNotExist) {
		found = keys{Access: "vigil-" + rand.Text()[:10], Secret: rand.Text() + rand.Text()}
		err = writeKeys(path, found)
	}
	c.AccessKey, c.SecretKey = found.Access, Secret(found.Secret)
	return err
}

func readKeys(path string) (keys, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return keys{}, err
	}
	var k keys
	if err := json.Unmarshal(b, &k); err != nil {
		return keys{}, fmt.Errorf("%s: %w", path, err)
	}
	if k.Access == "" || k.Secret == "" {
		return keys{}, fmt.Errorf("%s: a key is missing", path)
	}
	return k, nil
}

// writeKeys writes all or nothing: without its keys an object store that holds objects cannot be opened.
func writeKeys(path string, k keys) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "keys.*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
