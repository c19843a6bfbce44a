package reconcile

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/jujuapi"
)

// ReasonOtherAddress is that of the condition Juju where only an address answers that is not configured.
const ReasonOtherAddress = "OtherAddress"

// detour tells once when the controller is reached only at an address that it told of itself, and once when it is reached at a
// configured one again. Nothing is wrong yet, but nobody may count on it: a daemon with another state directory knows no such address.
type detour struct {
	log   logr.Logger
	model string
	// told is called with where it leads; with nothing when it is over.
	told func(message string)

	mu      sync.Mutex
	address string // empty for none
}

// note takes in how the connection is.
func (d *detour) note(link jujuapi.State) {
	if !link.Connected {
		return
	}
	address := ""
	if len(link.Silent) > 0 {
		address = link.Address
	}
	d.mu.Lock()
	was := d.address
	d.address = address
	d.mu.Unlock()
	switch {
	case address == was:
		return
	case address == "":
		d.log.Info("Juju answers at a configured address again", "model", d.model, "address", link.Address)
	default:
		d.log.Info("Juju answers at no configured address, but at one that it told of", "model", d.model, "address", address,
			"configured", strings.Join(link.Silent, ", "))
	}
	if d.told != nil {
		d.told(detourMessage(link))
	}
}

// detourMessage says where Juju answers, if that is not configured.
func detourMessage(link jujuapi.State) string {
	if len(link.Silent) == 0 {
		return ""
	}
	return fmt.Sprintf("Juju answers at %s, of which it told itself, and not where it is configured to be: %s. Give jujuetcd the addresses that there are now.",
		link.Address, strings.Join(link.Silent, ", "))
}
