// Package jujuapi speaks to Juju: to a model as its client, over Juju's own websocket protocol.
//
// It is small on purpose: the facades that the controller needs (Client, AllWatcher, Application,
// Action, ModelManager, Pinger), in every version that Juju 2.9 to 4.0 offers of them. The official
// Go client cannot be had as a module.
//
// # Use
//
//	target, err := jujuapi.Find(jujuapi.Explicit{Model: "prod"}, os.Getenv) // flags, environment, or the juju client's files
//	models := jujuapi.OpenController(ctx, target.Controller, jujuapi.Options{})
//	ref, err := models.Resolve(ctx, target.Model)
//	session := jujuapi.OpenModel(ctx, target.Controller, ref, jujuapi.Options{Budget: budget, Action: "reconcile"})
//	defer session.Close()
//	source := jujuapi.NewSource(session)
//	err = source.Run(ctx, func(m *jujuapi.Model) { … })
//
// A Session keeps one connection to one model, and makes a new one when it breaks. Its methods read
// the model (Snapshot, UnitsInfo, Options), and run actions on units (Enqueue, Task, Tasks). A
// Source asks for snapshots, often while somebody waits for a change and seldom while nothing
// happens, and reports those whose content is new. Where the controller has an AllWatcher (up to
// 3.6), its deltas say when to ask (Listen, Hint), and are nothing but hints. What a model holds is
// given as a Model, in which the differences between Juju's versions are taken out.
//
// A Conn is one bare connection, for those who need single calls (the conformance tests of
// test/conformance do).
//
// # Guarantees
//
//   - Everything is safe for concurrent use. A call ends with its context; the answer that comes
//     late is dropped.
//   - No call is repeated by this package: whoever enqueues an action decides whether to ask again.
//     An error of a call says nothing about whether the controller carried it out, unless it is an
//     *Error.
//   - Session.Tasks misses no task that is not final, though lists of operations on 4.0 may: the
//     first list of an application is read through all operations, and tasks known since are asked
//     for by their ids.
//   - With hints no change is missed that polling would see: it is seen 0.3 s after the last hint
//     and 2 s after the first; what Juju does not report (leaders, databags, lost agents) within a
//     minute, within 6 s while somebody waits, and at once where a hook ran because of it. Our own
//     action's beginning and end are weaker hints, followed within 2 s.
//   - The way is chosen anew on each connection; where watching is refused the model is polled as
//     long as that lasts.
//   - A connection that is lost fails all its calls with ErrConnectionLost at once. A Session
//     redials with a growing, jittered delay of 1 to 60 s, and no sooner than after 60 s where a
//     person is needed (NeedsPerson).
//   - A login that is not answered for 5 s has the other addresses tried beside it, and is waited
//     for all the same, for a minute at most: whoever lets us in first is kept.
//   - The controller's certificate is always verified: against its own CA under the name
//     juju-apiserver, or against the system's roots under its public name.
//   - Addresses that logins gave are tried when no configured one answers, at once or after a
//     second; State.Silent shows. They are remembered in an AddressBook for the configuration that
//     they were given under, and the controller must prove itself there by its own CA, and be the
//     one that published them. A ControllerSession asks every ten minutes for them, by one more
//     login: a connection does not say.
//   - Passwords are in Controller values only, as a Secret that does not print, and on the wire;
//     never in an error or a log, and nothing that passes on the wire is ever logged.
//   - Close waits until every goroutine is gone.
package jujuapi
