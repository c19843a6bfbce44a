//go:build tools

// Package tools pins the etcd programs of one minor that tests run for real.
package tools

import (
	_ "go.etcd.io/etcd"
	_ "go.etcd.io/etcd/etcdctl"
)
