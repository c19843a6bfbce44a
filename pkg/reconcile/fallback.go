package reconcile

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/jujuapi"
)

// ReasonOtherAddress is that of the condition Juju where only an address answers that is not
// configured.
const ReasonOtherAddress = "OtherAddress"

// fallbackAddress reports once when the controller is reached only at an address that an earlier
// login has named, and once when it is reached at a configured one again. Nothing is wrong yet, but
// nobody may count on it: a daemon with another state directory knows no such address.
type fallbackAddress struct {
	log   logr.Logger
	model string
	// report is called with where Juju answers; with nothing when it is over.
	report func(message string)

	mu      sync.Mutex
	address string // empty for none
}

// note takes in how the connection is.
func (f *fallbackAddress) note(link jujuapi.State) {
	if !link.Connected {
		return
	}
	address := ""
	if len(link.Silent) > 0 {
		address = link.Address
	}
	f.mu.Lock()
	was := f.address
	f.address = address
	f.mu.Unlock()
	switch {
	case address == was:
		return
	case address == "":
		f.log.Info("Juju answers at a configured address again", "model", f.model, "address", link.Address)
	default:
		f.log.Info("Juju answers at no configured address, but at one that it told of", "model", f.model, "address", address,
			"configured", strings.Join(link.Silent, ", "))
	}
	if f.report != nil {
		f.report(fallbackMessage(link))
	}
}

// fallbackMessage says where Juju answers, if that is not configured.
func fallbackMessage(link jujuapi.State) string {
	if len(link.Silent) == 0 {
		return ""
	}
	return fmt.Sprintf("Juju answers at %s, of which it told itself, and not where it is configured to be: %s. Give jujuetcd the addresses that there are now.",
		link.Address, strings.Join(link.Silent, ", "))
}
