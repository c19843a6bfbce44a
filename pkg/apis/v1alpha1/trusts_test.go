package v1alpha1_test

import (
	"slices"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// TestAMemberTrustsWhatItsProcessHasReadAndWouldReadAgain: and an older agent tells the latter.
func TestAMemberTrustsWhatItsProcessHasReadAndWouldReadAgain(t *testing.T) {
	for name, c := range map[string]struct{ disk, process, want []string }{
		"the same":                        {[]string{"a"}, []string{"a"}, []string{"a"}},
		"one more on disk":                {[]string{"a", "b"}, []string{"a"}, []string{"a"}},
		"one more in the process":         {[]string{"a"}, []string{"b", "a"}, []string{"a"}},
		"another on disk":                 {[]string{"b"}, []string{"a"}, []string{"a"}},
		"an agent of before":              {[]string{"a", "b"}, nil, []string{"a", "b"}},
		"nothing is known of the process": {[]string{"a"}, []string{}, []string{"a"}},
	} {
		f := v1alpha1.UnitFacts{Certificates: v1alpha1.CertificateFacts{CA: c.disk}, Running: &v1alpha1.RunningFacts{CA: c.process}}
		if got := f.Trusts(); !slices.Equal(got, c.want) {
			t.Errorf("%s: trusts %v, not %v", name, got, c.want)
		}
	}
	if got := (v1alpha1.UnitFacts{Certificates: v1alpha1.CertificateFacts{CA: []string{"a"}}}).Trusts(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("no process: trusts %v", got)
	}
}

// TestWhomAProcessTrustsIsNoPartOfWhatTheSpecSays: a spec may leave the bundle as it is.
func TestWhomAProcessTrustsIsNoPartOfWhatTheSpecSays(t *testing.T) {
	spec := v1alpha1.EtcdUnitSpec{TLS: v1alpha1.TLSSpec{CABundle: "a bundle", Leaves: []string{"a"}}}
	read := spec.ReadAtStart()
	read.CA = []string{"a"}
	if !read.Same(spec.ReadAtStart()) {
		t.Error("whom it trusts makes it another")
	}
	read.RestartStamp++
	if read.Same(spec.ReadAtStart()) {
		t.Error("another stamp does not")
	}
}
