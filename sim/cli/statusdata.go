package cli

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim"
)

// The keys of juju status, in its order.
type (
	statusData struct {
		Model        modelData                  `json:"model"`
		Machines     map[string]machineData     `json:"machines"`
		Applications map[string]applicationData `json:"applications"`
		Controller   controllerData             `json:"controller"`

		relations []wire.RelationStatus
	}
	controllerData struct {
		Timestamp string `json:"timestamp"`
	}
	modelData struct {
		Name       string   `json:"name"`
		Type       string   `json:"type"`
		Controller string   `json:"controller"`
		Cloud      string   `json:"cloud"`
		Region     string   `json:"region"`
		Version    string   `json:"version"`
		Status     lineData `json:"model-status"`
	}
	lineData struct {
		Current string `json:"current,omitempty"`
		Message string `json:"message,omitempty"`
		Since   string `json:"since,omitempty"`
		Version string `json:"version,omitempty"`
		Life    string `json:"life,omitempty"`
	}
	machineData struct {
		JujuStatus    lineData                         `json:"juju-status"`
		Hostname      string                           `json:"hostname,omitempty"`
		DNSName       string                           `json:"dns-name,omitempty"`
		IPAddresses   []string                         `json:"ip-addresses,omitempty"`
		InstanceID    string                           `json:"instance-id"`
		MachineStatus lineData                         `json:"machine-status"`
		Modification  struct{}                         `json:"modification-status"`
		Base          wire.Base                        `json:"base"`
		Interfaces    map[string]wire.NetworkInterface `json:"network-interfaces,omitempty"`
		Constraints   string                           `json:"constraints,omitempty"`
		Hardware      string                           `json:"hardware,omitempty"`
	}
	applicationData struct {
		Charm     string                   `json:"charm"`
		Base      wire.Base                `json:"base"`
		Origin    string                   `json:"charm-origin"`
		CharmName string                   `json:"charm-name"`
		CharmRev  int                      `json:"charm-rev"`
		Exposed   bool                     `json:"exposed"`
		Life      string                   `json:"life"`
		Status    lineData                 `json:"application-status"`
		Relations map[string][]relatedData `json:"relations,omitempty"`
		// SubordinateTo is empty for an application with units of its own.
		SubordinateTo []string                  `json:"subordinate-to,omitempty"`
		Units         map[string]unitStatusData `json:"units,omitempty"`
		Version       string                    `json:"version,omitempty"`
		Bindings      map[string]string         `json:"endpoint-bindings"`
	}
	relatedData struct {
		Application string `json:"related-application"`
		Interface   string `json:"interface"`
		Scope       string `json:"scope"`
	}
	unitStatusData struct {
		Workload      lineData `json:"workload-status"`
		JujuStatus    lineData `json:"juju-status"`
		Leader        bool     `json:"leader,omitempty"`
		Machine       string   `json:"machine,omitempty"`
		OpenPorts     []string `json:"open-ports,omitempty"`
		PublicAddress string   `json:"public-address,omitempty"`

		Subordinates map[string]unitStatusData `json:"subordinates,omitempty"`
	}
)

// fetchStatus asks Client.FullStatus and gives it juju status's form.
func (a *App) fetchStatus(ctx context.Context, patterns []string) (statusData, error) {
	var s wire.FullStatus
	if patterns == nil {
		patterns = []string{}
	}
	if err := a.call(ctx, "Client", 8, "FullStatus", wire.StatusParams{Patterns: patterns}, &s); err != nil {
		return statusData{}, err
	}
	data := statusData{
		Model: modelData{
			Name: s.Model.Name, Type: s.Model.Type, Controller: sim.ControllerName, Cloud: strings.TrimPrefix(s.Model.CloudTag, "cloud-"),
			Region: s.Model.Region, Version: s.Model.Version, Status: line(s.Model.ModelStatus),
		},
		Machines: map[string]machineData{}, Applications: map[string]applicationData{}, relations: s.Relations,
	}
	if s.ControllerTimestamp != nil {
		data.Controller.Timestamp = s.ControllerTimestamp.UTC().Format("15:04:05Z")
	}
	for id, m := range s.Machines {
		data.Machines[id] = machineOf(m)
	}
	for name, app := range s.Applications {
		data.Applications[name] = applicationOf(name, app, s.Relations)
	}
	return data, nil
}

func line(s wire.DetailedStatus) lineData {
	return lineData{Current: s.Status, Message: s.Info, Since: since(s.Since), Version: s.Version, Life: s.Life}
}

// short is a base's channel without the risk.
func short(b wire.Base) wire.Base {
	b.Channel, _, _ = strings.Cut(b.Channel, "/")
	return b
}

func machineOf(m wire.MachineStatus) machineData {
	data := machineData{
		JujuStatus: line(m.AgentStatus), Hostname: m.Hostname, DNSName: m.DNSName, IPAddresses: m.IPAddresses, InstanceID: m.InstanceID,
		MachineStatus: line(m.InstanceStatus), Base: short(m.Base), Interfaces: m.NetworkInterfaces, Constraints: m.Constraints,
		Hardware: m.Hardware,
	}
	return data
}

func applicationOf(name string, s wire.ApplicationStatus, relations []wire.RelationStatus) applicationData {
	data := applicationData{
		Charm: s.Charm, Base: short(s.Base), Origin: "local", CharmRev: s.CharmRev, Exposed: s.Exposed, Life: s.Life, Status: line(s.Status),
		Version: s.WorkloadVersion, Bindings: s.EndpointBindings, Relations: map[string][]relatedData{}, Units: map[string]unitStatusData{},
	}
	data.CharmName = strings.TrimSuffix(strings.TrimPrefix(s.Charm, "local:"), "-"+strconv.Itoa(s.CharmRev))
	for _, r := range relations {
		for i, e := range r.Endpoints {
			if e.Application == name {
				other := r.Endpoints[(i+1)%len(r.Endpoints)]
				data.Relations[e.Name] = append(data.Relations[e.Name], relatedData{other.Application, r.Interface, r.Scope})
			}
		}
	}
	if len(s.SubordinateTo) > 0 {
		data.SubordinateTo = s.SubordinateTo
	}
	for unit, u := range s.Units {
		data.Units[unit] = unitStatusOf(u)
	}
	return data
}

func unitStatusOf(u wire.UnitStatus) unitStatusData {
	shown := unitStatusData{
		Workload: line(u.WorkloadStatus), JujuStatus: line(u.AgentStatus), Leader: u.Leader, Machine: u.Machine, OpenPorts: u.OpenedPorts,
		PublicAddress: u.PublicAddress,
	}
	if shown.JujuStatus.Life == "alive" {
		shown.JujuStatus.Life = ""
	}
	for name, subordinate := range u.Subordinates {
		if shown.Subordinates == nil {
			shown.Subordinates = map[string]unitStatusData{}
		}
		shown.Subordinates[name] = unitStatusOf(subordinate)
	}
	return shown
}

// sortedUnits are a map's unit names in the order of their numbers.
func sortedUnits[T any](units map[string]T) []string {
	return slices.SortedFunc(maps.Keys(units), func(a, b string) int { return compareNumbered(a, b) })
}

// compareNumbered orders names that end in a number by the number: etcd/2 before etcd/10.
func compareNumbered(a, b string) int {
	headA, numberA := splitNumber(a)
	headB, numberB := splitNumber(b)
	if c := strings.Compare(headA, headB); c != 0 {
		return c
	}
	return numberA - numberB
}

func splitNumber(s string) (string, int) {
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	n, err := strconv.Atoi(s[i:])
	if err != nil {
		return s, 0
	}
	return s[:i], n
}
