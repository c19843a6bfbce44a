package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/server"
)

// files reads name=file pairs, and makes the files' paths absolute: the instance has another
// working directory.
func files(pairs []string) (map[string]string, error) {
	paths, err := keyValues(pairs)
	if err != nil {
		return nil, err
	}
	for name, path := range paths {
		if paths[name], err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("cannot find resource %s: %w", path, err)
		}
	}
	return paths, nil
}

func (a *App) attachResource() *cobra.Command {
	c := &cobra.Command{
		Use: "attach-resource APPLICATION NAME=FILE", Aliases: []string{"attach"}, Short: "Upload a resource of an application",
		Args: exactly("application", "resource, as in name=file"), ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			paths, err := files(args[1:])
			if err != nil {
				return err
			}
			for name, path := range paths {
				err = a.client().Attach(c.Context(), control.Attach{Model: a.model, Application: args[0], Resource: name, Path: path})
			}
			return err
		},
	}
	return a.modelFlag(c)
}

func (a *App) resources() *cobra.Command {
	var format string
	var details bool
	c := &cobra.Command{
		Use: "resources APPLICATION", Aliases: []string{"list-resources"}, Short: "Show an application's resources",
		Args: exactly("application"), ValidArgsFunction: a.completeApplications,
		RunE: func(c *cobra.Command, args []string) error {
			var results server.ResourcesResults
			params := wire.Entities{Entities: []wire.Entity{{Tag: wire.ApplicationTag(args[0])}}}
			if err := a.call(c.Context(), "Resources", 3, "ListResources", params, &results); err != nil {
				return err
			}
			all := results.Results[0]
			if all.Error != nil {
				return fmt.Errorf("%s", all.Error.Message)
			}
			switch {
			case format != "tabular":
				return a.print(format, all)
			case len(all.Resources) == 0:
				fmt.Fprintln(a.Out, "No resources to display.")
			case details:
				fmt.Fprint(a.Out, resourceDetails(all))
			default:
				fmt.Fprint(a.Out, resourceTable(all.Resources))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&details, "details", false, "what each unit has fetched")
	formatFlag(c, &format, "tabular", "tabular", "yaml", "json")
	return a.modelFlag(c)
}

// uploaded is the revision of an upload: its time.
const uploaded = "2006-01-02T15:04"

func resourceTable(all []server.Resource) string {
	t := newTable("Resource", "Supplied by", "Revision")
	for _, r := range all {
		by := r.Username
		if by == "" {
			by = r.Origin
		}
		t.add(r.Name, by, r.Timestamp.UTC().Format(uploaded))
	}
	return t.String()
}

func resourceDetails(all server.ResourcesResult) string {
	t := newTable("Unit", "Resource", "Revision", "Expected")
	for _, u := range all.UnitResources {
		for _, r := range all.Resources {
			revision := "-"
			if i := slices.IndexFunc(u.Resources, func(has server.Resource) bool { return has.Name == r.Name }); i >= 0 {
				revision = u.Resources[i].Timestamp.UTC().Format(uploaded)
			}
			name, _ := wire.UnitName(u.Tag)
			t.add(name, r.Name, revision, r.Timestamp.UTC().Format(uploaded))
		}
	}
	return strings.TrimRight(t.String(), "\n") + "\n"
}
