package machine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/nagios"
	"jujuetcd.io/pkg/machine/service"
)

// nrpe is the service that runs the checks; it reads them when it starts.
const nrpe = "nagios-nrpe-server"

func (m *Machine) nagios() nagios.Files { return nagios.Files{Root: m.o.Root, Disk: m.disk} }

// WriteChecks puts the Nagios checks in their place and returns the files that changed; nagios.ErrNotInstalled where there is no
// nrpe. Agent is the path of the agent's program as this process sees it. A machine has them once: where it is another unit's nothing is
// written or removed.
func (m *Machine) WriteChecks(ctx context.Context, c nagios.Checks) ([]string, error) {
	if another, err := m.another(); err != nil || another {
		return nil, err
	}
	if root := strings.TrimSuffix(m.o.Root, "/"); root != "" {
		c.Agent = strings.TrimPrefix(c.Agent, root)
	}
	wrote, err := m.nagios().Write(c)
	if err != nil || len(wrote) == 0 {
		return wrote, err
	}
	m.reloadNRPE(ctx)
	// So that the first check finds a list: cron's first may be a minute away.
	return wrote, m.CacheAlarms(ctx)
}

// RemoveChecks takes everything away that WriteChecks and CacheAlarms wrote, and returns the files that were there.
func (m *Machine) RemoveChecks(ctx context.Context) ([]string, error) {
	if another, err := m.another(); err != nil || another {
		return nil, err
	}
	removed, err := m.nagios().Remove()
	if len(removed) > 0 {
		m.reloadNRPE(ctx)
	}
	return removed, err
}

// reloadNRPE restarts nrpe if it runs. One that is not there yet, or any more, reads what it finds when it starts.
func (m *Machine) reloadNRPE(ctx context.Context) {
	if err := (service.Unit{Root: m.o.Root, Name: nrpe}).TryRestart(ctx); err != nil {
		m.log.Error(err, "Left nrpe with the checks that it had")
	}
}

// CacheAlarms asks the cluster for alarms and writes what it finds, or why it found nothing, where the check reads it. Unlike
// everything else here it may run beside a hook or an action: it reads files that are replaced at once, and writes one of its own.
func (m *Machine) CacheAlarms(ctx context.Context) error {
	if !m.nagios().Wanted() {
		return nil
	}
	active, err := m.alarms(ctx)
	found := nagios.Alarms{At: m.o.Now(), Active: active}
	if err != nil {
		found.Fault = err.Error()
	}
	return m.nagios().WriteAlarms(found)
}

func (m *Machine) alarms(ctx context.Context) ([]string, error) {
	own, view, err := m.Health(ctx)
	if err != nil {
		return nil, err
	}
	if !view.Listed {
		if own.Fault != etcdops.FaultNone {
			return nil, errors.New("this unit's member is " + own.Reason())
		}
		return nil, errors.New(view.Err)
	}
	if view.AlarmsErr != "" {
		return nil, errors.New(view.AlarmsErr)
	}
	var active []string
	for _, alarm := range view.Alarms {
		name := alarm.Member.String()
		if member, known := view.Member(alarm.Member); known && member.Started() {
			name = member.Name
		}
		active = append(active, name+" "+alarm.Kind)
	}
	slices.Sort(active)
	return active, nil
}
