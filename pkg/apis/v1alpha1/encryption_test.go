package v1alpha1_test

import (
	"strings"
	"testing"

	"filippo.io/age"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// TestWhoIsNoRecipient: all the faults are found, each at its place, and what may be a private key is not repeated.
func TestWhoIsNoRecipient(t *testing.T) {
	pair := func() (public, private string) {
		t.Helper()
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		return identity.Recipient().String(), identity.String()
	}
	good, private := pair()
	other, _ := pair()
	many := make([]string, 21)
	for i := range many {
		many[i], _ = pair()
	}
	for name, c := range map[string]struct {
		recipients []string
		want       []string
	}{
		"one":            {[]string{good}, nil},
		"two":            {[]string{good, other}, nil},
		"as many as may": {many[:20], nil},
		"one more":       {many, []string{"recipients: Invalid value: 21: must be at most 20"}},
		"nobody":         {nil, []string{"recipients: Required value: nobody could open"}},
		"nothing":        {[]string{""}, []string{"recipients[0]: Invalid value: \"(the value given)\": must be a public key of age"}},
		"a slip":         {[]string{strings.Replace(good, "age1", "age2", 1)}, []string{"recipients[0]"}},
		"another sum":    {[]string{good[:len(good)-1] + map[bool]string{true: "q", false: "p"}[good[len(good)-1] == 'p']}, []string{"recipients[0]"}},
		"one of SSH":     {[]string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"}, []string{"recipients[0]"}},
		"two in one":     {[]string{good + "\n" + other}, []string{"recipients[0]"}},
		"a private key":  {[]string{private}, []string{"recipients[0]: Invalid value: \"(the value given)\": must be a public key: this is a private one"}},
		"in small":       {[]string{strings.ToLower(private)}, []string{"this is a private one"}},
		"all at once":    {[]string{good, private, "x", good}, []string{"recipients[1]", "recipients[2]", "recipients[3]: Duplicate value"}},
	} {
		spec := v1alpha1.EtcdClusterSpec{Snapshots: v1alpha1.SnapshotPolicy{Encryption: &v1alpha1.SnapshotEncryption{Recipients: c.recipients}}}
		faults := spec.Validate(field.NewPath("spec"))
		text := ""
		if len(faults) > 0 {
			text = faults.ToAggregate().Error()
		}
		if len(faults) != len(c.want) || strings.Contains(strings.ToUpper(text), private[20:]) {
			t.Errorf("%s: %s", name, text)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) || !strings.Contains(text, "spec.snapshots.encryption.recipients") {
				t.Errorf("%s: %s, want %s", name, text, want)
			}
		}
	}
}
