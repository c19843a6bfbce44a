package machine

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// fullDisk says that the error comes of a disk on which nothing can be written any more, in whose
// words whatever: our own writes', or etcd's and snapd's, which report theirs as text.
func fullDisk(err error) bool {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	text := strings.ToLower(err.Error())
	for _, words := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if strings.Contains(text, words.Error()) {
			return true
		}
	}
	return false
}

// diskFull calls it by its name: the error alone would send people after whatever happened to be
// written.
func diskFull(err error) error {
	return fmt.Errorf("the disk of this machine is full, free some space: %w", err)
}
