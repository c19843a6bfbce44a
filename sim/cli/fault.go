package cli

import (
	"time"

	"github.com/spf13/cobra"

	"jujuetcd.io/sim/control"
)

const faultHelp = `Fault breaks something that can break. Between clients and the controller: cut closes all API
connections (and refuses new ones, with --refuse), delay holds every reply back, lose drops replies of
calls that were made; upgrade, maintenance, migrate and redirect are what a controller goes
through by itself, one at a time; refuse-watch and break-feed are for those who watch a model of
Juju 3.6, mix-pages for those who list operations; heal ends all of these. hide-departures and
tell-departures turn whether peers hear of the end of a unit: Juju 4.0 mostly tells them nothing. The controller's own
machines have numbers and addresses (jujusim info): add-controller makes one, as enable-ha does,
stop-controller and start-controller take its address away and bring it back, remove-controller takes
it away for good, so that logins tell of it no more. On units and machines: kill sends SIGKILL to a
unit's service, stop-agent and start-agent end and begin a unit's agent, stop-machine and
start-machine do so with a machine and all that runs there; lose-disk kills the services of a unit's
machine and takes the data away, change-address boots a machine with another address; partition cuts a
unit's machine off from all other machines, and heal UNIT brings it back: what runs there runs on, and
this host reaches it (for jujusim start --own-networks).`

func (a *App) fault() *cobra.Command {
	c := &cobra.Command{
		Use: "fault KIND", Short: "Break something, to see what happens", Long: faultHelp,
		Example: "  jujusim fault kill etcd/1\n  jujusim fault cut --refuse\n  jujusim fault heal\n" +
			"  jujusim fault partition etcd/1\n  jujusim fault heal etcd/1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("fault: unknown kind %q", args[0])
			}
			return usage("fault: no kind is given")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	c.AddCommand(
		a.faultCut(), a.faultDelay(), a.faultLose(),
		a.simpleFault(control.Upgrade, "", "The controller is being upgraded: calls are refused, but for a model's status"),
		a.simpleFault(control.Maintenance, "", "Connections are closed, and nobody may log in"),
		a.simpleFault(control.Migrate, "", "Models are about to move: calls on them are refused, but for their status"),
		a.simpleFault(control.Redirect, "", "Models have moved to another controller, as a login tells"),
		a.simpleFault(control.RefuseWatch, "", "Refuse to tell of changes (3.6): WatchAll fails"),
		a.simpleFault(control.BreakFeed, "", "End what tells of changes now (3.6): AllWatcher.Next fails"),
		a.simpleFault(control.MixPages, "", "Cut lists of operations into pages before they are filtered"),
		a.simpleFault(control.ReportDepartures, "", "Tell every peer of the end of a unit, as Juju 3.6 does"),
		a.simpleFault(control.HideDepartures, "", "Tell peers nothing of it, until they start anew or are upgraded, as Juju 4.0 mostly does"),
		a.faultVerb(&control.Fault{Kind: control.Heal}, "heal [UNIT]", "End all faults of the API, or a unit's partition", between(0, 1, "unit")),
		a.simpleFault(control.AddController, "", "Give the controller one more machine, with an address of its own"),
		a.controllerFault(control.StopController, "Take a controller's machine down"),
		a.controllerFault(control.StartController, "Bring it up again"),
		a.controllerFault(control.RemoveController, "Take it down for good: logins tell no more of it"),
		a.simpleFault(control.Partition, "UNIT", "Cut a unit's machine off from all other machines"), a.faultKill(),
		a.simpleFault(control.StopAgent, "UNIT", "End a unit's agent"), a.simpleFault(control.StartAgent, "UNIT", "Start it again"),
		a.faultLoseDisk(), a.simpleFault(control.ChangeAddress, "MACHINE", "Boot a machine with another address"),
		a.simpleFault(control.StopMachine, "MACHINE", "Stop a machine"), a.simpleFault(control.StartMachine, "MACHINE", "Boot it again"),
	)
	return c
}

// faultVerb makes the command of a kind; what it does not take from the arguments, flags put into
// f.
func (a *App) faultVerb(f *control.Fault, use, short string, args cobra.PositionalArgs) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: args, ValidArgsFunction: a.completeUnits,
		RunE: func(c *cobra.Command, args []string) error {
			f.Model = a.model
			if len(args) > 0 {
				f.Target = args[0]
			}
			if len(args) > 1 {
				f.Service = args[1]
			}
			return a.client().Fault(c.Context(), *f)
		},
	}
	return a.modelFlag(c)
}

func (a *App) simpleFault(kind, target, short string) *cobra.Command {
	if target == "" {
		return a.faultVerb(&control.Fault{Kind: kind}, kind, short, exactly())
	}
	return a.faultVerb(&control.Fault{Kind: kind}, kind+" "+target, short, exactly(target))
}

// controllerFault is about a controller's machine, which is no unit.
func (a *App) controllerFault(kind, short string) *cobra.Command {
	c := a.simpleFault(kind, "NUMBER", short)
	c.ValidArgsFunction = cobra.NoFileCompletions
	return c
}

func (a *App) faultCut() *cobra.Command {
	f := &control.Fault{Kind: control.Cut}
	c := a.faultVerb(f, "cut", "Close all API connections", exactly())
	c.Flags().BoolVar(&f.Refuse, "refuse", false, "and refuse new ones until healed")
	return c
}

func (a *App) faultDelay() *cobra.Command {
	f := &control.Fault{Kind: control.Delay}
	c := a.faultVerb(f, "delay DURATION", "Hold every API reply back", exactly("duration"))
	c.PreRunE = func(_ *cobra.Command, args []string) (err error) {
		if f.Delay, err = time.ParseDuration(args[0]); err != nil || f.Delay < 0 {
			return usage("delay: cannot read duration %q, as in 500ms or 2s", args[0])
		}
		return nil
	}
	return c
}

func (a *App) faultLose() *cobra.Command {
	f := &control.Fault{Kind: control.Lose}
	c := a.faultVerb(f, "lose", "Lose replies of calls that were made", exactly())
	c.Flags().IntVarP(&f.Count, "count", "n", 1, "how many; -1 for all until healed")
	c.Flags().StringVar(&f.Only, "call", "", "only of this call, as in Action.EnqueueOperation")
	return c
}

func (a *App) faultLoseDisk() *cobra.Command {
	f := &control.Fault{Kind: control.LoseDisk}
	c := a.faultVerb(f, control.LoseDisk+" UNIT", "Kill the services of a unit's machine, and take their data away", exactly("unit"))
	c.Flags().StringVar(&f.Path, "path", "", "the folder that is lost; etcd's data if none is given")
	return c
}

func (a *App) faultKill() *cobra.Command {
	return a.faultVerb(&control.Fault{Kind: control.Kill}, "kill UNIT [SERVICE]", "Send SIGKILL to a unit's service", between(1, 2, "unit"))
}
