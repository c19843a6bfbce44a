package etcdconf

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// CheckFile says all that a version would not understand in a configuration file: keys that it does not know, which etcd
// ignores in silence, and values of another type, such as durations, which are numbers.
func CheckFile(file []byte, v Version) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(file, &doc); err != nil {
		return fmt.Errorf("cannot read etcd's configuration: %w", err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return errors.New("cannot read etcd's configuration: it is not a map")
	}
	var faults []error
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("etcd.conf.yml:%d: "+format, append([]any{name.Line}, args...)...))
		}
		k, known := keyNamed(name.Value)
		switch {
		case !known:
			fault("key %q is not one that we write", name.Value)
		case !k.in(v):
			fault("etcd %s does not know key %q", v, name.Value)
		case !k.kind.fits(value):
			fault("%s must be %s", name.Value, k.kind)
		case k.kind == security:
			for j := 0; j+1 < len(value.Content); j += 2 {
				inner := value.Content[j]
				if kind, known := securityKeys[inner.Value]; !known || !kind.fits(value.Content[j+1]) {
					fault("%s.%s is not known, or of another type", name.Value, inner.Value)
				}
			}
		}
	}
	return errors.Join(faults...)
}

func (k kind) fits(n *yaml.Node) bool {
	switch k {
	case text, commaList:
		return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str"
	case number:
		return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int"
	case flag:
		return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool"
	case list:
		return n.Kind == yaml.SequenceNode
	case security:
		return n.Kind == yaml.MappingNode
	}
	return false
}
