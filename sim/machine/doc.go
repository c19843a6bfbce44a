// Package machine makes a simulated machine of a folder, an address, a snapd stand-in and a supervisor of services;
// and the Fleet of a model: all its machines, and the agents of its units.
//
// # Use
//
// New makes one machine, Start boots it, Stop takes it down as a power cut would, Close ends it cleanly. NewFleet makes the
// machines and agents that a model asks for, and keeps to it until its Run's context is done; it is a fleet.Maker, and its
// methods are the faults that concern machines.
//
// A program that holds a Fleet must begin its main function (in tests TestMain) with MultiCall, because hooks call that same
// program by the names of hook tools, and as systemctl:
//
//	if code, handled := machine.MultiCall(os.Args); handled {
//		os.Exit(code)
//	}
//
// # Guarantees
//
//   - A machine's services and its agents' hooks end with it; nothing outlives Close or Run, nor the program, however it dies.
//   - Machines share the program's network, or each has its own: then services and hooks run in it, and it can be cut off.
//   - A machine that is stopped and started finds its folder as it was; enabled services start, start hooks run again.
//   - All methods are safe for concurrent use.
//
// # Who writes what
//
//	DIR/N/                        a machine's root; see packages snapd, service and agent for what lies in it
//	model: MachineStarted, MachineStopped, MachineGone     this package
package machine
