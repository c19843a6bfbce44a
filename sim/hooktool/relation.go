package hooktool

import (
	"errors"
	"fmt"

	"jujuetcd.io/sim/model"
)

func relationIDs(c *Context, f flags) ([]byte, error) {
	if f.word(0) == "" {
		return nil, usage("no endpoint name specified")
	}
	ids, err := c.view().RelationIDs(f.word(0))
	if err != nil {
		return nil, err
	}
	return f.print(ids)
}

func relationList(c *Context, f flags) ([]byte, error) {
	id, err := c.relation(f)
	if err != nil {
		return nil, err
	}
	if f.set["app"] {
		name, err := c.view().RelationApplication(id)
		if err != nil {
			return nil, err
		}
		return f.print(name)
	}
	if _, err := c.view().RelationUnits(id); err != nil { // a relation that the unit is not in
		return nil, err
	}
	return f.print(append([]string{}, c.Members[id]...))
}

func relationGet(c *Context, f flags) ([]byte, error) {
	id, err := c.relation(f)
	if err != nil {
		return nil, err
	}
	key, of := f.word(0), f.word(1)
	if of == "" {
		of = c.RemoteUnit
		if f.set["app"] {
			of = c.RemoteApplication
		}
	}
	if of == "" && f.set["app"] {
		if of, err = c.view().RelationApplication(id); err != nil {
			return nil, err
		}
	}
	if of == "" {
		return nil, usage("no unit id specified")
	}
	bag, err := c.databag(id, of, f.set["app"])
	if err != nil {
		return nil, err
	}
	if key == "" || key == "-" {
		return f.print(bag)
	}
	if value, there := bag[key]; there {
		return f.print(value)
	}
	return f.print(nil)
}

// databag is what relation-get sees.
func (c *Context) databag(id int, of string, app bool) (map[string]string, error) {
	if app {
		bag, err := c.view().RelationApplicationSettings(id, of)
		if err != nil {
			return nil, err
		}
		if of == c.application() {
			bag = merged(bag, c.changes.ApplicationSettings[id])
		}
		return bag, nil
	}
	bag, err := c.view().RelationSettings(id, of)
	if gone, known := c.Departing[of]; err != nil && known && id == c.RelationID {
		return gone, nil
	}
	if err != nil {
		return nil, err
	}
	if of == c.Unit {
		bag = merged(bag, c.changes.UnitSettings[id])
	}
	return bag, nil
}

func relationSet(c *Context, f flags) ([]byte, error) {
	id, err := c.relation(f)
	if err != nil {
		return nil, err
	}
	pairs, err := f.pairs(f.words)
	if err != nil {
		return nil, err
	}
	if !f.set["app"] {
		set(&c.changes.UnitSettings, id, pairs)
		return nil, nil
	}
	if !c.view().IsLeader() {
		return nil, errors.New("cannot write relation settings")
	}
	set(&c.changes.ApplicationSettings, id, pairs)
	return nil, nil
}

func relationModelGet(c *Context, f flags) ([]byte, error) {
	if _, err := c.relation(f); err != nil {
		return nil, err
	}
	return f.print(map[string]string{"uuid": c.Model.UUID})
}

type address struct {
	Hostname string `json:"hostname" yaml:"hostname"`
	Value    string `json:"value" yaml:"value"`
	CIDR     string `json:"cidr" yaml:"cidr"`
}

type device struct {
	MAC       string    `json:"mac-address" yaml:"mac-address"`
	Interface string    `json:"interface-name" yaml:"interface-name"`
	Addresses []address `json:"addresses" yaml:"addresses"`
}

func networkGet(c *Context, f flags) ([]byte, error) {
	if f.word(0) == "" {
		return nil, usage("no arguments specified")
	}
	id := c.RelationID // that of a relation hook counts, also for whoever does not say so
	if f.values["relation"] != "" {
		var err error
		if id, err = c.relation(f); err != nil {
			return nil, err
		}
	}
	n, err := c.view().Network(f.word(0), id)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if f.set["bind-address"] || f.set["primary-address"] {
		values["bind-address"] = n.BindAddress
	}
	if f.set["ingress-address"] && len(n.Ingress) > 0 {
		values["ingress-address"] = n.Ingress[0]
	}
	if f.set["egress-subnets"] {
		values["egress-subnets"] = n.Egress
	}
	switch len(values) {
	case 0:
	case 1:
		for _, v := range values {
			return f.print(v)
		}
	default:
		return f.print(values)
	}
	devices := []device{{MAC: n.MAC, Interface: n.Interface, Addresses: []address{{Hostname: n.Hostname, Value: n.BindAddress, CIDR: n.CIDR}}}}
	return f.print(map[string]any{"bind-addresses": devices, "egress-subnets": n.Egress, "ingress-addresses": n.Ingress})
}

func unitGet(c *Context, f flags) ([]byte, error) {
	if w := f.word(0); w != "private-address" && w != "public-address" {
		return nil, usage("unknown setting %q", w)
	}
	a, err := c.view().Address()
	if err != nil {
		return nil, err
	}
	return f.print(a)
}

func openPort(c *Context, f flags) ([]byte, error)  { return nil, c.port(f, true) }
func closePort(c *Context, f flags) ([]byte, error) { return nil, c.port(f, false) }

func (c *Context) port(f flags, open bool) error {
	if f.word(0) == "" {
		return usage("no port or range specified")
	}
	p, err := model.ParsePorts(f.word(0))
	if err != nil {
		return usageError{err}
	}
	c.openPort(p, open)
	return nil
}

func openedPorts(c *Context, f flags) ([]byte, error) {
	ports, err := c.view().OpenedPorts()
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, p := range ports {
		text := p.String()
		if f.set["endpoints"] {
			text = fmt.Sprintf("%s (*)", text)
		}
		list = append(list, text)
	}
	return f.print(list)
}
