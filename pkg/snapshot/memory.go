//go:build !race

package snapshot

import "golang.org/x/sys/unix"

// limitMemory bounds what this process may write to that no file is behind.
func limitMemory(bytes uint64) error {
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: bytes, Max: bytes})
}

// childEnvironment is nothing: the child needs none of what its parent may carry there.
var childEnvironment = []string{}
