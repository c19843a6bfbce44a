package hooktool

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"jujuetcd.io/sim/model"
)

// Flags of secrets. Those that jujusim has no clock for are read to be refused.
var (
	secretFlags  = []string{"label", "description", "owner", "expire", "rotate", "file"}
	secretClocks = []string{"expire", "rotate"}
)

func (f flags) noClocks() error {
	for _, name := range secretClocks {
		if f.values[name] != "" && f.values[name] != "never" {
			return fmt.Errorf("jujusim does not serve --%s of secrets", name)
		}
	}
	return nil
}

// content reads key=value words, and a file's YAML.
func (f flags) content(words []string) (model.SecretContent, error) {
	content := model.SecretContent{}
	if f.values["file"] != "" {
		pairs, err := f.pairs(nil)
		if err != nil {
			return nil, err
		}
		for key, value := range pairs {
			if err := model.CheckSecretKey(key); err != nil {
				return nil, usageError{err}
			}
			content[key] = base64.StdEncoding.EncodeToString([]byte(value))
		}
	}
	for _, word := range words {
		key, value, err := model.ParseSecretValue(word)
		if err != nil {
			return nil, usageError{err}
		}
		content[key] = value
	}
	return content, nil
}

func secretAdd(c *Context, f flags) ([]byte, error) {
	if len(f.words) == 0 && f.values["file"] == "" {
		return nil, usage("missing secret value or filename")
	}
	if err := f.noClocks(); err != nil {
		return nil, err
	}
	content, err := f.content(f.words)
	if err != nil {
		return nil, err
	}
	w := model.SecretWrite{Do: model.SecretAdd, ID: model.NewSecretID(), Kind: model.OwnedByApplication, Relation: model.NoRelation,
		Update: model.SecretUpdate{Content: content, Label: f.values["label"], Description: f.values["description"]}}
	switch f.values["owner"] {
	case "", "application":
		if !c.view().IsLeader() {
			return nil, errors.New("this unit is not the leader")
		}
	case "unit":
		w.Kind = model.OwnedByUnit
	default:
		return nil, usage("secret owner %q not valid", f.values["owner"])
	}
	if label := f.values["label"]; label != "" {
		if _, there, err := c.owned("", label); err != nil {
			return nil, err
		} else if there {
			return nil, fmt.Errorf("secret with label %q already exists", label)
		}
	}
	c.changes.Secrets = append(c.changes.Secrets, w)
	return []byte(c.uri(w.ID) + "\n"), nil
}

// uri is how a new secret is named to the charm that made it.
func (c *Context) uri(id string) string {
	if c.Model.Profile().LongSecretURIs {
		return "secret://" + c.Model.UUID + "/" + id
	}
	return "secret:" + id
}

// owned finds a secret that the unit may change, by id or label; one that this context makes is among them.
func (c *Context) owned(id, label string) (model.Secret, bool, error) {
	all, err := c.ownSecrets()
	i := slices.IndexFunc(all, func(s model.Secret) bool { return id != "" && s.ID == id || id == "" && s.Label == label })
	if err != nil || i < 0 {
		return model.Secret{}, false, err
	}
	return all[i], true, nil
}

// ownSecrets are those that the unit may change, this context's new ones first.
func (c *Context) ownSecrets() ([]model.Secret, error) {
	var all []model.Secret
	for _, w := range c.changes.Secrets {
		if w.Do == model.SecretAdd {
			all = append(all, model.Secret{ID: w.ID, Kind: w.Kind, Label: w.Update.Label, Description: w.Update.Description,
				Revisions: []model.SecretRevision{{Number: 1, Content: w.Update.Content}}})
		}
	}
	own, err := c.view().OwnSecrets()
	return append(all, own...), err
}

// written is what this context has last written into a secret, and nothing if it has not.
func (c *Context) written(id string) (content model.SecretContent, added bool) {
	for _, w := range c.changes.Secrets {
		if w.ID == id && len(w.Update.Content) > 0 {
			content = w.Update.Content
		}
		added = added || w.ID == id && w.Do == model.SecretAdd
	}
	return content, added
}

func secretSet(c *Context, f flags) ([]byte, error) {
	id, err := f.secretID()
	if err != nil {
		return nil, err
	}
	if err := f.noClocks(); err != nil {
		return nil, err
	}
	content, err := f.content(f.words[1:])
	if err != nil {
		return nil, err
	}
	c.changes.Secrets = append(c.changes.Secrets, model.SecretWrite{Do: model.SecretSet, ID: id, Relation: model.NoRelation,
		Update: model.SecretUpdate{Content: content, Label: f.values["label"], Description: f.values["description"]}})
	return nil, nil
}

func secretGrant(c *Context, f flags) ([]byte, error) {
	id, err := f.secretID()
	if err != nil {
		return nil, err
	}
	if f.values["relation"] == "" {
		return nil, usage("missing relation id")
	}
	relation, err := c.relation(f)
	if err != nil {
		return nil, err
	}
	if err := c.view().GrantRelation(relation); err != nil {
		return nil, err
	}
	if _, there, err := c.owned(id, ""); err != nil {
		return nil, err
	} else if !there {
		return nil, fmt.Errorf("secret %q not found", id)
	}
	c.changes.Secrets = append(c.changes.Secrets, model.SecretWrite{Do: model.SecretGrant, ID: id, Relation: relation, Target: f.values["unit"]})
	return nil, nil
}

func secretRevoke(c *Context, f flags) ([]byte, error) {
	id, err := f.secretID()
	if err != nil {
		return nil, err
	}
	w := model.SecretWrite{Do: model.SecretRevoke, ID: id, Relation: model.NoRelation, Target: f.values["app"] + f.values["application"] + f.values["unit"]}
	if f.values["relation"] != "" {
		if w.Relation, err = c.relation(f); err != nil {
			return nil, err
		}
	} else if w.Target == "" {
		return nil, usage("missing relation or application or unit")
	}
	c.changes.Secrets = append(c.changes.Secrets, w)
	return nil, nil
}

func secretRemove(c *Context, f flags) ([]byte, error) {
	id, err := f.secretID()
	if err != nil {
		return nil, err
	}
	w := model.SecretWrite{Do: model.SecretRemove, ID: id, Relation: model.NoRelation}
	if text := f.values["revision"]; text != "" {
		if w.Revision, err = strconv.Atoi(text); err != nil || w.Revision < 1 {
			return nil, usage("revision must be a positive integer")
		}
	}
	c.changes.Secrets = append(c.changes.Secrets, w)
	return nil, nil
}
