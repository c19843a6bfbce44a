//go:build race

package snapshot

// limitMemory does nothing: the race detector reserves many times what any limit could be.
func limitMemory(uint64) error { return nil }

// childEnvironment keeps the detector from waiting a second (its default) at the end of each child.
var childEnvironment = []string{"GORACE=atexit_sleep_ms=0"}
