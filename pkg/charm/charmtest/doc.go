// Package charmtest has what the tests of the charm and of its rooms are made of: hook tools that
// answer from a small model of one unit, and certificate authorities, ordinary and odd ones.
//
// # Use
//
//	juju := charmtest.NewJuju()
//	tools := hooktool.New(juju)
//	ca := charmtest.NewAuthority(t, "ca")
//	cert, key := ca.Issue(charmtest.Now, 24*time.Hour, "10.0.0.4")
//
// # Guarantees
//
// Juju takes what a real one takes of a hook tool and refuses what it refuses, as far as the charm may
// come upon it; and it records every run. Certificates are good around Now, the time of these tests.
// For one test at a time; it is no part of the product.
package charmtest
