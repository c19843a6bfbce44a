package charm

import (
	"fmt"
	"strconv"
)

// Types of options; secret values are URIs.
const (
	String  = "string"
	Int     = "int"
	Float   = "float"
	Boolean = "boolean"
	Secret  = "secret"
)

// Parse turns text into the option's Go type: string, int64, float64 or bool.
func (o Option) Parse(name, text string) (any, error) {
	var v any
	var err error
	switch o.Type {
	case String, Secret, "":
		return text, nil
	case Int:
		v, err = strconv.ParseInt(text, 10, 64)
	case Float:
		v, err = strconv.ParseFloat(text, 64)
	case Boolean:
		v, err = strconv.ParseBool(text)
	default:
		return nil, fmt.Errorf("option %q has unknown type %q", name, o.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("option %q expected %s, got %q", name, o.Type, text)
	}
	return v, nil
}

// typed gives the default the option's Go type.
func (o Option) typed(name string) (Option, error) {
	if o.Type == "" {
		o.Type = String
	}
	if o.Default == nil {
		_, err := o.Parse(name, "0")
		return o, err
	}
	if s, ok := o.Default.(string); ok && s == "" && o.Type != String {
		o.Default = nil // As Juju reads an empty default of another type.
		return o, nil
	}
	v, err := o.Parse(name, fmt.Sprint(o.Default))
	if err != nil {
		return o, err
	}
	o.Default = v
	return o, nil
}
