package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// unitData is what juju show-unit shows.
type unitData struct {
	WorkloadVersion string         `json:"workload-version,omitempty"`
	Machine         string         `json:"machine,omitempty"`
	OpenedPorts     []string       `json:"opened-ports"`
	PublicAddress   string         `json:"public-address,omitempty"`
	Charm           string         `json:"charm"`
	Leader          bool           `json:"leader"`
	Life            string         `json:"life,omitempty"`
	Relations       []relationData `json:"relation-info,omitempty"`
}

type relationData struct {
	ID              int                    `json:"relation-id"`
	Endpoint        string                 `json:"endpoint"`
	RelatedEndpoint string                 `json:"related-endpoint"`
	ApplicationData map[string]any         `json:"application-data"`
	LocalUnit       *databagData           `json:"local-unit,omitempty"`
	RelatedUnits    map[string]databagData `json:"related-units,omitempty"`
}

type databagData struct {
	InScope bool           `json:"in-scope"`
	Data    map[string]any `json:"data"`
}

func (a *App) showUnit() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "show-unit UNIT ...", Short: "Show units with their relations' data", Args: atLeast(1, "unit"),
		ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			var params wire.Entities
			for _, unit := range args {
				params.Entities = append(params.Entities, wire.Entity{Tag: wire.UnitTag(unit)})
			}
			var results wire.UnitInfoResults
			if err := a.call(c.Context(), "Application", 19, "UnitsInfo", params, &results); err != nil {
				return err
			}
			shown := map[string]unitData{}
			for i, r := range results.Results {
				if r.Error != nil {
					return fmt.Errorf("%s", r.Error.Message)
				}
				shown[args[i]] = unitOf(args[i], *r.Result)
			}
			return a.print(format, shown)
		},
	}
	formatFlag(c, &format, "yaml", "yaml", "json")
	return a.modelFlag(c)
}

func unitOf(name string, u wire.UnitResult) unitData {
	data := unitData{
		WorkloadVersion: u.WorkloadVersion, Machine: u.Machine, OpenedPorts: u.OpenedPorts, PublicAddress: u.PublicAddress, Charm: u.Charm,
		Leader: u.Leader, Life: u.Life,
	}
	if data.OpenedPorts == nil {
		data.OpenedPorts = []string{}
	}
	for _, r := range u.RelationData {
		shown := relationData{
			ID: r.RelationID, Endpoint: r.Endpoint, RelatedEndpoint: r.RelatedEndpoint, ApplicationData: r.ApplicationData,
			RelatedUnits: map[string]databagData{},
		}
		for unit, bag := range r.UnitRelationData {
			if unit == name {
				shown.LocalUnit = &databagData{bag.InScope, bag.UnitData}
				continue
			}
			shown.RelatedUnits[unit] = databagData{bag.InScope, bag.UnitData}
		}
		data.Relations = append(data.Relations, shown)
	}
	return data
}

// levels of log lines, the least first.
var levels = []string{"TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}

func (a *App) debugLog() *cobra.Command {
	var replay, noTail, tail bool
	var limit int
	var include []string
	var level string
	c := &cobra.Command{
		Use: "debug-log", Short: "Show the units' log", Args: exactly(),
		Long: "Debug-log shows the last lines of the log and goes on until interrupted; with --no-tail it ends.",
		RunE: func(c *cobra.Command, _ []string) error {
			level = strings.ToUpper(level)
			least := slices.Index(levels, level)
			if least < 0 {
				return usage("debug-log: unknown level %q: there are %s", level, strings.Join(levels, ", "))
			}
			return a.showLog(c.Context(), logQuery{replay, !noTail, limit, least, include})
		},
	}
	f := c.Flags()
	f.BoolVar(&replay, "replay", false, "from the beginning")
	f.BoolVar(&noTail, "no-tail", false, "end with the last line")
	f.BoolVar(&tail, "tail", false, "go on, which is the default")
	f.IntVarP(&limit, "lines", "n", 10, "how many lines to begin with")
	f.StringSliceVarP(&include, "include", "i", nil, "only of these units or machines")
	f.StringVarP(&level, "level", "l", "INFO", "the least level: "+strings.Join(levels, ", "))
	return a.modelFlag(c)
}

type logQuery struct {
	replay, follow bool
	lines          int
	least          int
	include        []string
}

func (q logQuery) wants(l model.LogLine) bool {
	if slices.Index(levels, l.Level) < q.least {
		return false
	}
	return len(q.include) == 0 || slices.ContainsFunc(q.include, func(name string) bool {
		return l.Entity == name || l.Entity == wire.UnitTag(name) || l.Entity == "machine-"+name
	})
}

func (a *App) showLog(ctx context.Context, q logQuery) error {
	var before []model.LogLine
	last := 0
	err := a.client().Logs(ctx, a.model, 0, false, func(l model.LogLine) error {
		last = l.Number
		if q.wants(l) {
			before = append(before, l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !q.replay && len(before) > q.lines {
		before = before[len(before)-q.lines:]
	}
	for _, l := range before {
		a.printLog(l)
	}
	if !q.follow {
		return nil
	}
	return a.client().Logs(ctx, a.model, last, true, func(l model.LogLine) error {
		if q.wants(l) {
			a.printLog(l)
		}
		return nil
	})
}

func (a *App) printLog(l model.LogLine) {
	fmt.Fprintf(a.Out, "%s: %s %s %s %s\n", l.Entity, l.At.Local().Format("15:04:05"), l.Level, l.Module, l.Message)
}
