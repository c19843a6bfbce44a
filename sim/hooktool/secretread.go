package hooktool

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"jujuetcd.io/sim/model"
)

// secretID reads the URI that a command line begins with.
func (f flags) secretID() (string, error) {
	if f.word(0) == "" {
		return "", usage("missing secret URI")
	}
	id, err := model.ParseSecretURI(f.word(0))
	if err != nil {
		return "", usageError{err}
	}
	return id, nil
}

func secretGet(c *Context, f flags) ([]byte, error) {
	label := f.values["label"]
	if f.word(0) == "" && label == "" {
		return nil, usage("require either a secret URI or label")
	}
	if f.set["peek"] && f.set["refresh"] {
		return nil, usage("specify one of --refresh or --peek but not both")
	}
	read := model.SecretRead{Label: label, Peek: f.set["peek"], Refresh: f.set["refresh"]}
	if f.word(0) != "" {
		id, err := f.secretID()
		if err != nil {
			return nil, err
		}
		read.ID = id
	}
	content, err := c.readSecret(read)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for key, encoded := range content {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("secret key value %q is not base64", key)
		}
		values[key] = string(raw)
	}
	asked := f.word(1)
	if asked == "" {
		return f.printBlock(values)
	}
	if key, encoded := strings.CutSuffix(asked, "#base64"); encoded && content[key] != "" {
		return f.print(content[key])
	}
	value, there := values[asked]
	if !there {
		return nil, fmt.Errorf("secret key value %q not found", asked)
	}
	return f.print(value)
}

// readSecret is what the unit sees: this context's own writes, where it asks for what is newest.
func (c *Context) readSecret(read model.SecretRead) (model.SecretContent, error) {
	id := read.ID
	if id == "" {
		if s, there, err := c.owned("", read.Label); err != nil {
			return nil, err
		} else if there {
			id = s.ID
		}
	}
	written, added := c.written(id)
	if added {
		return written, nil
	}
	content, err := c.Model.ReadSecret(c.Unit, read)
	if err != nil || written == nil || !read.Peek && !read.Refresh {
		return content, err
	}
	if read.Refresh {
		c.changes.Secrets = append(c.changes.Secrets, model.SecretWrite{Do: model.SecretTrack, ID: id, Relation: model.NoRelation})
	}
	return written, nil
}

func secretIDs(c *Context, f flags) ([]byte, error) {
	all, err := c.ownSecrets()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return f.print(ids)
}

// secretInfo is what secret-info-get prints of one, with keys in Juju's order.
type secretInfo struct {
	Revision    int            `json:"revision" yaml:"revision"`
	Label       string         `json:"label" yaml:"label"`
	Owner       string         `json:"owner" yaml:"owner"`
	Description string         `json:"description,omitempty" yaml:"description,omitempty"`
	Rotation    string         `json:"rotation,omitempty" yaml:"rotation,omitempty"`
	Access      []secretAccess `json:"access,omitempty" yaml:"access,omitempty"`
}

type secretAccess struct {
	Target string `json:"target" yaml:"target"`
	Scope  string `json:"scope" yaml:"scope"`
	Role   string `json:"role" yaml:"role"`
}

func secretInfoGet(c *Context, f flags) ([]byte, error) {
	id, label := "", f.values["label"]
	if label == "" {
		if f.word(0) == "" {
			return nil, usage("require either a secret URI or label")
		}
		var err error
		if id, err = f.secretID(); err != nil {
			return nil, err
		}
	}
	s, there, err := c.owned(id, label)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("secret %q not found", id+label)
	}
	info := secretInfo{Revision: s.Latest().Number, Label: s.Label, Owner: string(s.Kind), Description: s.Description}
	if _, added := c.written(s.ID); !added {
		info.Rotation = "never"
	}
	for _, a := range s.Access {
		info.Access = append(info.Access, secretAccess{a.Target, a.Scope, "view"})
	}
	return f.printBlock(map[string]secretInfo{s.ID: info})
}

// printBlock prints what has parts as YAML where no form is asked for, indented by two as Juju does.
func (f flags) printBlock(v any) ([]byte, error) {
	if f.values["format"] != "" && f.values["format"] != "smart" {
		return f.print(v)
	}
	var out strings.Builder
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := errors.Join(encoder.Encode(v), encoder.Close()); err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}
