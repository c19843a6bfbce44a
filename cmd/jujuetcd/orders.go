package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// orderOptions are those of the verbs that have the charm's action of the same name run on Juju's leader. They need no daemon here: the
// unit notes what was asked for, and whichever daemon leads the cluster sees to it.
type orderOptions struct {
	connection
	stateDir, provider string
	timeout            time.Duration
}

// orderCommands are what a person can ask the controller for.
func orderCommands() []*cobra.Command {
	var rotation orderOptions
	rotate := orderCommand(&rotation, v1alpha1.ActionRotateCA, "Have members and clients trust another certificate authority",
		`Have members and clients trust another certificate authority, which is offered
by the provider that is related, or by a second one. It takes three phases:
members trust both; certificates of the new authority take the place of the old
ones; members trust the new one alone. Before each of the last two it waits for
you: describe tells what clients that are not related need first, and proceed
has it go on. Until the last one has begun, go-back undoes it.`,
		`  jujuetcd rotate-ca etcd
  jujuetcd rotate-ca etcd --provider vault   # where several offer one
  jujuetcd describe cluster etcd             # what it waits for
  jujuetcd proceed etcd`)
	rotate.Flags().StringVar(&rotation.provider, "provider", "", "application whose authority is trusted next (default: the only one that offers another)")
	if err := rotate.RegisterFlagCompletionFunc("provider", cobra.NoFileCompletions); err != nil {
		panic(err) // a mistake in this program
	}
	return []*cobra.Command{
		orderCommand(new(orderOptions), v1alpha1.ActionRestart, "Restart every member, one at a time",
			`Restart every member, one at a time, followers first, while the others keep
the quorum. The order is given when this command has ended; the restarts follow.`,
			`  jujuetcd restart etcd
  jujuetcd get units -w        # see them go by
  jujuetcd restart etcd --model admin/prod`),
		orderCommand(new(orderOptions), v1alpha1.ActionDefrag, "Have every member defragment its database, one at a time",
			`Have every member give the space in its database that is not in use back to the
disk, one at a time, the leader last, while all others serve. A member serves
nobody while it does, some seconds for each GiB in use. Compact first: without
that little is free. The order is given when this command has ended.`,
			`  juju run etcd/leader compact
  jujuetcd defrag etcd
  jujuetcd get units -w        # see them go by
  jujuetcd describe unit etcd/0   # what its database had before, and has now`),
		rotate,
		orderCommand(new(orderOptions), v1alpha1.ActionProceed, "Go on with a procedure that waits for you",
			`Go on with a procedure that waits for you, such as the replacement of a
certificate authority. describe tells what you should have done before. The
word counts for the phase that the procedure is in now, and for no later one.`,
			`  jujuetcd describe cluster etcd   # under "Procedures": what to do before
  jujuetcd proceed etcd`),
		orderCommand(new(orderOptions), v1alpha1.ActionGoBack, "Go back to before a procedure that is under way",
			`Go back to before a procedure that is under way, as long as there is a way
back: describe tells.`,
			`  jujuetcd describe cluster etcd   # under "Procedures": whether it can
  jujuetcd go-back etcd`),
	}
}

func orderCommand(o *orderOptions, action, short, long, example string) *cobra.Command {
	form := fmt.Sprintf("jujuetcd %s APPLICATION", action)
	c := &cobra.Command{
		Use: action + " APPLICATION", Short: short, Example: example,
		Long: long + `

Juju's leader of the application runs the charm's action of the same name, as
with juju run, and its answer is printed. Credentials come from flags, else from
the environment, else from the juju client's files, as for run.`,
		Args:              wants(1, 1, "the application", form),
		ValidArgsFunction: o.completes,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c, action, args[0]) },
	}
	o.flagsOf(c, 2*time.Minute)
	return c
}

// flagsOf are those of every verb that has an action run.
func (o *orderOptions) flagsOf(c *cobra.Command, timeout time.Duration) {
	f := c.Flags()
	f.StringArrayVar(&o.models, "model", nil, "model of the application, such as prod or admin/prod (default: $JUJU_MODEL, or the juju client's current model)")
	o.loginFlags(c)
	f.StringVar(&o.stateDir, "state-dir", defaultStateDir(os.Getenv, os.Geteuid()), "directory where the daemon remembers the controller's addresses")
	f.DurationVar(&o.timeout, "timeout", timeout, "how long to wait for the answer; what was asked for stands all the same")
	completesFlags(c, o.daemon())
}

// daemon is who completes names, if one runs here.
func (o *orderOptions) daemon() *asking {
	a := &asking{socket: defaultSocket(os.Getenv, os.Geteuid())}
	if n := len(o.models); n > 0 { // a shell's completion reads flags twice
		a.model = withoutController(o.models[n-1])
	}
	return a
}

func (o *orderOptions) completes(c *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completesCluster(o.daemon())(c, args, word)
}
