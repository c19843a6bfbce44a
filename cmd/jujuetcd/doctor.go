package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/reconcile"
	"jujuetcd.io/pkg/reconcile/policy"
)

// certificateSoon is how early doctor speaks of an expiring certificate.
const certificateSoon = 7 * 24 * time.Hour

// clockTolerance is how far clocks may be apart: deliveries are good for two minutes.
const clockTolerance = 30 * time.Second

func doctorCommand() *cobra.Command {
	var conn connection
	var configDir, stateDir string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that run needs, with a remedy for what is wrong",
		Long: `Check, as run would: policies, login, grant, facades, clocks, and for each
etcd application its facts, its certificates, and whether its client port can
be reached from here. Nothing is changed.`,
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			d := &doctor{out: os.Stdout, colour: colours(os.Stdout), book: knownBookIn(stateDir)}
			return d.examine(c.Context(), conn, configDir)
		},
	}
	conn.flags(c)
	c.Flags().StringVar(&configDir, "config-dir", "", "directory with EtcdCluster policies")
	c.Flags().StringVar(&stateDir, "state-dir", defaultStateDir(os.Getenv, os.Geteuid()), "directory where the daemon remembers the controller's addresses")
	return c
}

// doctor prints one line a check, and remembers the worst.
type doctor struct {
	out    io.Writer
	colour bool
	book   *jujuapi.AddressBook
	failed error
}

func (d *doctor) say(mark, colour, text, remedy string) {
	if d.colour {
		mark = "\x1b[" + colour + "m" + mark + "\x1b[0m"
	}
	text, remedy = printable.Text(text, printable.Message), printable.Text(remedy, printable.Message)
	fmt.Fprintf(d.out, "%s %s", mark, strings.TrimLeft(wrapped(text, "       "), " "))
	if remedy != "" {
		fmt.Fprint(d.out, wrapped("Remedy: "+remedy, "       "))
	}
}

func (d *doctor) good(format string, args ...any) {
	d.say("ok    ", "32", strings.TrimSpace(fmt.Sprintf(format, args...)), "")
}

func (d *doctor) warn(remedy, format string, args ...any) {
	d.say("warn  ", "33", fmt.Sprintf(format, args...), remedy)
}

func (d *doctor) bad(err error, remedy, format string, args ...any) {
	d.say("FAIL  ", "31", fmt.Sprintf(format, args...), remedy)
	if d.failed == nil || exitCode(err) == exitPerson {
		d.failed = err
	}
}

func (d *doctor) examine(ctx context.Context, conn connection, configDir string) error {
	policies, err := policy.Open(configDir)
	if err != nil {
		d.bad(err, "mend the file; the daemon keeps the last good policy meanwhile", "%v", err)
	} else {
		d.good("Policies are valid.")
	}
	targets, err := conn.targets()
	if err != nil {
		d.bad(err, "", "%v", err)
		return d.verdict()
	}
	for _, t := range targets {
		d.model(ctx, t, policies)
	}
	return d.verdict()
}

func (d *doctor) verdict() error {
	if d.failed == nil {
		return nil
	}
	return errors.Join(errReported, d.failed)
}

func (d *doctor) model(ctx context.Context, t jujuapi.Target, policies *policy.Store) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	links, err := open(ctx, []jujuapi.Target{t}, d.book, false, logr.Discard(), func(error) {})
	if err != nil {
		d.bad(err, "", "%v", err) // the error names its remedy
		return
	}
	defer links.close()
	s := links.all[0]
	name := s.Model().Owner + "/" + s.Model().Name
	login := s.State().Login
	d.good("Logged in as %s to the controller at %s, Juju %s, with %s on model %s.", login.User, s.State().Address,
		login.ServerVersion, login.ModelAccess, name)
	if silent := s.State().Silent; len(silent) > 0 {
		d.warn("give the addresses that there are now; juju show-controller lists them as api-endpoints",
			"The controller told of that address itself. It is not where it is configured to be: %s.", strings.Join(silent, ", "))
	}
	d.facades(login)

	before := time.Now()
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		d.bad(err, "", "Model %s cannot be read: %v", name, err)
		return
	}
	middle := before.Add(time.Since(before) / 2)
	if apart := snapshot.TakenAt.Sub(middle).Abs(); apart > clockTolerance {
		d.bad(errors.New("clocks differ"), "run a time service here and on the controller",
			"The controller's clock and ours are %s apart; units refuse what is two minutes late.", apart.Round(time.Second))
	} else {
		d.good("The controller's clock agrees with ours.")
	}
	clusters, err := reconcile.Examine(ctx, reconcile.Model{Ref: s.Model(), Juju: s, User: s.user}, reconcile.Config{Policies: policies, Dial: reconcile.DialEtcd})
	if err != nil {
		d.bad(err, "", "%v", err)
		return
	}
	if len(clusters) == 0 {
		d.warn("juju deploy ./etcd.charm", "Model %s has no application of our charm.", name)
	}
	for _, c := range clusters {
		d.cluster(c)
	}
}

func loginRemedy(err error) string {
	switch {
	case errors.Is(err, jujuapi.ErrBadCredentials):
		return "check the user's name and password; juju change-user-password sets a new one"
	case errors.Is(err, jujuapi.ErrModelNotFound):
		return "check --model with juju models"
	case jujuapi.Retriable(err):
		return "check that the controller's API port (17070) can be reached from here"
	}
	return ""
}

