package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/server"
)

func (a *App) config() *cobra.Command {
	var format, reset string
	c := &cobra.Command{
		Use: "config APPLICATION [KEY | KEY=VALUE ...]", Short: "Show or set an application's options",
		Example: "  jujusim config etcd\n  jujusim config etcd channel\n  jujusim config etcd channel=3.6/stable port=2379\n  jujusim config etcd --reset port",
		Args:    atLeast(1, "application"), ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			application, rest := args[0], args[1:]
			switch {
			case reset != "":
				return a.resetConfig(c.Context(), application, strings.Split(reset, ","))
			case len(rest) > 0 && strings.Contains(rest[0], "="):
				return a.setConfig(c.Context(), application, rest)
			case len(rest) > 1:
				return usage("config: ask for one option at a time")
			}
			return a.showConfig(c.Context(), application, rest, format)
		},
	}
	formatFlag(c, &format, "yaml", "yaml", "json")
	c.Flags().StringVar(&reset, "reset", "", "options to reset to their defaults, separated by commas")
	return a.modelFlag(c)
}

func (a *App) setConfig(ctx context.Context, application string, pairs []string) error {
	values, err := keyValues(pairs)
	if err != nil {
		return err
	}
	params := wire.ConfigSetArgs{Args: []wire.ConfigSet{{Application: application, Config: values}}}
	return a.one(ctx, "SetConfigs", params)
}

func (a *App) resetConfig(ctx context.Context, application string, options []string) error {
	return a.one(ctx, "UnsetApplicationsConfig", server.UnsetArgs{Args: []server.Unset{{Application: application, Options: options}}})
}

// configData is what juju config shows.
type configData struct {
	Application string                       `json:"application"`
	Settings    map[string]wire.ConfigOption `json:"application-config,omitempty"`
	Charm       string                       `json:"charm"`
	Options     map[string]wire.ConfigOption `json:"settings"`
}

func (a *App) showConfig(ctx context.Context, application string, keys []string, format string) error {
	var got wire.ApplicationGetResults
	if err := a.call(ctx, "Application", 19, "Get", wire.ApplicationGet{Application: application}, &got); err != nil {
		return err
	}
	if len(keys) == 0 {
		return a.print(format, configData{got.Application, got.ApplicationConfig, got.CharmName, got.Config})
	}
	option, ok := got.Config[keys[0]]
	if !ok {
		return fmt.Errorf("key %q not found in %q application config or charm settings", keys[0], application)
	}
	if option.Value != nil {
		fmt.Fprintln(a.Out, option.Value)
	}
	return nil
}

// keyValues reads key=value pairs.
func keyValues(pairs []string) (map[string]string, error) {
	values := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usage("expected key=value, got %q", pair)
		}
		values[key] = value
	}
	return values, nil
}
