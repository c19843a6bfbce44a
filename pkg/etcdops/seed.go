package etcdops

import (
	"crypto/sha1" // it is etcd's choice, and protects nothing
	"encoding/binary"
)

// SeedID is the ID that etcd gives a member with this one peer URL in a static bootstrap with this token (membership.NewMember of
// every version from 3.4 to 3.7): the only way to know which member was begun where its data has never been seen.
func SeedID(token, peerURL string) MemberID {
	sum := sha1.Sum([]byte(peerURL + token)) // see above
	return MemberID(binary.BigEndian.Uint64(sum[:8]))
}