func (d *doctor) facades(login jujuapi.LoginInfo) {
	var missing []string
	for _, name := range []string{"Client", "Application", "Action", "Pinger"} {
		if len(login.Facades[name]) == 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		d.bad(personError{errors.New("facades are missing")}, "use Juju 3.6 or 4.0", "The controller does not offer %s.", strings.Join(missing, ", "))
		return
	}
	d.good("The controller offers all facades that are needed.")
}

func (d *doctor) cluster(c reconcile.Examination) {
	for _, blind := range c.Observation.Blind {
		d.bad(errors.New("blind spots"), "", "%s: %s.", c.Name, blind)
	}
	silent := []string{}
	for _, u := range c.Observation.Units {
		if u.Facts == nil {
			silent = append(silent, u.Name)
		}
	}
	if len(silent) > 0 {
		d.warn("wait for its install hook, or see juju debug-log; the older etcd charm never will: refresh it to ours",
			"%s: no facts yet from %s.", c.Name, strings.Join(silent, ", "))
	} else {
		d.good("%s: all %d units have published facts.", c.Name, len(c.Observation.Units))
	}
	d.clocks(c)
	d.certificates(c)
	d.reach(c)
}

// clocks reports what the leading daemon has found of the machines' clocks: the application's
// status shows it.
func (d *doctor) clocks(c reconcile.Examination) {
	sentences := clockSentences.FindAllString(c.Observation.ApplicationStatus.Message, -1)
	for _, sentence := range sentences {
		d.bad(errors.New("clocks differ"), "run a time service on all machines; docs/how-to/a-clock-is-off.md tells more", "%s: %s.", c.Name, sentence)
	}
	if len(sentences) == 0 {
		d.good("%s: nobody has found a machine's clock to be off.", c.Name)
	}
}

// clockSentences are the planner's words on clocks.
var clockSentences = regexp.MustCompile(`The clock of [^;:]* is [0-9]+ min (ahead of|behind) [^;:]*`)

func (d *doctor) certificates(c reconcile.Examination) {
	ca := c.Observation.CA
	switch {
	case !ca.Related:
		d.bad(errors.New("no certificate authority"), "juju deploy easyrsa; juju integrate "+c.Name+" easyrsa",
			"%s is not related to a certificate authority.", c.Name)
		return
	case !ca.ClientCertificate && ca.Signs && ca.Answered:
		// The key stays with the daemon that has asked.
		d.good("%s: %s has signed a controller's client certificate. This command does not have its key, and has not looked at etcd itself: see jujuetcd describe.",
			c.Name, ca.Application)
	case !ca.ClientCertificate && ca.Signs && len(ca.ControllerRequests) == 0:
		d.warn("start jujuetcd run, which asks for one", "%s: no controller has asked %s for a client certificate yet.", c.Name, ca.Application)
	case !ca.ClientCertificate:
		d.bad(errors.New("no client certificate"), "wait for the provider's hooks; one whose requests a person approves waits for that person",
			"%s: %s has given no client certificate.", c.Name, ca.Application)
		return
	}
	fine := true
	for _, u := range c.Observation.Units {
		if u.Facts == nil {
			continue
		}
		leaf := u.Facts.Certificates.Server
		if leaf == nil {
			d.warn("wait for the provider's hooks", "%s has no server certificate yet.", u.Name)
			fine = false
		} else if left := leaf.NotAfter.Sub(c.Observation.Now); left < certificateSoon {
			d.bad(errors.New("certificate expires"), "have the provider sign again (for vault: reissue-certificates)",
				"%s: the server certificate ends %s.", u.Name, leaf.NotAfter.UTC().Format(time.RFC3339))
			fine = false
		}
	}
	if fine {
		d.good("%s: certificates are there and valid.", c.Name)
	}
}

// reach reports whether each client port can be reached. A refused connection can be: nothing
// listens there yet.
func (d *doctor) reach(c reconcile.Examination) {
	urls := []string{}
	for at := range c.Observation.Etcd.Health {
		urls = append(urls, at)
	}
	slices.Sort(urls)
	serving := 0
	for _, at := range urls {
		h := c.Observation.Etcd.Health[at]
		host := at
		if u, err := url.Parse(at); err == nil {
			host = u.Host
		}
		switch {
		case h.Serves:
			serving++
		case h.Fault == etcdops.FaultUnreachable:
			d.bad(errors.New("client port closed"), "let this machine reach the port (security groups open it within the model only), run jujuetcd in the model, or allow it to expose etcd to itself (spec.network.exposeTo)",
				"%s: no answer from %s.", c.Name, host)
		case h.Fault == etcdops.FaultRefused:
			d.warn("see juju status: a member that was never started is fine", "%s: nothing listens at %s.", c.Name, host)
		default:
			d.warn("see jujuetcd describe cluster "+c.Name, "%s: %s %s %s.", c.Name, host, h.Fault, h.Detail)
		}
	}
	if serving > 0 {
		d.good("%s: %s through %s.", c.Name, "a linearizable read went", plural(serving, "client port"))
	}
}
