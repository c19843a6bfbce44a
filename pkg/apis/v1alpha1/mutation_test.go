//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package v1alpha1_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	const phases = "TestAPhase|TestAHalt"
	mutation.Test(t, []guard{
		{"what is on disk is not trusted before it is read", "facts.go", "if f.Running == nil || len(f.Running.CA) == 0 {", "if true {", "TestAMemberTrusts"},
		{"nor what would not be read again", "facts.go", "if slices.Contains(f.Running.CA, print) {", "if slices.Contains(f.Certificates.CA, print) {", "TestAMemberTrusts"},
		{"and nothing at all is not taken for not known", "facts.go", "if len(both) == 0 {", "if false {", "TestAMemberTrusts"},
		{"a private key is not repeated", "encryption.go", "field.Invalid(path.Index(i), \"(the value given)\", err.Error())", "field.Invalid(path.Index(i), r, err.Error())", "NoRecipient"},
		{"nothing is encrypted to nobody", "encryption.go", "case n == 0:", "case n < 0:", "NoRecipient"},
		{"a head has a bound", "encryption.go", "case n > MostRecipients:", "case n < 0:", "NoRecipient"},
		{"what is no recipient is found", "validate.go", "if e := s.Snapshots.Encryption; e != nil {", "if e := s.Snapshots.Encryption; false {", "NoRecipient"},
		{"a halt needs a phase", "phase.go", "return s.Service.State == ServiceHalted || ", "return ", phases},
		{"a restore needs a phase", "phase.go", " || s.Etcd.Restore != nil", "", phases},
		{"a restore that is over needs no restart", "restart.go", "conf.Restore = nil, nil, nil", "_ = nil, nil, any(nil)", phases},
		{"a phase must be named", "phase.go", "if p == nil || p.ID", "if p == nil { return nil }; if p.ID", phases},
		{"with its entry", "phase.go", "p.ID == \"\" || ", "", phases},
		{"and where that is", "phase.go", " || p.Phase == \"\"", "", phases},
		{"a journal that can be read", "phase.go", "err != nil {\n\t\treturn err\n", "err != nil {\n\t\treturn nil\n", phases},
		{"entries that can be read", "phase.go", "return fmt.Errorf(\"cannot read an entry", "continue; return fmt.Errorf(\"cannot read an entry", phases},
		{"its own entry", "phase.go", "if e.ID == p.ID {", "if true {", phases},
		{"an entry that is there", "phase.go", "case len(found) == 0:\n\t\treturn", "case len(found) == 0:\n\t\treturn nil; return", phases},
		{"once", "phase.go", "case len(found) > 1:", "case false:", phases},
		{"in that phase and direction", "phase.go", "case found[0] != *p:", "case found[0].ID != p.ID:", phases},
	})
}
