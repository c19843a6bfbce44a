package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/server"
)

// secretsVersion is the version of the facade that the recorded client calls.
const secretsVersion = 2

// secretContent reads key=value words and a file's YAML.
func secretContent(words []string, file string) (server.SecretValue, error) {
	content := server.SecretValue{Data: model.SecretContent{}}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return content, err
		}
		values := map[string]string{}
		if err := yaml.Unmarshal(text, &values); err != nil {
			return content, usage("cannot parse %s: it must be a map of strings", file)
		}
		for key, value := range values {
			if err := model.CheckSecretKey(key); err != nil {
				return content, usageError{err}
			}
			content.Data[key] = base64.StdEncoding.EncodeToString([]byte(value))
		}
	}
	for _, word := range words {
		key, value, err := model.ParseSecretValue(word)
		if err != nil {
			return content, usageError{err}
		}
		content.Data[key] = value
	}
	return content, nil
}

// secretName is a URI, or else a name.
func secretName(text string) (uri, label string) {
	if id, err := model.ParseSecretURI(text); err == nil {
		return "secret:" + id, ""
	}
	return "", text
}

func (a *App) addSecret() *cobra.Command {
	var info, file string
	c := &cobra.Command{
		Use: "add-secret NAME [KEY=VALUE ...]", Short: "Add a secret", Args: atLeast(1, "name"),
		Example: "  jujusim add-secret s3-keys access-key=… secret-key=…\n  jujusim grant-secret s3-keys s3",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) < 2 && file == "" {
				return usage("missing secret value or filename")
			}
			content, err := secretContent(args[1:], file)
			if err != nil {
				return err
			}
			var results server.StringResults
			params := server.CreateSecrets{Args: []server.CreateSecret{{Description: info, Label: args[0], Content: content}}}
			if err := a.call(c.Context(), "Secrets", secretsVersion, "CreateSecrets", params, &results); err != nil {
				return err
			}
			if e := results.Results[0].Error; e != nil {
				return errors.New(e.Message)
			}
			fmt.Fprintln(a.Out, results.Results[0].Result)
			return nil
		},
	}
	c.Flags().StringVar(&info, "info", "", "what the secret is")
	c.Flags().StringVar(&file, "file", "", "a YAML file with keys and values")
	return a.modelFlag(c)
}

func (a *App) updateSecret() *cobra.Command {
	var info, file, name string
	var prune bool
	c := &cobra.Command{
		Use: "update-secret NAME|ID [KEY=VALUE ...]", Short: "Give a secret a new revision, or another description", Args: atLeast(1, "name or ID"),
		RunE: func(c *cobra.Command, args []string) error {
			content, err := secretContent(args[1:], file)
			if err != nil {
				return err
			}
			u := server.UpdateSecret{Description: info, Label: name, Content: content}
			u.URI, u.ExistingLabel = secretName(args[0])
			if c.Flags().Changed("auto-prune") {
				u.AutoPrune = &prune
			}
			return a.secretErrors(c.Context(), "UpdateSecrets", server.UpdateSecrets{Args: []server.UpdateSecret{u}})
		},
	}
	c.Flags().StringVar(&info, "info", "", "what the secret is")
	c.Flags().StringVar(&file, "file", "", "a YAML file with keys and values")
	c.Flags().StringVar(&name, "name", "", "another name")
	c.Flags().BoolVar(&prune, "auto-prune", false, "remove revisions that nobody reads any more")
	return a.modelFlag(c)
}

func (a *App) removeSecret() *cobra.Command {
	var revision int
	c := &cobra.Command{
		Use: "remove-secret NAME|ID", Short: "Remove a secret, or one revision of it", Args: exactly("name or ID"),
		RunE: func(c *cobra.Command, args []string) error {
			var r server.RemoveSecret
			r.URI, r.Label = secretName(args[0])
			if revision > 0 {
				r.Revisions = []int{revision}
			}
			return a.secretErrors(c.Context(), "RemoveSecrets", server.RemoveSecrets{Args: []server.RemoveSecret{r}})
		},
	}
	c.Flags().IntVar(&revision, "revision", 0, "the revision to remove; all, where none is given")
	return a.modelFlag(c)
}

// secretErrors makes a call whose results are errors alone.
func (a *App) secretErrors(ctx context.Context, method string, params any) error {
	var results wire.ErrorResults
	if err := a.call(ctx, "Secrets", secretsVersion, method, params, &results); err != nil {
		return err
	}
	return firstError(results)
}

// grantSecret is grant-secret and revoke-secret.
func (a *App) grantSecret(verb, method, short string) *cobra.Command {
	c := &cobra.Command{
		Use: verb + " NAME|ID APPLICATION[,APPLICATION...]", Short: short, Args: exactly("name or ID", "application"),
		RunE: func(c *cobra.Command, args []string) error {
			params := server.SecretGrants{Applications: strings.Split(args[1], ",")}
			params.URI, params.Label = secretName(args[0])
			var results wire.ErrorResults
			if err := a.call(c.Context(), "Secrets", secretsVersion, method, params, &results); err != nil {
				if refused, ok := errors.AsType[*control.Refusal](err); ok && refused.Code != "" {
					return fmt.Errorf("%w (%s)", err, refused.Code)
				}
				return err
			}
			if err := firstError(results); err != nil {
				return fmt.Errorf("failed to grant/revoke secret: %w", err)
			}
			return nil
		},
	}
	return a.modelFlag(c)
}
