// Package nspawn makes machines with real systemd and real snapd for tests: systemd-nspawn containers on a Debian root, joined
// by a bridge.
//
// # Use
//
//	image, err := nspawn.Image(ctx, log)       // once; cached
//	err = nspawn.Bridge(ctx)                   // in a network namespace of one's own
//	m := nspawn.New(nspawn.Options{Image: image, Name: "n0", Dir: dir, Address: "10.123.0.10"})
//	err = m.Start(ctx)
//	out, err := m.Output(ctx, "systemctl", "is-system-running")
//	m.PowerOff()
//	m.Close()
//
// It needs root, and systemd-nspawn, mmdebstrap, mksquashfs and ip (Missing tells); the caller is expected to live in network, mount
// and process namespaces of its own, so that nothing outlives it.
//
// # Guarantees
//
//   - The image is made once for each recipe, in the user's cache, by one process at a time, and is never written afterwards: a
//     machine writes to a layer of its own below Options.Dir.
//   - PowerOff is a power cut: nothing is told to stop. What was written is there after the next Start.
//   - Close leaves no process, mount or control group behind.
//
// # Who writes what
//
//	~/.cache/jujuetcd/machine/<recipe>     Image
//	Options.Dir/<name>, <name>.layer       Machine
//	/sys/fs/cgroup/…/jujuetcd-…            Machine
//	bridge br0, its ports vb-<name>        Bridge, systemd-nspawn
package nspawn
