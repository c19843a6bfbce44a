package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/model"
)

func (a *App) deploy() *cobra.Command {
	d := control.Deploy{}
	var settings, to, resources, storage, attach []string
	var bind, base, series, channel string
	c := &cobra.Command{
		Use: "deploy CHARM [NAME]", Short: "Deploy a charm", Long: deployHelp,
		Example: "  jujusim deploy ./etcd.charm -n 3 --config channel=3.6/stable\n  jujusim deploy easyrsa --to 0\n" +
			"  jujusim deploy etcd new-etcd --base ubuntu@22.04 --resource snapshot=./etcd-snapshot.tar.gz",
		Args: between(1, 2, "charm"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			d.Model = a.model
			if len(storage)+len(attach) > 0 {
				return fmt.Errorf("cannot deploy %s: jujusim does not serve --storage and --attach-storage: "+
					"units have the storage that their charm cannot do without", args[0])
			}
			if d.Base, err = release(base, series); err != nil {
				return err
			}
			if d.Resources, err = files(resources); err != nil {
				return err
			}
			if d.Path, err = a.findCharm(args[0]); err != nil {
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
	f.StringArrayVar(&resources, "resource", nil, "a resource, as in name=file; may be repeated")
	f.StringArrayVar(&storage, "storage", nil, "refused: jujusim makes no storage that is chosen")
	f.StringSliceVar(&attach, "attach-storage", nil, "refused: jujusim attaches no storage")
	f.StringVar(&base, "base", "", "the machines' system, as in ubuntu@22.04")
	f.StringVar(&series, "series", "", "the same by its name, as in jammy")
	f.StringVar(&channel, "channel", "", "where a store would look; a local charm is in no channel")
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

func (a *App) refresh() *cobra.Command {
	var path string
	var resources []string
	c := &cobra.Command{
		Use: "refresh APPLICATION [--path CHARM]", Aliases: []string{"upgrade-charm"}, Args: exactly("application"),
		Short:             "Upgrade an application to another charm: without --path that of its charm's name, as deploy finds it",
		ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) (err error) {
			d := control.Deploy{Model: a.model, Application: args[0], Refresh: true}
			if d.Path, err = a.refreshTo(c.Context(), args[0], path); err != nil {
				return err
			}
			if d.Resources, err = files(resources); err != nil {
				return err
			}
			deployed, err := a.client().Deploy(c.Context(), d)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Upgraded %q to charm %s\n", deployed.Application, deployed.CharmURL)
			return nil
		},
	}
	c.Flags().StringVar(&path, "path", "", "the charm")
	c.Flags().StringArrayVar(&resources, "resource", nil, "a resource, as in name=file; may be repeated")
	return a.modelFlag(c)
}

// refreshTo is the charm that an application is to have: the one that is named, or its own as it is now.
func (a *App) refreshTo(ctx context.Context, application, path string) (string, error) {
	if path != "" {
		return a.findCharm(path)
	}
	s, err := a.fetchStatus(ctx, []string{application})
	if err != nil {
		return "", err
	}
	app, there := s.Applications[application]
	if !there {
		return "", fmt.Errorf("application %q not found", application)
	}
	return a.packedCharm(app.CharmName)
}
