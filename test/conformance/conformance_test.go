package conformance_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/test/conformance"
)

var (
	addresses    = flag.String("juju-addresses", "", "addresses of the controller, host:port,… (else from the environment, or the juju client's files)")
	controller   = flag.String("juju-controller", "", "name of the controller in the juju client's files")
	caCert       = flag.String("juju-ca-cert-file", "", "file with the controller's CA certificate")
	username     = flag.String("juju-username", "", "user who may write in the model")
	passwordFile = flag.String("juju-password-file", "", "file with the user's password")
	model        = flag.String("juju-model", "", "model to test in: without it, no controller is tested")
	application  = flag.String("juju-application", "etcd", "application in the model")
	action       = flag.String("juju-action", "", "action of its charm (default reconcile)")
	params       = flag.String("juju-params", "{}", "the action's parameters, as JSON")
	strict       = flag.Bool("juju-strict", false, "the action's schema forbids unknown parameters")
	reader       = flag.String("juju-reader", "", "user who may only read in the model")
	leaver       = flag.String("juju-leaver", "", "unit of the application that may be removed")
	readerFile   = flag.String("juju-reader-password-file", "", "file with that user's password")
)

// TestController runs the suite against the controller that the flags name.
func TestController(t *testing.T) {
	if *model == "" {
		t.Skip("No controller is tested: -juju-model names none. The embedded controller is tested in sim.")
	}
	explicit := jujuapi.Explicit{Controller: *controller, CACertFile: *caCert, Username: *username, PasswordFile: *passwordFile, Model: *model}
	if *addresses != "" {
		explicit.Addresses = strings.Split(*addresses, ",")
	}
	target, err := jujuapi.Find(explicit, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	config := conformance.Config{
		Controller: target.Controller, Model: target.Model, Application: *application, Action: *action, Strict: *strict, ReaderName: *reader,
		Leaver: *leaver,
	}
	if err := json.Unmarshal([]byte(*params), &config.Params); err != nil {
		t.Fatalf("cannot read -juju-params: %v", err)
	}
	if *readerFile != "" {
		password, err := os.ReadFile(*readerFile)
		if err != nil {
			t.Fatal(err)
		}
		config.ReaderPassword = jujuapi.Secret(strings.TrimRight(string(password), "\r\n"))
	}
	conformance.Run(t, config)
}
