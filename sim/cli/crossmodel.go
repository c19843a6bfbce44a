package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/server"
)

func (a *App) offer() *cobra.Command {
	c := &cobra.Command{
		Use: "offer APPLICATION:ENDPOINT[,ENDPOINT] [NAME]", Short: "Offer an application's endpoints to other models",
		Example: "  jujusim offer etcd:db\n  jujusim consume -m second admin/demo.etcd",
		Args:    between(1, 2, "application:endpoint"),
		RunE: func(c *cobra.Command, args []string) error {
			application, endpoints, named := strings.Cut(args[0], ":")
			if !named || endpoints == "" {
				return usage("offer: say APPLICATION:ENDPOINT")
			}
			o := control.Offer{Model: a.model, Application: application, Endpoints: strings.Split(endpoints, ",")}
			if len(args) > 1 {
				o.Name = args[1]
			}
			made, err := a.client().Offer(c.Context(), o)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Application %q endpoints [%s] available at %q\n", application, endpoints, made.Name)
			return nil
		},
	}
	return a.modelFlag(c)
}

func (a *App) removeOffer() *cobra.Command {
	var force, yes bool
	c := &cobra.Command{
		Use: "remove-offer OFFER ...", Short: "Take offers back, by URL or, in this model, by name", Args: atLeast(1, "offer"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, url := range args {
				if err := a.client().RemoveOffer(c.Context(), control.RemoveOffer{Model: a.model, URL: url, Force: force}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&force, "force", false, "end the offer's relations, too; without it one that has any is refused")
	c.Flags().BoolVarP(&yes, "yes", "y", true, "accepted for juju's sake: jujusim never asks")
	return a.modelFlag(c)
}

func (a *App) consume() *cobra.Command {
	c := &cobra.Command{
		Use: "consume OWNER/MODEL.OFFER [ALIAS]", Short: "Take an offer of another model into this one", Args: between(1, 2, "offer"),
		RunE: func(c *cobra.Command, args []string) error {
			o := control.Consume{Model: a.model, URL: args[0]}
			if len(args) > 1 {
				o.Alias = args[1]
			}
			made, err := a.client().Consume(c.Context(), o)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Added %s as %s\n", args[0], made.Name)
			return nil
		},
	}
	return a.modelFlag(c)
}

func (a *App) removeSAAS() *cobra.Command {
	c := &cobra.Command{
		Use: "remove-saas APPLICATION ...", Aliases: []string{"remove-consumed-application"}, Args: atLeast(1, "application"),
		Short: "Have consumed applications no more, nor their relations",
		RunE: func(c *cobra.Command, args []string) error {
			var params server.DestroyConsumedApplications
			for _, name := range args {
				params.Applications = append(params.Applications, server.DestroyConsumedApplication{ApplicationTag: wire.ApplicationTag(name)})
			}
			var results wire.ErrorResults
			if err := a.call(c.Context(), "Application", 19, "DestroyConsumedApplications", params, &results); err != nil {
				return err
			}
			failed := false
			for i, r := range results.Results {
				if r.Error != nil {
					fmt.Fprintf(a.Err, "removing SAAS application %s failed: %s\n", args[i], r.Error.Message)
					failed = true
				}
			}
			if failed {
				return errQuiet
			}
			return nil
		},
	}
	return a.modelFlag(c)
}
