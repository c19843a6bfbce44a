package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/server"
)

// secretData is what juju shows of a secret.
type secretData struct {
	Revision    int               `json:"revision" yaml:"revision"`
	Checksum    string            `json:"checksum,omitempty" yaml:"checksum,omitempty"`
	Rotation    string            `json:"rotation,omitempty" yaml:"rotation,omitempty"`
	Owner       string            `json:"owner,omitempty" yaml:"owner,omitempty"`
	Description string            `json:"description,omitempty" yaml:"description,omitempty"`
	Name        string            `json:"name,omitempty" yaml:"name,omitempty"`
	Label       string            `json:"label,omitempty" yaml:"label,omitempty"`
	Created     time.Time         `json:"created" yaml:"created"`
	Updated     time.Time         `json:"updated" yaml:"updated"`
	Content     map[string]string `json:"content,omitempty" yaml:"content,omitempty"`
	Revisions   []revisionData    `json:"revisions,omitempty" yaml:"revisions,omitempty"`
	Access      []accessData      `json:"access,omitempty" yaml:"access,omitempty"`
}

type revisionData struct {
	Revision int       `json:"revision" yaml:"revision"`
	Backend  string    `json:"backend" yaml:"backend"`
	Created  time.Time `json:"created" yaml:"created"`
	Updated  time.Time `json:"updated" yaml:"updated"`
}

type accessData struct {
	Target string `json:"target" yaml:"target"`
	Scope  string `json:"scope" yaml:"scope"`
	Role   string `json:"role" yaml:"role"`
}

// secretOwner is an owner's name; users' secrets are the model's.
func secretOwner(tag string) string {
	if name, ok := wire.UnitName(tag); ok {
		return name
	}
	if name, ok := wire.ID(tag, "application"); ok {
		return name
	}
	return "<model>"
}

func secretID(s server.Secret) string { return strings.TrimPrefix(s.URI, "secret:") }

// shownSecret is without what has to be asked for.
func shownSecret(s server.Secret) secretData {
	d := secretData{
		Revision: s.LatestRevision, Rotation: s.RotatePolicy, Owner: secretOwner(s.OwnerTag), Description: s.Description,
		Created: s.CreateTime, Updated: s.UpdateTime,
	}
	if d.Owner == "<model>" {
		d.Name = s.Label
	} else {
		d.Label = s.Label
	}
	return d
}

func (a *App) listSecrets() *cobra.Command {
	var format, owner string
	c := &cobra.Command{
		Use: "secrets", Aliases: []string{"list-secrets"}, Short: "List secrets", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			var found server.SecretsResults
			params := server.ListSecrets{Filter: server.SecretsFilter{OwnerTag: owner}}
			if err := a.call(c.Context(), "Secrets", secretsVersion, "ListSecrets", params, &found); err != nil {
				return err
			}
			if format != "tabular" {
				all := map[string]secretData{}
				for _, s := range found.Results {
					all[secretID(s)] = shownSecret(s)
				}
				return a.printSecrets(format, all)
			}
			if len(found.Results) == 0 {
				return nil
			}
			t := newTable("ID", "Name", "Owner", "Rotation", "Revision", "Last updated")
			t.right["Revision"] = true
			for _, s := range found.Results {
				d := shownSecret(s)
				name := d.Name
				if name == "" {
					name = "-"
				}
				t.add(secretID(s), name, d.Owner, d.Rotation, strconv.Itoa(d.Revision), ago(d.Updated, time.Now()))
			}
			fmt.Fprint(a.Out, t)
			return nil
		},
	}
	c.Flags().StringVar(&owner, "owner", "", "only those of this owner, as a tag")
	formatFlag(c, &format, "tabular", "tabular", "yaml", "json")
	return a.modelFlag(c)
}

// ago is a time in juju's words: a date, where it is longer ago than a day.
func ago(at, now time.Time) string {
	since := now.Sub(at)
	switch {
	case since >= 24*time.Hour:
		return at.Format(time.DateOnly)
	case since >= time.Hour:
		return plural(int(since.Hours()), "hour") + " ago"
	case since >= time.Minute:
		return plural(int(since.Minutes()), "minute") + " ago"
	case since >= 2*time.Second:
		return plural(int(since.Seconds()), "second") + " ago"
	}
	return "just now"
}

func (a *App) showSecret() *cobra.Command {
	var format string
	var reveal, revisions bool
	var revision int
	c := &cobra.Command{
		Use: "show-secret NAME|ID", Short: "Show a secret, and with --reveal what is in it", Args: exactly("name or ID"),
		RunE: func(c *cobra.Command, args []string) error {
			if revisions && (reveal || revision > 0) {
				return usage("specify either --revisions or --reveal or --revision")
			}
			params := server.ListSecrets{ShowSecrets: reveal}
			params.Filter.URI, params.Filter.Label = secretName(args[0])
			if revision > 0 {
				params.Filter.Revision = &revision
			}
			var found server.SecretsResults
			if err := a.call(c.Context(), "Secrets", secretsVersion, "ListSecrets", params, &found); err != nil {
				return err
			}
			if len(found.Results) == 0 {
				return fmt.Errorf("secret %q not found", args[0])
			}
			all := map[string]secretData{}
			for _, s := range found.Results {
				d, err := secretDetails(s, revisions)
				if err != nil {
					return err
				}
				all[secretID(s)] = d
			}
			return a.printSecrets(format, all)
		},
	}
	c.Flags().BoolVar(&reveal, "reveal", false, "show the values, too")
	c.Flags().BoolVar(&revisions, "revisions", false, "show all revisions")
	c.Flags().IntVar(&revision, "revision", 0, "the revision to show")
	formatFlag(c, &format, "yaml", "yaml", "json")
	return a.modelFlag(c)
}

func secretDetails(s server.Secret, revisions bool) (secretData, error) {
	d := shownSecret(s)
	if s.Value != nil {
		d.Checksum, d.Content = s.LatestChecksum, map[string]string{}
		for key, encoded := range s.Value.Data {
			value, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return d, fmt.Errorf("secret key value %q is not base64", key)
			}
			d.Content[key] = string(value)
		}
	}
	if revisions {
		for _, r := range s.Revisions {
			d.Revisions = append(d.Revisions, revisionData{r.Revision, r.BackendName, r.CreateTime, r.UpdateTime})
		}
	}
	for _, access := range s.Access {
		d.Access = append(d.Access, accessData{access.TargetTag, access.ScopeTag, access.Role})
	}
	return d, nil
}

// printSecrets writes times without quotes, as juju does.
func (a *App) printSecrets(format string, all map[string]secretData) error {
	if format == "json" {
		return a.print(format, all)
	}
	out := yaml.NewEncoder(a.Out)
	out.SetIndent(2)
	out.CompactSeqIndent()
	return errors.Join(out.Encode(all), out.Close())
}
