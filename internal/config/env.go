package config

import (
	"encoding"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

const prefix = "VIGIL_"

// notKeys are variables of ours that are no configuration keys: the command line's and the tests'.
var notKeys = []string{
	"VIGIL_CONFIG", "VIGIL_ROLES", "VIGIL_SERVER", "VIGIL_TOKEN", "VIGIL_FACES_DIR", "VIGIL_VIDEO_DIR", "VIGIL_ONNXRUNTIME",
	"VIGIL_CAMERA_USER", "VIGIL_CAMERA_PASSWORD",
}

// override sets the keys that environ names: VIGIL_HTTP_LISTEN is http.listen, VIGIL_CAMERAS_0_URL the first
// camera's url (the index after the last one adds a camera). NAME_FILE names a file that holds the value.
func override(cfg *Config, environ []string) (warnings []string, err error) {
	vars := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, prefix) && !slices.Contains(notKeys, name) {
			vars[name] = value
		}
	}
	if err := renamePeople(vars); err != nil {
		return nil, err
	}
	if err := overrideStruct(reflect.ValueOf(cfg).Elem(), strings.TrimSuffix(prefix, "_"), vars); err != nil {
		return nil, err
	}
	for name := range vars {
		warnings = append(warnings, fmt.Sprintf("environment variable %s belongs to no configuration key", name))
	}
	slices.Sort(warnings)
	return warnings, nil
}

// renamePeople turns VIGIL_PEOPLE_0_NAME, of the list that people may be, into VIGIL_PEOPLE_KNOWN_0_NAME, of the map.
func renamePeople(vars map[string]string) error {
	const list = prefix + "PEOPLE_"
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		rest, ok := strings.CutPrefix(name, list)
		if !ok || rest == "" || rest[0] < '0' || rest[0] > '9' {
			continue
		}
		full := list + "KNOWN_" + rest
		if _, twice := vars[full]; twice {
			return fmt.Errorf("environment variables %s and %s are both set", name, full)
		}
		vars[full] = vars[name]
		delete(vars, name)
	}
	return nil
}

func overrideStruct(v reflect.Value, name string, vars map[string]string) error {
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if err := overrideField(v.Field(i), name+"_"+strings.ToUpper(key), vars); err != nil {
			return err
		}
	}
	return nil
}

func overrideField(f reflect.Value, name string, vars map[string]string) error {
	switch {
	case f.Kind() == reflect.Struct:
		return overrideStruct(f, name, vars)
	case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
		return overrideList(f, name, vars)
	}
	value, set, err := lookup(name, vars)
	if err != nil || !set {
		return err
	}
	if err := setValue(f, value); err != nil {
		return fmt.Errorf("environment variable %s: %w", name, err)
	}
	return nil
}

func overrideList(f reflect.Value, name string, vars map[string]string) error {
	for i := 0; ; i++ {
		item := name + "_" + strconv.Itoa(i)
		if i >= f.Len() {
			if !anyBeginsWith(vars, item+"_") {
				return nil
			}
			f.Set(reflect.Append(f, reflect.Zero(f.Type().Elem())))
		}
		if err := overrideStruct(f.Index(i), item, vars); err != nil {
			return err
		}
	}
}

// lookup takes NAME or the content of the file that NAME_FILE names out of vars.
func lookup(name string, vars map[string]string) (value string, set bool, err error) {
	file, fromFile := vars[name+"_FILE"]
	value, set = vars[name]
	delete(vars, name)
	delete(vars, name+"_FILE")
	switch {
	case set && fromFile:
		return "", false, fmt.Errorf("environment variables %s and %s_FILE are both set", name, name)
	case fromFile:
		text, err := os.ReadFile(file)
		if err != nil {
			return "", false, fmt.Errorf("environment variable %s_FILE: %w", name, err)
		}
		return strings.TrimRight(string(text), "\r\n"), true, nil
	}
	return value, set, nil
}

func setValue(f reflect.Value, value string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](f.Addr()); ok {
		return u.UnmarshalText([]byte(value))
	}
	switch f.Interface().(type) {
	case string:
		f.SetString(value)
	case bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
		f.SetBool(b)
	case float64:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", value)
		}
		f.SetFloat(n)
	case int:
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", value)
		}
		f.SetInt(int64(n))
	case time.Duration:
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 5s", value)
		}
		f.SetInt(int64(d))
	case []string:
		f.Set(reflect.ValueOf(strings.Split(value, ",")))
	default:
		return fmt.Errorf("cannot set a %s", f.Type())
	}
	return nil
}

func anyBeginsWith(vars map[string]string, prefix string) bool {
	for name := range vars {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
