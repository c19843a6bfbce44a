package v1alpha1

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// SnapshotStore is an S3-compatible store in which snapshots of the schedule are kept beside those
// on the units. It has names only: the unit reads the credentials itself. What is empty is as the
// relation s3-credentials says, if they come from there.
type SnapshotStore struct {
	// Endpoint is the URL of the store. Without one it is Amazon's.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`
	// Bucket exists already.
	// +optional
	Bucket string `json:"bucket,omitempty"`
	// Prefix is the folder in the bucket. Several clusters may share one. Default etcd-snapshots.
	// +optional
	Prefix string `json:"prefix,omitempty"`
	// +optional
	Region string `json:"region,omitempty"`
	// PathStyle has the bucket in the path of a URL, and not in its host.
	// +optional
	PathStyle bool `json:"pathStyle,omitempty"`
	// Credentials are where the unit finds them. Default relation.
	// +optional
	// +kubebuilder:default=relation
	Credentials StoreCredentials `json:"credentials,omitempty"`
	// Keep is how many snapshots of a cluster are kept in the store, the newest. Default: as many as
	// on each unit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Keep int32 `json:"keep,omitempty"`
	// Encryption is what the store is asked to encrypt with. Default: as the bucket is set up.
	// +optional
	Encryption StoreEncryption `json:"encryption,omitempty"`
	// KMSKey names the key of encryption aws:kms. Default: the store's.
	// +optional
	KMSKey string `json:"kmsKey,omitempty"`
	// Lock keeps the store from deleting or changing a snapshot. The bucket must be set up for it.
	// +optional
	Lock StoreLock `json:"lock,omitzero"`
}

// StoreLock is how long nobody can delete an object.
type StoreLock struct {
	Mode StoreLockMode `json:"mode"`
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days int32 `json:"days"`
}

// StoreCredentials are where a unit finds the credentials of a store.
//
// +kubebuilder:validation:Enum=relation;file;machine
type StoreCredentials string

// The places that credentials come from.
const (
	StoreRelation StoreCredentials = "relation" // the relation s3-credentials
	StoreFile     StoreCredentials = "file"     // StoreCredentialsFile on the unit
	StoreMachine  StoreCredentials = "machine"  // what the cloud gives the machine
)

// StoreEncryption is who encrypts an object in the store.
//
// +kubebuilder:validation:Enum=AES256;aws:kms
type StoreEncryption string

// The ways of encryption that a store has.
const (
	StoreAES256 StoreEncryption = "AES256"
	StoreKMS    StoreEncryption = "aws:kms"
)

// StoreLockMode is whom an object is locked for.
//
// +kubebuilder:validation:Enum=GOVERNANCE;COMPLIANCE
type StoreLockMode string

// The modes of object lock.
const (
	StoreGovernance StoreLockMode = "GOVERNANCE"
	StoreCompliance StoreLockMode = "COMPLIANCE"
)

// StoreCredentialsFile is where a unit looks for credentials: a file of Amazon's form, with the
// profile default, which root alone may read.
const StoreCredentialsFile = "/etc/jujuetcd/s3-credentials"

// DefaultStorePrefix is the folder in a bucket, if nobody says otherwise.
const DefaultStorePrefix = "etcd-snapshots"

// mostLockedDays is a hundred years: more is a slip of the pen that nobody can take back.
const mostLockedDays = 36500

// bucketForm is the form of names that S3 allows (its user guide, general purpose buckets).
var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// prefixForm leaves out what is not safe in a key everywhere (the same guide, object keys).
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9!_.*'()/=+@:-]{1,512}$`)

// CleanStorePrefix is a folder without slashes at its ends; an error says why it is none. Nothing
// in it may be taken for a way up, because what is there is deleted by its name.
func CleanStorePrefix(prefix string) (string, error) {
	clean := strings.Trim(prefix, "/")
	if clean == "" {
		return "", nil
	}
	if !prefixForm.MatchString(clean) {
		return "", errors.New("must be letters, digits, slashes and !_.*'()=+@:- only, at most 512")
	}
	for part := range strings.SplitSeq(clean, "/") {
		if part == "" || part == "." || part == ".." {
			return "", errors.New("must have no empty part, nor . or .. as one")
		}
	}
	return clean, nil
}

// CheckBucket is why a bucket cannot have this name.
func CheckBucket(name string) error {
	if !bucketForm.MatchString(name) || strings.Contains(name, "..") {
		return errors.New("must be 3 to 63 lower-case letters, digits, dots and dashes")
	}
	return nil
}

// CheckStoreEndpoint is why this is no URL of a store. In clear anybody on the way could read what
// is in the cluster, the Secrets of a Kubernetes among it, and give back something else.
func CheckStoreEndpoint(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.Hostname() == "":
		return errors.New("must be a URL such as https://s3.example.com")
	case u.Scheme != "https":
		return errors.New("must be https: a snapshot holds all that is in the cluster")
	case u.User != nil:
		return errors.New("must have no credentials in it")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("must end with the host: the bucket and the prefix have fields of their own")
	}
	return nil
}

// validate reports what is wrong with the store at path.
func (s *SnapshotStore) validate(path *field.Path) field.ErrorList {
	var faults field.ErrorList
	wrong := func(name string, value any, err error) {
		if err != nil {
			faults = append(faults, field.Invalid(path.Child(name), value, err.Error()))
		}
	}
	if s.Endpoint != "" {
		// A value that has credentials in it is not repeated.
		if err := CheckStoreEndpoint(s.Endpoint); err != nil {
			faults = append(faults, field.Invalid(path.Child("endpoint"), "(the value given)", err.Error()))
		}
	}
	if s.Bucket != "" {
		wrong("bucket", s.Bucket, CheckBucket(s.Bucket))
	}
	_, err := CleanStorePrefix(s.Prefix)
	wrong("prefix", s.Prefix, err)
	switch s.Credentials {
	case "", StoreRelation:
	case StoreFile, StoreMachine:
		if s.Bucket == "" {
			faults = append(faults, field.Required(path.Child("bucket"), "only a relation tells one"))
		}
	default:
		faults = append(faults, field.NotSupported(path.Child("credentials"), s.Credentials, []StoreCredentials{StoreRelation, StoreFile, StoreMachine}))
	}
	switch s.Encryption {
	case "", StoreAES256, StoreKMS:
	default:
		faults = append(faults, field.NotSupported(path.Child("encryption"), s.Encryption, []StoreEncryption{StoreAES256, StoreKMS}))
	}
	if s.KMSKey != "" && s.Encryption != StoreKMS {
		faults = append(faults, field.Invalid(path.Child("kmsKey"), s.KMSKey, "needs encryption: aws:kms"))
	}
	if s.Keep < 0 || s.Keep > MostKept {
		faults = append(faults, field.Invalid(path.Child("keep"), s.Keep, fmt.Sprintf("must be between 1 and %d", MostKept)))
	}
	if lock := path.Child("lock"); s.Lock != (StoreLock{}) {
		if s.Lock.Mode != StoreGovernance && s.Lock.Mode != StoreCompliance {
			faults = append(faults, field.NotSupported(lock.Child("mode"), s.Lock.Mode, []StoreLockMode{StoreGovernance, StoreCompliance}))
		}
		if s.Lock.Days < 1 || s.Lock.Days > mostLockedDays {
			faults = append(faults, field.Invalid(lock.Child("days"), s.Lock.Days, fmt.Sprintf("must be between 1 and %d", mostLockedDays)))
		}
	}
	return faults
}
