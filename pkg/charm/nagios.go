package charm

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine/nagios"
)

// Keys of the relation to nrpe, in charmhelpers' words.
const (
	keyMonitors       = "monitors"
	keyPrimary        = "primary"
	keyNagiosHostname = "nagios_hostname"
	keyNagiosContext  = "nagios_host_context"
)

// answerNagios gives Nagios its checks while the unit is related to nrpe, and leaves none when it
// is not. It looks at the options in every hook, so that a change of them arrives whatever state
// etcd is in.
func (a *Agent) answerNagios(ctx context.Context) error {
	ids, err := a.run.Relations(ctx, v1alpha1.EndpointNagios)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		removed, err := a.machine.RemoveChecks(ctx)
		if len(removed) > 0 {
			a.run.Log.Info("Removed Nagios checks", "files", removed)
		}
		if err != nil {
			a.run.Log.Error(err, "Left Nagios checks behind")
		}
		return nil
	}
	checks, err := a.nagiosChecks(ctx, ids)
	if err != nil {
		return err
	}
	wrote, err := a.machine.WriteChecks(ctx, checks)
	switch {
	case errors.Is(err, nagios.ErrNotInstalled):
		return nil // nrpe's charm changes the relation when it is
	case err != nil:
		a.run.Log.Error(err, "Left Nagios checks as they were")
		return nil
	case len(wrote) > 0:
		a.run.Log.Info("Wrote Nagios checks", "files", wrote)
	}
	want := map[string]string{keyMonitors: checks.Monitors(), keyPrimary: "False"}
	for _, id := range ids {
		bag, err := a.run.Tools.Relation(ctx, id, a.run.Env.Unit)
		if err != nil {
			return err
		}
		if diff := dispatch.Changes(bag, want); len(diff) > 0 {
			if err := a.run.Tools.SetRelation(ctx, id, diff); err != nil {
				return err
			}
		}
	}
	return nil
}

// nagiosChecks takes the host's name from nrpe, which knows what its Nagios calls it, and otherwise
// from the options.
func (a *Agent) nagiosChecks(ctx context.Context, ids []string) (nagios.Checks, error) {
	prefix, err := a.run.Tools.Config(ctx, "nagios_context")
	if err != nil {
		return nagios.Checks{}, err
	}
	groups, err := a.run.Tools.Config(ctx, "nagios_servicegroups")
	if err != nil {
		return nagios.Checks{}, err
	}
	published, err := a.publishedByNRPE(ctx, ids)
	if err != nil {
		return nagios.Checks{}, err
	}
	unit := a.run.Env.Unit
	if published[keyNagiosContext] != "" {
		unit = published[keyNagiosContext] + ":" + unit
	}
	return nagios.Checks{
		Unit:   unit,
		Host:   cmp.Or(published[keyNagiosHostname], prefix+"-"+strings.ReplaceAll(a.run.Env.Unit, "/", "-")),
		Groups: cmp.Or(strings.TrimSpace(groups), prefix),
		Agent:  filepath.Join(a.run.Env.CharmDir, "dispatch"),
		OfUnit: a.run.Env.Unit,
	}, nil
}

// publishedByNRPE is the first that a unit of nrpe has said, of each key.
func (a *Agent) publishedByNRPE(ctx context.Context, ids []string) (map[string]string, error) {
	published := map[string]string{}
	for _, id := range ids {
		units, err := a.run.Tools.RelationUnits(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, unit := range units {
			bag, err := a.run.Tools.Relation(ctx, id, unit)
			if err != nil {
				return nil, err
			}
			maps.DeleteFunc(bag, func(key, _ string) bool { return published[key] != "" })
			maps.Copy(published, bag)
		}
	}
	return published, nil
}
