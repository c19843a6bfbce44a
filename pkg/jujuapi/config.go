package jujuapi

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ConfigError is what is wrong with how the controller and the credentials were given: all of it, each with what to do.
type ConfigError struct{ Faults []string }

// Error lists the faults, one a line.
func (e *ConfigError) Error() string {
	if len(e.Faults) == 1 {
		return "cannot connect to Juju: " + e.Faults[0]
	}
	return "cannot connect to Juju:\n  - " + strings.Join(e.Faults, "\n  - ")
}

// Names of environment variables: those of Juju's Terraform provider, and of the juju client.
const (
	EnvAddresses  = "JUJU_CONTROLLER_ADDRESSES"
	EnvUsername   = "JUJU_USERNAME"
	EnvPassword   = "JUJU_PASSWORD"
	EnvCACert     = "JUJU_CA_CERT"
	EnvController = "JUJU_CONTROLLER"
	EnvModel      = "JUJU_MODEL"
	EnvData       = "JUJU_DATA"
)

// Explicit is what the operator gave by flags or in a configuration file; everything may be empty.
type Explicit struct {
	// Controller names one of the juju client's files.
	Controller string
	Addresses  []string
	// CACertFile holds PEM text.
	CACertFile string
	Username   string
	// PasswordFile holds the password, and a newline after it if need be.
	PasswordFile string
	// Model is "prod", "admin/prod", "lab:admin/prod", or a UUID.
	Model string
}

// Target is where to connect to.
type Target struct {
	Controller Controller
	// Model is as Explicit's, without a controller; empty if none was named.
	Model string
	// From says in a few words where the address and the credentials come from.
	From string
	// Renew finds Controller again, as files say later; it is for whoever keeps the Target to set. See Options.Renew.
	Renew func() (Controller, error)
}

// Find puts together where to connect to, from what is explicit before the environment before the juju client's files.
//
// What belongs together stays together: the files' authority and account are used only with the files' addresses, and a
// controller that is named explicitly comes from the files, whatever the environment says, so that a password never goes to
// a controller it was not meant for. With the files' current controller, a user and a password that are both in the
// environment replace the files' account. The error is a *ConfigError.
func Find(explicit Explicit, getenv func(string) string) (Target, error) {
	f := finder{explicit: explicit, getenv: getenv}
	return f.find()
}

type finder struct {
	explicit Explicit
	getenv   func(string) string
	faults   []string
}

func (f *finder) fault(format string, args ...any) {
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
}

func (f *finder) find() (Target, error) {
	var t Target
	controller, model := f.names()
	switch {
	case len(f.explicit.Addresses) > 0:
		t.Controller.Addresses, t.From = f.explicit.Addresses, "flags"
		f.environment(&t.Controller)
	case f.explicit.Controller == "" && f.getenv(EnvAddresses) != "":
		t.Controller.Addresses, t.From = list(f.getenv(EnvAddresses)), "environment"
		f.environment(&t.Controller)
	default:
		t.Controller, model = f.store(controller, model)
		t.From = "juju client's files in " + storeDir(f.getenv)
		if name, password := f.getenv(EnvUsername), f.getenv(EnvPassword); f.explicit.Controller == "" && name != "" && password != "" {
			t.Controller.Username, t.Controller.Password = name, Secret(password)
			t.From += ", as the environment's user"
		}
	}
	t.Model = model
	f.override(&t.Controller)
	f.check(t.Controller)
	if len(f.faults) > 0 {
		return Target{}, &ConfigError{Faults: f.faults}
	}
	return t, nil
}

// names returns the controller and the model that are named, explicitly or in the environment.
func (f *finder) names() (controller, model string) {
	model = f.explicit.Model
	if model == "" {
		model = f.getenv(EnvModel)
	}
	if c, m, ok := strings.Cut(model, ":"); ok {
		controller, model = c, m
	}
	switch {
	case f.explicit.Controller != "":
		if controller != "" && controller != f.explicit.Controller && f.explicit.Model != "" {
			f.fault("the model is of controller %q and the controller is %q: give one of them", controller, f.explicit.Controller)
		}
		controller = f.explicit.Controller
	case controller == "":
		controller = f.getenv(EnvController)
	}
	return controller, model
}

func (f *finder) environment(c *Controller) {
	c.CACert, c.Username, c.Password = f.getenv(EnvCACert), f.getenv(EnvUsername), Secret(f.getenv(EnvPassword))
}

// override applies what is explicit besides the address.
func (f *finder) override(c *Controller) {
	if f.explicit.Username != "" && f.explicit.Username != c.Username {
		// A password belongs to its user. One without a user, in the environment beside explicit addresses, is for the explicit one.
		if c.Username != "" {
			c.Password = ""
		}
		c.Username = f.explicit.Username
	}
	c.Username = strings.TrimSuffix(c.Username, "@local")
	if name := f.explicit.CACertFile; name != "" {
		if text, err := os.ReadFile(name); err != nil {
			f.fault("the CA certificate cannot be read: %v", err)
		} else {
			c.CACert = string(text)
		}
	}
	if name := f.explicit.PasswordFile; name != "" {
		if text, err := os.ReadFile(name); err != nil {
			f.fault("the password cannot be read: %v", err)
		} else {
			c.Password = Secret(strings.TrimRight(string(text), "\r\n"))
		}
	}
}

// check finds what is missing or malformed.
func (f *finder) check(c Controller) {
	if len(c.Addresses) > 0 {
		if _, err := c.endpoints(); err != nil {
			f.fault("%v", err)
		}
	}
	if c.CACert != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CACert)) {
		f.fault("the CA certificate is not a certificate in PEM form: take ca-cert from juju show-controller")
	}
	known := slices.ContainsFunc(f.faults, func(s string) bool { return strings.HasPrefix(s, storeFault) })
	if known {
		return // without a controller there are no credentials to miss
	}
	switch {
	case c.Username == "":
		f.fault("no user is given: create one for this purpose (juju add-user etcd-manager; juju grant etcd-manager write MODEL), and give its name by flag or in %s", EnvUsername)
	case strings.Contains(c.Username, "@"):
		f.fault("user %q is of an identity service, which logs in by browser: use a local user (juju add-user)", c.Username)
	}
	if c.Password == "" && !slices.ContainsFunc(f.faults, func(s string) bool { return strings.HasPrefix(s, "the password ") }) {
		f.fault("no password is given for user %q: give it in a file, or in %s; the juju client keeps none for users who log in by browser or juju login", c.Username, EnvPassword)
	}
}

func list(text string) []string {
	var all []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

// storeDir is where the juju client keeps its files.
func storeDir(getenv func(string) string) string {
	if dir := getenv(EnvData); dir != "" {
		return dir
	}
	if dir := getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "juju")
	}
	return filepath.Join(getenv("HOME"), ".local", "share", "juju")
}

var errNoStore = errors.New("no files of the juju client")
