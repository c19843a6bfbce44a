// Package tlsfiles keeps the TLS material of one unit: a CA bundle, and two leaves with their keys.
//
// # Use
//
//	files := tlsfiles.In("/var/snap/etcd/common", disk)
//	wrote, err := files.WriteLeaf(tlsfiles.Server, leaf, tlsfiles.Check{Now: now, Names: addresses})
//	config, err := files.ClientConfig()
//
// # Guarantees
//
//   - A leaf is written only if its key fits, it is valid now, is good for both ends of a connection, and verifies against the
//     bundle on disk, if there is one. What is on disk stays where a check fails.
//   - A certificate and its key change at once, and fit each other after a crash at any instruction (durable.Set); also where agents
//     before have left plain files, which are taken over first.
//   - A bundle is written only if the leaves that are on disk verify against it: no member is left with a leaf that its own
//     peers do not trust.
//   - Text around the PEM blocks is dropped. Keys are 0600, certificates 0644; all belong to the user that runs this (root).
//   - No error and no String holds key material.
//
// # Who writes what
//
//	ca.crt                       machine.Apply, with WriteBundle (etcd reads it only when it starts)
//	server.crt/key client.crt/key  every hook and machine.Apply, with WriteLeaf (etcd reads the server's at each handshake)
package tlsfiles
