package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujusim/control"
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
