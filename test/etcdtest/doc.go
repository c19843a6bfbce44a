// Package etcdtest runs real etcd servers with mutual TLS on loopback addresses, for tests.
//
//	cluster := etcdtest.Start(t, etcdtest.Options{Members: 3})
//	pool := etcdops.NewPool(cluster.TLS())
//	view := pool.Look(ctx, cluster.Endpoints())
//	writer := etcdtest.StartWriter(t, cluster.TLS(), cluster.Endpoints())
//	cluster.Members[0].Kill()
//	…
//	report := writer.VerifyNoneLost()
//
// Each cluster has a network 127.x.y.0/24 of its own, picked at random, so that tests run beside each other. Every server
// dies with the test, with its cleanup, and with the test process, whichever comes first. Start waits until a linearizable
// read goes through; the programs are built when they are not in the cache (package etcdbin).
//
// The functions fail the test, and are for the goroutine that runs it, unless said otherwise.
package etcdtest
