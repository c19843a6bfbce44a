package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// shape is what may stand at one place of a policy file. A test holds it against the types of v1alpha1.
type shape struct {
	kind   kind
	fields map[string]shape // of an object
	item   *shape           // of a list, or of a map's values
}

type kind string

const (
	anObject   kind = "an object"
	aMap       kind = "a map of texts"
	aList      kind = "a list"
	aText      kind = "a text"
	aNumber    kind = "a whole number"
	aFlag      kind = "true or false"
	aDuration  kind = "a duration such as 90s or 5m"
	notAPerson kind = "" // written by the controller
)

func object(fields map[string]shape) shape { return shape{kind: anObject, fields: fields} }

var text = shape{kind: aText}

// policyShape is an EtcdCluster as a person writes it.
var policyShape = object(map[string]shape{
	"apiVersion": text,
	"kind":       text,
	"metadata": object(map[string]shape{
		"name": text, "namespace": text,
		"labels": {kind: aMap, item: &text}, "annotations": {kind: aMap, item: &text},
	}),
	"spec": object(map[string]shape{
		"paused":    {kind: aFlag},
		"bootstrap": object(map[string]shape{"grace": {kind: aDuration}}),
		"growth": object(map[string]shape{
			"lagLimit": {kind: aNumber}, "stable": {kind: aDuration}, "stallTimeout": {kind: aDuration},
		}),
		"removal":      object(map[string]shape{"grace": {kind: aDuration}}),
		"certificates": object(map[string]shape{"extraSANs": {kind: aList, item: &text}}),
		"clients":      object(map[string]shape{"ownCertificates": {kind: aFlag}}),
		"snapshots": object(map[string]shape{"schedule": {kind: aText}, "keep": {kind: aNumber}, "drill": {kind: aText}, "drillFrom": text, "beforeRiskySteps": {kind: aFlag}, "encryption": object(map[string]shape{"recipients": {kind: aList, item: &text}}), "store": object(map[string]shape{
			"endpoint": text, "bucket": text, "prefix": text, "region": text, "pathStyle": {kind: aFlag}, "credentials": text,
			"keep": {kind: aNumber}, "encryption": text, "kmsKey": text, "lock": object(map[string]shape{"mode": text, "days": {kind: aNumber}}),
		})}),
		"network": object(map[string]shape{"exposeTo": {kind: aList, item: &text}}),
	}),
	"status": {kind: notAPerson},
})

// walker compares a file with the shape, and finds all faults.
type walker struct {
	file   string
	faults []Fault
}

func (w *walker) fault(node *yaml.Node, format string, args ...any) {
	w.faults = append(w.faults, Fault{File: w.file, Line: node.Line, Column: node.Column, Text: fmt.Sprintf(format, args...)})
}

func (w *walker) value(node *yaml.Node, want shape, path []string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	ok := false
	switch want.kind {
	case anObject, aMap:
		ok = node.Kind == yaml.MappingNode
	case aList:
		ok = node.Kind == yaml.SequenceNode
	case aText:
		ok = node.Tag == "!!str"
	case aNumber:
		ok = node.Tag == "!!int"
	case aFlag:
		ok = node.Tag == "!!bool"
	case aDuration:
		_, err := time.ParseDuration(node.Value)
		ok = node.Kind == yaml.ScalarNode && node.Tag == "!!str" && err == nil
	}
	switch {
	case !ok:
		w.fault(node, "field %q must be %s%s", strings.Join(path, "."), want.kind, seen(node))
	case want.kind == anObject, want.kind == aMap:
		w.object(node, want, path)
	case want.kind == aList:
		for i, item := range node.Content {
			w.value(item, *want.item, append(slices.Clone(path), fmt.Sprint(i)))
		}
	}
}

func (w *walker) object(node *yaml.Node, want shape, path []string) {
	if node.Kind != yaml.MappingNode {
		w.fault(node, "a policy must be an EtcdCluster: an object with apiVersion, kind, metadata and spec")
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := append(slices.Clone(path), key.Value)
		name := strings.Join(at, ".")
		if line, twice := lines[key.Value]; twice {
			w.fault(key, "field %q is in line %d already", name, line)
			continue
		}
		lines[key.Value] = key.Line
		if want.kind == aMap {
			w.value(value, *want.item, at)
			continue
		}
		field, known := want.fields[key.Value]
		switch {
		case !known:
			w.fault(key, "unknown field %q%s", name, meant(key.Value, want.fields))
		case field.kind == notAPerson:
			w.fault(key, "field %q is the controller's: leave it out", name)
		case value.Tag == "!!null":
			// Nothing given: the default.
		default:
			w.value(value, field, at)
		}
	}
}

func seen(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode {
		return ""
	}
	return fmt.Sprintf(", not %q", node.Value)
}

// meant offers the field that was probably meant, or those that there are.
func meant(word string, fields map[string]shape) string {
	names := slices.Sorted(maps.Keys(fields))
	for _, n := range names {
		if strings.EqualFold(n, word) {
			return fmt.Sprintf(": it is written %q", n)
		}
	}
	return ": there are " + strings.Join(slices.DeleteFunc(names, func(n string) bool { return fields[n].kind == notAPerson }), ", ")
}
