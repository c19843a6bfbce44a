package hooktool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// print writes a value in the format that was asked for.
func (f flags) print(v any) ([]byte, error) {
	switch format := f.values["format"]; format {
	case "json":
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		err := enc.Encode(v)
		return out.Bytes(), err
	case "yaml":
		return yaml.Marshal(v)
	case "", "smart":
		return smart(v)
	default:
		return nil, usage("invalid value %q for option --format: unknown format %q", format, format)
	}
}

// smart prints scalars bare, lists of strings line by line, and all else as YAML.
func smart(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v + "\n"), nil
	case bool:
		word := "False"
		if v {
			word = "True"
		}
		return []byte(word + "\n"), nil
	case []string:
		if len(v) == 0 {
			return nil, nil
		}
		return []byte(strings.Join(v, "\n") + "\n"), nil
	case int, int64, float64:
		return fmt.Appendln(nil, v), nil
	}
	return yaml.Marshal(v)
}
