// Package etcdconf renders etcd's configuration file, and checks it against the version of etcd that will read it.
//
// etcd does not: it ignores keys of its file that it does not know, in silence, and so a check that was renamed is off after
// an upgrade. The table in keys.go says which version knows which key; everything that is written comes from it.
//
// # Use
//
//	version, err := etcdconf.ParseVersion("3.6.16")
//	text, err := etcdconf.Render(spec, paths, version)
//	hash := etcdconf.RestartHash(text, bundle, 0)
//
// # Guarantees
//
//   - Render refuses what etcd would refuse, or take for something else, and names all faults at once.
//   - Each version from 3.4 to 3.7 gets exactly keys that it knows, with the types that it expects.
//   - The same input gives the same bytes. The file holds no secret: keys are named by path.
//   - Always on: TLS and client certificates on both sides, strict-reconfig-check, pre-vote, the corruption checks that the
//     version has. Never written: auto-tls other than false, force-new-cluster.
//
// All functions are pure.
package etcdconf
