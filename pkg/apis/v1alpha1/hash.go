package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash identifies the desired state: 16 hex digits over everything but Delivery, Latch and Ops. Two deliveries with the same
// hash ask for the same machine.
func (s *EtcdUnitSpec) Hash() string {
	desired := *s
	desired.Delivery = Delivery{}
	desired.Latch = nil
	desired.Ops = nil
	// The types hold only strings, numbers, booleans and slices of them: they always encode.
	text, _ := json.Marshal(desired)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
