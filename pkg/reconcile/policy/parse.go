package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Fault is one thing that is wrong in a file.
type Fault struct {
	File         string
	Line, Column int
	Text         string
}

// String is file:line:column: text.
func (f Fault) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// document is one policy in a file.
type document struct {
	cluster v1alpha1.EtcdCluster
	faults  []Fault
}

// parse reads all policies of a file, and finds everything that is wrong with each.
func parse(file string, text []byte) []document {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var documents []document
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			return append(documents, document{faults: []Fault{syntaxFault(file, err)}})
		}
		if len(node.Content) == 0 || node.Content[0].Tag == "!!null" {
			continue // an empty document, or one of comments only
		}
		documents = append(documents, decode(file, node.Content[0]))
	}
}

var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): `)

func syntaxFault(file string, err error) Fault {
	f := Fault{File: file, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Column, f.Text = 1, strings.TrimPrefix(err.Error(), m[0])
	}
	return f
}

func decode(file string, root *yaml.Node) document {
	w := walker{file: file}
	w.object(root, policyShape, nil)
	d := document{faults: w.faults}
	// What is wrong in one place must not hide what is wrong in another: decode what the shape allows.
	var loose any
	if err := root.Decode(&loose); err != nil {
		if len(d.faults) == 0 {
			d.faults = append(d.faults, syntaxFault(file, err))
		}
		return d
	}
	text, err := json.Marshal(loose)
	if err == nil {
		err = json.Unmarshal(text, &d.cluster)
	}
	if err != nil {
		if len(d.faults) == 0 {
			d.faults = append(d.faults, Fault{File: file, Line: root.Line, Column: root.Column, Text: err.Error()})
		}
		return d
	}
	for _, e := range d.cluster.Validate() {
		d.faults = append(d.faults, w.invalid(root, e))
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return a.Line - b.Line })
	d.cluster.Spec.SetDefaults()
	return d
}

// invalid places a fault of validation at its field, or at the nearest thing around it that is in the file.
func (w *walker) invalid(root *yaml.Node, e *field.Error) Fault {
	node := root
	for _, part := range strings.FieldsFunc(e.Field, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		next := child(node, part)
		if next == nil {
			break
		}
		node = next
	}
	return Fault{File: w.file, Line: node.Line, Column: node.Column, Text: e.Error()}
}

func child(node *yaml.Node, part string) *yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == part {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i < len(node.Content) {
			return node.Content[i]
		}
	}
	return nil
}
