package server

import (
	"encoding/json"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Disruption is what a controller goes through by itself, as its clients see it.
type Disruption string

// Disruptions. A new one replaces the one before; Heal ends it.
const (
	// Upgrade: the controller is upgraded. Every call but the model's status and the sign of life
	// is refused.
	Upgrade Disruption = "upgrade"
	// Maintenance: connections are closed, and nobody may log in.
	Maintenance Disruption = "maintenance"
	// Migrate: models are about to move to another controller. Little more than reading their
	// status is possible.
	Migrate Disruption = "migrate"
	// Redirect: models have moved to another controller, which a login shows.
	Redirect Disruption = "redirect"
)

// Disrupt begins a disruption.
func (f *Faults) Disrupt(d Disruption) error {
	if !slices.Contains([]Disruption{Upgrade, Maintenance, Migrate, Redirect}, d) {
		return fmt.Errorf("cannot begin disruption %q: there are upgrade, maintenance, migrate and redirect", d)
	}
	f.mu.Lock()
	f.disruption = d
	f.mu.Unlock()
	if d == Maintenance || d == Redirect {
		f.closeAll()
	}
	return nil
}

func (f *Faults) disrupted() Disruption {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.disruption
}

// Calls that go on while a controller is upgraded, and while a model is about to move.
var (
	goOnInUpgrade   = []string{"Client.FullStatus", "Pinger.Ping"}
	goOnInMigration = []string{"Client.FullStatus", "Pinger.Ping", "Storage.ListStorageDetails", "Storage.ListVolumes", "Storage.ListFilesystems"}
)

// refuses is why the call cannot be made in the disruption; nil if it can.
func (f *Faults) refuses(call string, ofModel bool) error {
	switch f.disrupted() {
	case Upgrade:
		if !slices.Contains(goOnInUpgrade, call) {
			return failure(wire.CodeUpgradeInProgress, "upgrade in progress")
		}
	case Migrate:
		if ofModel && !slices.Contains(goOnInMigration, call) {
			return failure("", wire.MessageMigrationProgress)
		}
	}
	return nil
}

// refusesLogin is why nobody can log in in the disruption; nil if they can.
func (f *Faults) refusesLogin(s *Server, ofModel bool) error {
	switch f.disrupted() {
	case Maintenance:
		return failure("", wire.MessageMaintenance)
	case Redirect:
		if ofModel {
			return &apiError{code: wire.CodeRedirect, message: wire.CodeRedirect, info: redirectInfo(s)}
		}
	}
	return nil
}

// redirectInfo names a controller that is not there: whoever follows it finds nobody.
func redirectInfo(s *Server) map[string]json.RawMessage {
	elsewhere := s.known()[0][0]
	elsewhere.Port = 9                                         // Discard.
	servers, _ := json.Marshal([][]wire.HostPort{{elsewhere}}) // Strings and numbers always encode.
	ca, _ := json.Marshal(s.CA())
	alias, _ := json.Marshal("elsewhere")
	return map[string]json.RawMessage{"servers": servers, "ca-cert": ca, "controller-alias": alias}
}
