package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/server"
)

func (a *App) storagePools() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "storage-pools", Aliases: []string{"list-storage-pools"}, Short: "List storage pools", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			var found server.StoragePools
			params := server.StoragePoolFilters{Filters: make([]struct{}, 1)}
			if err := a.call(c.Context(), "Storage", 6, "ListPools", params, &found); err != nil {
				return err
			}
			byName, rows := map[string]poolData{}, map[string][]string{}
			for _, p := range found.Results[0].Pools {
				byName[p.Name] = poolData{p.Provider}
				rows[p.Name] = []string{p.Name, p.Provider, ""}
			}
			if format != "tabular" {
				return a.print(format, byName)
			}
			t := newTable("Name", "Provider", "Attributes")
			for _, name := range sortedUnits(rows) {
				t.add(rows[name]...)
			}
			fmt.Fprint(a.Out, t)
			return nil
		},
	}
	formatFlag(c, &format, "tabular", "tabular", "yaml", "json")
	return a.modelFlag(c)
}

type poolData struct {
	Provider string `json:"provider"`
}

func (a *App) addStorage() *cobra.Command {
	c := &cobra.Command{
		Use: "add-storage UNIT NAME[=POOL,SIZE,COUNT] ...", Short: "Add storage to a unit", Args: atLeast(2, "unit", "storage, as in data=loop,10G"),
		Long:              "Add-storage is refused: units have the storage that their charm cannot do without, and no other.",
		ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			var params server.AddStorage
			for _, arg := range args[1:] {
				name, text, _ := strings.Cut(arg, "=")
				directive, err := parseDirective(text)
				if err != nil {
					return err
				}
				params.Storages = append(params.Storages, server.AddStorageToUnit{Unit: wire.UnitTag(args[0]), Name: name, Storage: directive})
			}
			var results wire.ErrorResults
			if err := a.call(c.Context(), "Storage", 6, "AddToUnit", params, &results); err != nil {
				return err
			}
			bad := false
			for i, r := range results.Results {
				if r.Error != nil {
					fmt.Fprintf(a.Err, "failed to add storage %q to %s: %s\n", params.Storages[i].Name, args[0], r.Error.Message)
					bad = true
				}
			}
			return quiet(bad)
		},
	}
	return a.modelFlag(c)
}

var (
	storageCount = regexp.MustCompile(`^[0-9]+$`)
	storageSize  = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([MGTPEZY])(?:i?B)?$`)
)

// parseDirective reads pool, size and count in any order. A size is in MiB.
func parseDirective(text string) (server.StorageDirective, error) {
	d := server.StorageDirective{Count: 1}
	for part := range strings.SplitSeq(text, ",") {
		size := storageSize.FindStringSubmatch(part)
		var err error
		switch {
		case storageCount.MatchString(part):
			d.Count, err = strconv.ParseUint(part, 10, 64)
		case size != nil:
			number, parsed := strconv.ParseFloat(size[1], 64)
			for range strings.Index("MGTPEZY", size[2]) {
				number *= 1024
			}
			d.Size, err = uint64(number), parsed
		default:
			d.Pool = part
		}
		if err != nil {
			return d, usage("add-storage: cannot read %q: %v", part, err)
		}
	}
	return d, nil
}
