//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package certificates_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail. Guards that only a whole dispatch misses are in the table of package charm.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	const tests = "Offer|Request|Answer|Provider"
	mutation.Test(t, []guard{
		{"over is no offer", "source.go", "case err != nil:\n\t\treturn candidate{}, f.cert", "case false:\n\t\treturn candidate{}, f.cert", tests},
		{"names go first", "choice.go", "cmp.Compare(rank(a), rank(b)),", "0*cmp.Compare(rank(a), rank(b)),", tests},
		{"a request that stands is not touched", "classic.go", " && covers(asked, n.sans) {", " && len(asked) == 0 {", tests},
		{"a key that does not fit is none", "source.go", "if err != nil {\n\t\t// The cause may quote the input", "if err != nil && false {\n\t\t// The cause may quote the input", tests},
		{"the leader alone asks for the controller", "controller.go", "if !leader {", "if false {", "Controller"},
		{"who comes next is asked", "desk.go", "slices.Contains(o.aside, id) && slices.Contains(next.aside, id)", "slices.Contains(o.aside, id)", "Next"},
		{"a further one's server certificate is not used early", "choice.go", "best(verified(tlsfiles.Server, servers, trusted, now), needs)", "best(servers, needs)", "Early"},
		{"nor its client certificate", "choice.go", "best(verified(tlsfiles.Client, shared, trusted, now), nil)", "best(shared, nil)", "Early"},
		{"nor a client's own", "choice.go", "verified(tlsfiles.Client, list, trusted, now)...)", "list...)", "Early"},
		{"before members are known all are used", "choice.go", "	if len(trusted) == 0 {\n\t\treturn list", "	if false {\n\t\treturn list", "Early"},
		{"what is withheld is reported", "early.go", "if h.Certificate != nil && pki.Due(", "if h.Certificate == nil || pki.Due(", "Early"},
		{"what is good meanwhile is no news", "early.go", "if h.Certificate != nil && pki.Due(", "if false && pki.Due(", "Early"},
		{"the other one's leaves are not used meanwhile", "desk.go", "o.trusted = pki.Among(bundled, spec.Leaves)", "o.trusted = bundled", "Next"},
	})
}
