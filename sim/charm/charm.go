// Package charm reads charms as Juju does: a .charm archive (a zip) or a folder with metadata.yaml, config.yaml, actions.yaml and
// manifest.yaml beside the executable dispatch.
//
// Load reads and checks one, Unpack puts its files where a unit agent runs them. A Charm is immutable after Load.
package charm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Charm is a charm that was read.
type Charm struct {
	// Path is the archive or folder that it came from; empty for a charm made in memory, which cannot be unpacked.
	Path     string
	Metadata Metadata
	Options  map[string]Option
	Actions  map[string]Action
	Bases    []Base
	// SHA256 is the archive's hash in hex, empty for a folder.
	SHA256 string
}

// Metadata is the part of metadata.yaml that a model needs.
type Metadata struct {
	Name        string              `yaml:"name"`
	Summary     string              `yaml:"summary"`
	Description string              `yaml:"description"`
	Subordinate bool                `yaml:"subordinate"`
	Provides    map[string]Endpoint `yaml:"provides"`
	Requires    map[string]Endpoint `yaml:"requires"`
	Peers       map[string]Endpoint `yaml:"peers"`
	Bindings    map[string]any      `yaml:"extra-bindings"`
	Storage     map[string]Store    `yaml:"storage"`
	Resources   map[string]Resource `yaml:"resources"`
}

// Endpoint is one endpoint of a charm.
type Endpoint struct {
	Interface string `yaml:"interface"`
	Scope     string `yaml:"scope"`
	Optional  bool   `yaml:"optional"`
	Limit     int    `yaml:"limit"`
}

// UnmarshalYAML also takes the shorthand of a plain interface name.
func (e *Endpoint) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&e.Interface)
	}
	type plain Endpoint
	return node.Decode((*plain)(e))
}

// Store is one storage declaration.
type Store struct {
	Type     string `yaml:"type"`
	Location string `yaml:"location"`
	Multiple *struct {
		Range string `yaml:"range"`
	} `yaml:"multiple"`
}

// Minimum is the number of instances that a unit cannot do without.
func (s Store) Minimum() int {
	if s.Multiple == nil {
		return 1
	}
	var n int
	if _, err := fmt.Sscanf(s.Multiple.Range, "%d", &n); err != nil {
		return 1
	}
	return n
}

// Resource is one resource declaration.
type Resource struct {
	Type     string `yaml:"type"`
	Filename string `yaml:"filename"`
	// Description is for people.
	Description string `yaml:"description"`
}

// Option is one configuration option.
type Option struct {
	Type        string `yaml:"type"`
	Description string `yaml:"description"`
	// Default has Go's type for Type (string, int64, float64, bool) or is nil.
	Default any `yaml:"default"`
}

// Action is one action of the charm.
type Action struct {
	Description string
	// Schema is the JSON schema of the parameters, an object.
	Schema map[string]any
}

// Base is one base the charm runs on.
type Base struct {
	Name          string   `yaml:"name"`
	Channel       string   `yaml:"channel"`
	Architectures []string `yaml:"architectures"`
}

// Roles of an endpoint.
const (
	Provider = "provider"
	Requirer = "requirer"
	Peer     = "peer"
)

// Endpoint returns an endpoint and its role. Every charm provides juju-info.
func (c *Charm) Endpoint(name string) (Endpoint, string, bool) {
	if e, ok := c.Metadata.Provides[name]; ok {
		return e, Provider, true
	}
	if e, ok := c.Metadata.Requires[name]; ok {
		return e, Requirer, true
	}
	if e, ok := c.Metadata.Peers[name]; ok {
		return e, Peer, true
	}
	if name == "juju-info" {
		return Endpoint{Interface: "juju-info", Scope: "global"}, Provider, true
	}
	return Endpoint{}, "", false
}

// Endpoints returns the names of all endpoints, juju-info included, sorted.
func (c *Charm) Endpoints() []string {
	names := []string{"juju-info"}
	for _, m := range []map[string]Endpoint{c.Metadata.Provides, c.Metadata.Requires, c.Metadata.Peers} {
		for name := range m {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Bindings returns the names that can be bound to a space: the endpoints and the extra bindings, sorted.
func (c *Charm) Bindings() []string {
	names := c.Endpoints()
	for name := range c.Metadata.Bindings {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$`)

func (c *Charm) check() error {
	if !nameRule.MatchString(c.Metadata.Name) {
		return fmt.Errorf("metadata.yaml: invalid charm name %q", c.Metadata.Name)
	}
	seen := map[string]string{}
	for role, m := range map[string]map[string]Endpoint{Provider: c.Metadata.Provides, Requirer: c.Metadata.Requires, Peer: c.Metadata.Peers} {
		for name, e := range m {
			if other, dup := seen[name]; dup {
				return fmt.Errorf("metadata.yaml: endpoint %q is both %s and %s", name, other, role)
			}
			if name == "juju" || strings.HasPrefix(name, "juju-") {
				return fmt.Errorf("metadata.yaml: endpoint name %q is reserved", name)
			}
			if e.Interface == "" {
				return fmt.Errorf("metadata.yaml: endpoint %q has no interface", name)
			}
			seen[name] = role
		}
	}
	for name, o := range c.Options {
		if _, err := o.typed(name); err != nil {
			return fmt.Errorf("config.yaml: %w", err)
		}
	}
	return nil
}
