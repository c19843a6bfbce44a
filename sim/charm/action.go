package charm

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// newAction makes the JSON schema that Juju makes of an entry in actions.yaml.
func newAction(name string, spec map[string]any) Action {
	description, _ := spec["description"].(string)
	if description == "" {
		description = "No description"
	}
	properties := map[string]any{}
	if p, ok := spec["params"].(map[string]any); ok {
		properties = p
	}
	schema := map[string]any{
		"title":                name,
		"description":          description,
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
	}
	for _, key := range []string{"additionalProperties", "required"} {
		if v, ok := spec[key]; ok {
			schema[key] = v
		}
	}
	return Action{Description: description, Schema: schema}
}

// Check says whether the parameters fit the schema, in Juju's words. It looks at required and additional properties, types and enums.
func (a Action) Check(params map[string]any) error {
	given, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("validation failed: %w", err)
	}
	if params == nil {
		given = []byte("{}")
	}
	properties, _ := a.Schema["properties"].(map[string]any)
	required, _ := a.Schema["required"].([]any)
	for _, key := range required {
		if _, ok := params[fmt.Sprint(key)]; !ok {
			return fmt.Errorf("validation failed: (root) : %q property is missing and required, given %s", key, given)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		property, known := properties[name].(map[string]any)
		if !known {
			if open, _ := a.Schema["additionalProperties"].(bool); !open {
				return fmt.Errorf("validation failed: (root) : additional property %q is not allowed, given %s", name, given)
			}
			continue
		}
		if err := checkProperty(name, property, params[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkProperty(name string, property map[string]any, value any) error {
	given, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("validation failed: %w", err)
	}
	var kinds []string
	switch kind := property["type"].(type) {
	case string:
		kinds = []string{kind}
	case []any: // any of them
		for _, k := range kind {
			kinds = append(kinds, fmt.Sprint(k))
		}
	}
	if len(kinds) > 0 && !slices.ContainsFunc(kinds, func(kind string) bool { return isOf(kind, value) }) {
		return fmt.Errorf("validation failed: (root).%s : must be of type %s, given %s", name, strings.Join(kinds, ","), given)
	}
	if enum, ok := property["enum"].([]any); ok {
		if !slices.ContainsFunc(enum, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(value) }) {
			return fmt.Errorf("validation failed: (root).%s : must match one of the enum values %v, given %s", name, enum, given)
		}
	}
	return nil
}

func isOf(kind string, value any) bool {
	switch v := value.(type) {
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && v == math.Trunc(v)
	case int, int64:
		return kind == "number" || kind == "integer"
	case map[string]any:
		return kind == "object"
	case []any:
		return kind == "array"
	case nil:
		return kind == "null"
	}
	return false
}

// WithDefaults returns the parameters with the schema's defaults filled in.
func (a Action) WithDefaults(params map[string]any) map[string]any {
	filled := map[string]any{}
	properties, _ := a.Schema["properties"].(map[string]any)
	for name, p := range properties {
		if property, ok := p.(map[string]any); ok && property["default"] != nil {
			filled[name] = property["default"]
		}
	}
	maps.Copy(filled, params)
	return filled
}
