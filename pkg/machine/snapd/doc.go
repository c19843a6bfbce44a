// Package snapd talks to snapd over its unix socket: snaps, services, configuration, and the changes that all of this is done
// by.
//
// # Use
//
//	client := snapd.New("/run/snapd.socket")
//	id, err := client.Install(ctx, "etcd", "3.6/stable")
//	change, err := client.Wait(ctx, id, 5*time.Second)
//	if !change.Ready {
//		return "in progress: " + change.Progress()
//	}
//
// # Guarantees
//
//   - What takes long is started and observed: every call is one short request, and Wait gives up at its limit with the change
//     as it is then.
//   - A request that meets another change of the same snap (409 snap-change-conflict) is tried again until the context, or
//     Client.Patience, is over; then the error says so: Is(err, KindConflict).
//   - Answers are those of snapd 2.57 to 2.77; fields that we do not know are ignored.
//   - A Client is safe for concurrent use, and keeps no connection open.
package snapd
