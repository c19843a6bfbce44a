package v1alpha1

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// SnapshotEncryption has what the schedule takes encrypted on the unit, before it is kept anywhere. It has
// public keys only: the identity that opens it is read by the unit, from IdentityFile.
type SnapshotEncryption struct {
	// Recipients are age's public keys (age1…). Who has the identity of any one of them can open what is
	// encrypted.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	Recipients []string `json:"recipients"`
}

// MostRecipients bounds SnapshotEncryption.Recipients: each makes the head of a file longer.
const MostRecipients = 20

// IdentityFile is where a unit looks for the identity that opens encrypted snapshots: what age-keygen
// writes, which root alone may read.
const IdentityFile = "/etc/jujuetcd/age-identity"

// identityMark begins age's private keys, in the letters in which they are written and in any other.
const identityMark = "AGE-SECRET-KEY-"

// CheckRecipient is why this is no public key that can be encrypted to. It repeats nothing of the text,
// which may be a private key by mistake.
func CheckRecipient(text string) error {
	if strings.Contains(strings.ToUpper(text), identityMark) {
		return errors.New("must be a public key: this is a private one, which anybody who reads the policy knows by now; make another pair")
	}
	if _, err := age.ParseX25519Recipient(text); err != nil {
		return errors.New("must be a public key of age such as age-keygen prints: age1 and 58 letters and digits")
	}
	return nil
}

// validate reports what is wrong with the encryption at path.
func (e *SnapshotEncryption) validate(path *field.Path) field.ErrorList {
	var faults field.ErrorList
	path = path.Child("recipients")
	switch n := len(e.Recipients); {
	case n == 0:
		faults = append(faults, field.Required(path, "nobody could open what is encrypted to nobody"))
	case n > MostRecipients:
		faults = append(faults, field.Invalid(path, n, fmt.Sprintf("must be at most %d", MostRecipients)))
	}
	for i, r := range e.Recipients {
		if err := CheckRecipient(r); err != nil {
			faults = append(faults, field.Invalid(path.Index(i), "(the value given)", err.Error()))
		} else if slices.Contains(e.Recipients[:i], r) {
			faults = append(faults, field.Duplicate(path.Index(i), r))
		}
	}
	return faults
}
