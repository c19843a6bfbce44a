//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package pki_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	mutation.Test(t, []guard{
		{"another block is no certificate", "pem.go", "if block.Type == certificateType {", "if true {", ""},
		{"all or none", "pem.go", "return nil, fmt.Errorf(\"cannot read certificate", "return certs, fmt.Errorf(\"cannot read certificate", ""},
		{"one that cannot be read hides no other", "pem.go", "fault = err\n\t\t\tcontinue", "return certs, err", ""},
		{"a public key is no key", "pem.go", "\"PRIVATE KEY\")", "\"KEY\")", ""},
		{"no fingerprints mean all", "bundle.go", "if len(fingerprints) == 0 {", "if fingerprints == nil && len(bundle) == 0 {", ""},
		{"each once", "bundle.go", "if !slices.ContainsFunc(list, c.Equal) {", "if true {", ""},
		{"the key stays", "asked.go", "if key == nil {", "if true {", ""},
		{"a renewal is due at two thirds", "due.go", "if now.Before(RenewAt(cert)) {", "if false {", ""},
	})
}
