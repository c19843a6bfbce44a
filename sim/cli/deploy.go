package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/model"
)

func (a *App) deploy() *cobra.Command {
	d := control.Deploy{}
	var settings, to []string
	var bind string
	c := &cobra.Command{
		Use: "deploy PATH [NAME]", Short: "Deploy a local charm",
		Long: `Deploy makes an application of a local charm: a .charm archive, or a folder with metadata.yaml and
dispatch. Each unit gets a machine of its own, unless --to names machines.`,
		Example: "  jujusim deploy ./etcd.charm -n 3 --config channel=3.6/stable\n  jujusim deploy ./easyrsa.charm --to 0",
		Args:    between(1, 2, "path of a charm"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			d.Model = a.model
			if d.Path, err = localCharm(args[0]); err != nil {
				return err
			}
			if len(args) > 1 {
				d.Application = args[1]
			}
			if d.Config, err = keyValues(settings); err != nil {
				return err
			}
			if d.Units < 0 {
				return usage("deploy: the number of units is negative")
			}
			d.Bindings = bindings(bind)
			for _, machine := range to {
				d.To = append(d.To, model.Placement(machine))
			}
			deployed, err := a.client().Deploy(c.Context(), d)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Deployed %q from charm %s\n", deployed.Application, deployed.CharmURL)
			return nil
		},
	}
	f := c.Flags()
	f.IntVarP(&d.Units, "num-units", "n", 1, "how many units")
	f.StringArrayVar(&settings, "config", nil, "an option, as in key=value; may be repeated")
	f.StringSliceVar(&to, "to", nil, "machines to put units on")
	f.StringVar(&bind, "bind", "", `spaces of endpoints, as in "db=clients cluster=peers", or one space for all`)
	return a.modelFlag(c)
}

// bindings reads what --bind says: a word alone is the space of all endpoints that are not named.
func bindings(text string) map[string]string {
	var bound map[string]string
	for _, word := range strings.Fields(text) {
		if bound == nil {
			bound = map[string]string{}
		}
		endpoint, space, named := strings.Cut(word, "=")
		if !named {
			endpoint, space = "", word
		}
		bound[endpoint] = space
	}
	return bound
}

// localCharm makes a path absolute: the instance has another working directory.
func localCharm(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("cannot find charm %s: %w", path, err)
	}
	return abs, nil
}

func (a *App) refresh() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "refresh APPLICATION --path CHARM", Short: "Upgrade an application to another local charm", Args: exactly("application"),
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if path == "" {
				return usage("refresh: say --path CHARM: jujusim has no charm store")
			}
			if path, err = localCharm(path); err != nil {
				return err
			}
			deployed, err := a.client().Deploy(c.Context(), control.Deploy{Model: a.model, Path: path, Application: args[0], Refresh: true})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Upgraded %q to charm %s\n", deployed.Application, deployed.CharmURL)
			return nil
		},
	}
	c.Flags().StringVar(&path, "path", "", "the charm")
	return a.modelFlag(c)
}
