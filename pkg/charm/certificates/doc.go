// Package certificates is where a unit asks certificate authorities for what it needs to have signed,
// and chooses among what they have given: its server and its client certificate, one for each relation
// db where the policy asks for it, and the controller's.
//
// # Use
//
//	desk := &certificates.Desk{Run: run, Machine: machine, Hostname: hostname}
//	offer, err := desk.Offers(ctx, network, spec.TLS)     // what is offered now; writes nothing
//	err = desk.Settle(ctx, offer, network.Addresses, nil) // to disk, and what is due is asked for
//	err = desk.AskForController(ctx, offer, leader)
//	with := offer.CredentialsFor("db:2", shared, now)
//
// An Offer is made in three steps, each of which may be read alone: wants, what the unit needs and has
// asked for; source, what one authority has answered; and Choice, whose leaves are used. The endpoint
// has two dialects: in the classic one (classic.go) the provider makes keys, in the newer one (csr.go,
// follow.go) it signs requests. Until the other end has shown which it speaks it is asked in both.
//
// # Guarantees
//
//   - Leaves are used of the authority that the members trust, whoever else is related, and in whatever
//     order: another one is set aside and named, and asked for nothing more.
//   - A leaf of an authority that the unit may not use yet is not taken, though its provider has given
//     nothing else: what is on disk stays, and is reported where it does not do.
//   - A leaf is taken only with its key, while it is valid, and if it is good for what it is for.
//   - What was asked stands until it is to be another: providers issue anew with each change, and
//     people may approve. A renewal is asked for once for each reason.
//   - A key is on disk before anybody hears of its request. A key or request that cannot be read is not
//     replaced, and a client's key is not withdrawn while the next is awaited.
//   - Others' words are made fit to show, and no key is in a sentence, a log or an error.
//
// # Who writes what
//
//	certificates databag of the unit          Settle, which every hook and reconcile runs
//	certificates databag of the application   AskForController, on the Juju leader
//	keys and signing requests on disk         Settle, through machine.Requests
//	TLS leaves on disk                        Settle, through machine.WriteLeaves
package certificates
