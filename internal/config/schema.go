package config

import (
	"reflect"
	"strings"
	"time"
)

// Schema returns the configuration as JSON Schema (draft 2020-12), with defaults and descriptions, for editors.
func Schema() map[string]any {
	schema := schemaOf(reflect.ValueOf(Default()))
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Vigil configuration"
	return schema
}

func schemaOf(v reflect.Value) map[string]any {
	properties := map[string]any{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		property := schemaOfField(v.Field(i))
		property["description"] = field.Tag.Get("doc")
		if enum := field.Tag.Get("enum"); enum != "" {
			values := strings.Split(enum, ",")
			property["enum"] = values
			if property["default"] == "" { // of an item in a list
				property["default"] = values[0]
			}
		}
		properties[key] = property
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func schemaOfField(f reflect.Value) map[string]any {
	switch value := f.Interface().(type) {
	case time.Duration:
		return map[string]any{"type": "string", "default": value.String()}
	case Age:
		return map[string]any{"type": []string{"string", "integer"}, "default": value.String()}
	case Size:
		return map[string]any{"type": []string{"string", "integer"}, "default": value.String()}
	case bool:
		return map[string]any{"type": "boolean", "default": value}
	case People:
		known := map[string]any{"type": "array", "items": schemaOf(reflect.ValueOf(Person{}))}
		return map[string]any{"anyOf": []any{schemaOf(f), known}}
	case float64:
		return map[string]any{"type": "number", "default": value}
	case int:
		return map[string]any{"type": "integer", "default": value}
	case [][]float64:
		pair := map[string]any{"type": "array", "items": map[string]any{"type": "number"}, "minItems": 2, "maxItems": 2}
		return map[string]any{"type": "array", "items": pair}
	case []string:
		return map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	}
	switch f.Kind() {
	case reflect.Struct:
		return schemaOf(f)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(reflect.Zero(f.Type().Elem()))}
	default:
		return map[string]any{"type": "string", "default": f.String()}
	}
}
