package v1alpha1_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// TestWhatIsNoStore: each fault is found, at its place, and no credential of a URL is repeated.
func TestWhatIsNoStore(t *testing.T) {
	const secret = "hunter2"
	for want, s := range map[string]v1alpha1.SnapshotStore{
		"":                                     {Prefix: "/a/b.c/", Endpoint: "https://s3.example.com:9000/", Bucket: "my.bucket-1", Region: "eu-north-1"},
		"store.bucket: Req":                    {Credentials: v1alpha1.StoreFile},
		"store.bucket: must be":                {Bucket: "a..b"},
		"store.bucket: mus":                    {Bucket: "Bucket"},
		"store.endpoint: must be":              {Endpoint: "s3.example.com"},
		"store.endpoint: must be https":        {Endpoint: "http://s3.example.com"},
		"store.endpoint: must have no cred":    {Endpoint: "https://me:" + secret + "@s3.example.com"},
		"store.endpoint: must end with":        {Endpoint: "https://s3.example.com/bucket"},
		"store.prefix: must have no empty":     {Prefix: "a/../b"},
		"store.prefix: must have no empty par": {Prefix: "a//b"},
		"store.prefix: must be letters":        {Prefix: "a b"},
		"store.credentials":                    {Credentials: "env"},
		"store.encryption":                     {Encryption: "rot13"},
		"store.kmsKey":                         {Encryption: v1alpha1.StoreAES256, KMSKey: "k"},
		"store.keep":                           {Keep: 1001},
		"store.lock.mode":                      {Lock: v1alpha1.StoreLock{Mode: "LEGAL", Days: 1}},
		"store.lock.days":                      {Lock: v1alpha1.StoreLock{Mode: v1alpha1.StoreGovernance}},
	} {
		spec := v1alpha1.EtcdClusterSpec{Snapshots: v1alpha1.SnapshotPolicy{Store: &s}}
		faults := spec.Validate(field.NewPath("spec"))
		text := ""
		if len(faults) > 0 {
			text = faults.ToAggregate().Error()
		}
		if len(faults) > 1 || (want == "") != (text == "") || strings.Contains(text, secret) {
			t.Errorf("%+v: %s", s, text)
		}
		if at, words, _ := strings.Cut(want, ": "); !strings.Contains(text, at) || !strings.Contains(text, words) {
			t.Errorf("%+v: %q, want %q", s, text, want)
		}
	}
}

func TestThePrefixOfAStore(t *testing.T) {
	for prefix, want := range map[string]string{"": "", "/": "", "a": "a", "/a/b/": "a/b", "a.b": "a.b"} {
		if got, err := v1alpha1.CleanStorePrefix(prefix); got != want || err != nil {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
}
