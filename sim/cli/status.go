package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (a *App) status() *cobra.Command {
	var format string
	var relations bool
	c := &cobra.Command{
		Use: "status [NAME ...]", Short: "Show the model's status",
		Long: `Status shows applications, units and machines as juju status does; names of applications, units or
machines narrow it down. An asterisk marks an application's leader.`,
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.fetchStatus(c.Context(), args)
			if err != nil {
				return err
			}
			if format != "tabular" {
				return a.print(format, s)
			}
			if len(args) > 0 && len(s.Applications)+len(s.Machines) == 0 {
				fmt.Fprintf(a.Err, "Nothing matched specified filter%s.\n", strings.TrimPrefix(plural(len(args), ""), strconv.Itoa(len(args))+" "))
				return nil
			}
			fmt.Fprint(a.Out, s.tabular(relations))
			return nil
		},
	}
	formatFlag(c, &format, "tabular", "tabular", "yaml", "json")
	c.Flags().BoolVar(&relations, "relations", false, "show relations, too")
	return a.modelFlag(c)
}

func (s statusData) tabular(relations bool) string {
	m := newTable("Model", "Controller", "Cloud/Region", "Version", "Timestamp")
	m.add(s.Model.Name, s.Model.Controller, s.Model.Cloud+"/"+s.Model.Region, s.Model.Version, s.Controller.Timestamp)
	parts := []string{m.String()}
	if len(s.Applications) > 0 {
		parts = append(parts, s.applicationTable(), s.unitTable())
	}
	if len(s.Machines) > 0 {
		parts = append(parts, s.machineTable())
	}
	if relations && len(s.relations) > 0 {
		parts = append(parts, s.relationTable())
	}
	if len(s.Applications)+len(s.Machines) == 0 {
		parts = append(parts, fmt.Sprintf("Model \"admin/%s\" is empty.\n", s.Model.Name))
	}
	return strings.Join(parts, "\n")
}

func (s statusData) applicationTable() string {
	t := newTable("App", "Version", "Status", "Scale", "Charm", "Channel", "Rev", "Exposed", "Message")
	t.right["Scale"], t.right["Rev"] = true, true
	for _, name := range slices.Sorted(maps.Keys(s.Applications)) {
		app := s.Applications[name]
		exposed := "no"
		if app.Exposed {
			exposed = "yes"
		}
		t.add(name, app.Version, app.Status.Current, strconv.Itoa(s.scale(name)), app.CharmName, "", strconv.Itoa(app.CharmRev), exposed,
			app.Status.Message)
	}
	return t.String()
}

// scale is how many units an application has; those of a subordinate one are listed under their principals.
func (s statusData) scale(application string) int {
	n := len(s.Applications[application].Units)
	for _, principal := range s.Applications[application].SubordinateTo {
		for _, u := range s.Applications[principal].Units {
			for name := range u.Subordinates {
				if owner, _, _ := strings.Cut(name, "/"); owner == application {
					n++
				}
			}
		}
	}
	return n
}

func (s statusData) unitTable() string {
	t := newTable("Unit", "Workload", "Agent", "Machine", "Public address", "Ports", "Message")
	for _, name := range slices.Sorted(maps.Keys(s.Applications)) {
		t.addUnits("", s.Applications[name].Units)
	}
	return t.String()
}

// addUnits adds a line for each unit, and below it those of its subordinates.
func (t *table) addUnits(indent string, units map[string]unitStatusData) {
	for _, unit := range sortedUnits(units) {
		u := units[unit]
		if u.Leader {
			unit += "*"
		}
		t.add(indent+unit, u.Workload.Current, u.JujuStatus.Current, u.Machine, u.PublicAddress, strings.Join(u.OpenPorts, ","),
			agentMessage(u)+u.Workload.Message)
		t.addUnits(indent+"  ", u.Subordinates)
	}
}

// agentMessage is what the agent does, as juju shows it before the workload's message.
func agentMessage(u unitStatusData) string {
	if u.JujuStatus.Current == "executing" && u.JujuStatus.Message != "" {
		text := strings.TrimPrefix(u.JujuStatus.Message, "running ")
		return "(" + strings.TrimSuffix(text, " hook") + ") "
	}
	return ""
}

func (s statusData) machineTable() string {
	t := newTable("Machine", "State", "Address", "Inst id", "Base", "AZ", "Message")
	for _, id := range sortedUnits(s.Machines) {
		m := s.Machines[id]
		t.add(id, m.JujuStatus.Current, m.DNSName, m.InstanceID, m.Base.Name+"@"+m.Base.Channel, "", m.MachineStatus.Message)
	}
	return t.String()
}

func (s statusData) relationTable() string {
	t := newTable("Integration provider", "Requirer", "Interface", "Type", "Message")
	for _, r := range s.relations {
		kind, provider, requirer := "regular", "", ""
		for _, e := range r.Endpoints {
			name := e.Application + ":" + e.Name
			switch e.Role {
			case "peer":
				kind, provider, requirer = "peer", name, name
			case "provider":
				provider = name
			default:
				requirer = name
			}
		}
		message := ""
		if r.Status.Status != "joined" {
			message = r.Status.Status
		}
		t.add(provider, requirer, r.Interface, kind, message)
	}
	return t.String()
}
