package server

import (
	"encoding/json"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Weather is what a controller goes through by itself, as its clients see it.
type Weather string

// Weathers. A new one replaces the one before; Heal ends it.
const (
	// Upgrade: the controller is upgraded. Every call but the model's status and the sign of life is refused.
	Upgrade Weather = "upgrade"
	// Maintenance: connections are closed, and nobody may log in.
	Maintenance Weather = "maintenance"
	// Migrate: models are about to move to another controller. Little more than reading their status is possible.
	Migrate Weather = "migrate"
	// Redirect: models have moved to another controller, which a login tells.
	Redirect Weather = "redirect"
)

// Set makes the weather.
func (f *Faults) Set(w Weather) error {
	if !slices.Contains([]Weather{Upgrade, Maintenance, Migrate, Redirect}, w) {
		return fmt.Errorf("cannot make weather %q: there are upgrade, maintenance, migrate and redirect", w)
	}
	f.mu.Lock()
	f.weather = w
	f.mu.Unlock()
	if w == Maintenance || w == Redirect {
		f.closeAll()
	}
	return nil
}

func (f *Faults) now() Weather {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.weather
}

// calls that go on while a controller is upgraded, and while a model is about to move.
var (
	calmInUpgrade   = []string{"Client.FullStatus", "Pinger.Ping"}
	calmInMigration = []string{"Client.FullStatus", "Pinger.Ping", "Storage.ListStorageDetails", "Storage.ListVolumes", "Storage.ListFilesystems"}
)

// refuses is why the call cannot be made in this weather; nil if it can.
func (f *Faults) refuses(call string, ofModel bool) error {
	switch f.now() {
	case Upgrade:
		if !slices.Contains(calmInUpgrade, call) {
			return failure(wire.CodeUpgradeInProgress, "upgrade in progress")
		}
	case Migrate:
		if ofModel && !slices.Contains(calmInMigration, call) {
			return failure("", wire.MessageMigrationProgress)
		}
	}
	return nil
}

// refusesLogin is why nobody can log in in this weather; nil if they can.
func (f *Faults) refusesLogin(s *Server, ofModel bool) error {
	switch f.now() {
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
