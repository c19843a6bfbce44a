package house

// floors are the packages from the ground up. A package imports only from floors below its own, so
// that who reads one needs to know only what is further down; the large rooms, and what each must
// not know at all, are in the rules of depguard in .golangci.yml. A new package stands on the lowest
// floor that is above all that it imports.
var floors = [][]string{
	{ // what everybody may know
		"pkg/apis/v1alpha1", "pkg/jujuapi/wire", "pkg/pause", "pkg/pki", "pkg/printable",
		"deploy/charm", "deploy/dashboards", "deploy/systemd",
		"sim/charm", "sim/netns", "sim/profile", "sim/scp", "sim/snapd",
		"pkg/machine/durable",
	},
	{ // the two outside worlds; objects on disk and in memory
		"pkg/etcdops", "pkg/jujuapi", "pkg/snapshot",
		"pkg/reconcile/options", "pkg/reconcile/policy", "pkg/reconcile/registry",
		"pkg/machine/etcdconf", "pkg/machine/nagios", "pkg/machine/owner", "pkg/machine/record", "pkg/machine/service",
		"pkg/machine/snapd", "pkg/machine/tlsfiles",
		"pkg/charm/detached", "pkg/charm/hooktool",
		"sim/model", "sim/service",
		"deploy/charm/pack",
	},
	{ // what the loops see, and what a unit has
		"pkg/reconcile/observation", "pkg/reconcile/registry/registrytest", "pkg/reconcile/world",
		"pkg/machine/datadir", "pkg/machine/requests",
		"pkg/snapshot/store",
		"pkg/charm/charmtest", "pkg/charm/dispatch",
		"sim/control", "sim/fleet", "sim/hooktool", "sim/server",
	},
	{ // what is thought and remembered; a machine, and the agents in an embedded Juju
		"pkg/reconcile/keyring", "pkg/reconcile/memory", "pkg/reconcile/planner", "pkg/reconcile/worldtest",
		"pkg/machine",
		"sim", "sim/agent",
	},
	{ // what is done
		"pkg/reconcile/act", "pkg/reconcile/through",
		"pkg/charm/actions", "pkg/charm/certificates",
		"sim/cli", "sim/machine",
	},
	{"pkg/reconcile/observe", "pkg/charm"},
	{"pkg/reconcile"},
	{"cmd/jujuetcd", "cmd/jujuetcd-agent", "cmd/jujusim"},
}
