// Package dispatch is one hook or action of one unit, as Juju shows the world to it: what stands in
// the environment, what hook tools say about relations and addresses, and the two databags that the
// unit shares with its peers and the controller.
//
// # Use
//
//	env, err := dispatch.ReadEnv(os.Getenv)
//	release, err := dispatch.Lock(ctx, "/", env.Unit)
//	run := &dispatch.Run{Env: env, Tools: tools, Log: dispatch.JujuLog(ctx, tools), Now: time.Now}
//	p, err := run.Published(ctx) // the unit's facts, as Juju has them
//	err = run.Publish(ctx, p, facts, nil)
//
// # Guarantees
//
//   - A relation that the running hook takes down is not among Relations, though Juju still lists
//     it.
//   - Publish writes only what differs, because each write runs a hook on every peer. With another
//     version of etcd in the facts it sets the application's version, too.
//   - A published text that cannot be read, say of another version of the agent, counts as none.
//   - While one dispatch of a unit has the Lock no other gets it, also where Juju has given it up.
//   - Nothing is written to standard output or error, which Juju takes for an action's results.
//
// What a hook or an action does is not here: see package charm and its other rooms.
package dispatch
