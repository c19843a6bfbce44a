package store

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Limits of one exchange with a store. One that is slower than this answers nobody.
const (
	dialLimit   = 10 * time.Second
	answerLimit = 30 * time.Second
)

// retries are made by the library, of what may pass, with pauses up to a second. What does not pass
// is tried again by the schedule.
const retries = 3

// amazon is the store without an endpoint of its own.
const amazon = "https://s3.amazonaws.com"

// Store is a folder of a bucket.
type Store struct {
	client *minio.Client
	keys   *credentials.Credentials
	policy v1alpha1.SnapshotStore
	class  string
	now    func() time.Time
}

// Open makes a store of what the policy says, and of what the relation says where the policy is
// silent. Files are looked for below root, and a secret of the relation is read only if the policy wants
// that one. It asks the store for nothing.
func Open(policy v1alpha1.SnapshotStore, related Related, root string) (*Store, error) {
	fail := func(err error) (*Store, error) { return nil, fmt.Errorf("cannot use the store: %w", err) }
	if policy.Credentials == "" {
		policy.Credentials = v1alpha1.StoreRelation
	}
	if policy.Credentials == v1alpha1.StoreRelation {
		if !related.Given() {
			return fail(errNoKeys)
		}
		policy.Endpoint = cmp.Or(policy.Endpoint, related.Endpoint)
		policy.Bucket = cmp.Or(policy.Bucket, related.Bucket)
		policy.Prefix = cmp.Or(policy.Prefix, related.Path)
		policy.Region = cmp.Or(policy.Region, related.Region)
	}
	policy.Endpoint = cmp.Or(policy.Endpoint, amazon)
	prefix, err := v1alpha1.CleanStorePrefix(cmp.Or(policy.Prefix, v1alpha1.DefaultStorePrefix))
	if err != nil {
		return fail(fmt.Errorf("its prefix %w", err))
	}
	policy.Prefix = cmp.Or(prefix, v1alpha1.DefaultStorePrefix)
	if err := v1alpha1.CheckBucket(policy.Bucket); err != nil {
		return fail(fmt.Errorf("its bucket %w", err))
	}
	if err := v1alpha1.CheckStoreEndpoint(policy.Endpoint); err != nil {
		return fail(fmt.Errorf("its endpoint %w", err))
	}
	keys, err := keysOf(policy.Credentials, related, root)
	if err != nil {
		return fail(err)
	}
	s := &Store{keys: keys, policy: policy, class: related.class, now: time.Now}
	if s.client, err = s.connect(related); err != nil {
		return fail(err)
	}
	return s, nil
}

// connect makes the client, which dials later.
func (s *Store) connect(related Related) (*minio.Client, error) {
	u, err := url.Parse(s.policy.Endpoint)
	if err != nil {
		return nil, errors.New("its endpoint is no URL")
	}
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: dialLimit}).DialContext, TLSHandshakeTimeout: dialLimit,
		ResponseHeaderTimeout: answerLimit, IdleConnTimeout: answerLimit,
		// Bytes are compared as they are stored.
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: related.authorities},
	}
	lookup := minio.BucketLookupAuto
	switch {
	case s.policy.PathStyle || related.style == stylePath && s.policy.Credentials == v1alpha1.StoreRelation:
		lookup = minio.BucketLookupPath
	case related.style == styleHost:
		lookup = minio.BucketLookupDNS
	}
	return minio.New(u.Host, &minio.Options{
		Creds: s.keys, Secure: u.Scheme == "https", Transport: transport, Region: s.policy.Region, BucketLookup: lookup, MaxRetries: retries,
	})
}

// Where is the folder, such as s3://BUCKET/PREFIX.
func (s *Store) Where() string { return s.url(s.policy.Prefix) }

func (s *Store) url(key string) string { return "s3://" + s.policy.Bucket + "/" + key }

// key is that of a snapshot by its name.
func (s *Store) key(name string) string { return s.policy.Prefix + "/" + name }

// encryption is what the store is asked to encrypt with; nil leaves it to the bucket.
func (s *Store) encryption() (encrypt.ServerSide, error) {
	switch s.policy.Encryption {
	case v1alpha1.StoreAES256:
		return encrypt.NewSSE(), nil
	case v1alpha1.StoreKMS:
		return encrypt.NewSSEKMS(s.policy.KMSKey, nil)
	}
	return nil, nil //nolint:nilnil // nil is the library's word for none
}

// folder is the prefix that is listed: the own one, or another that a person names.
func (s *Store) folder(prefix string) (string, error) {
	if strings.TrimSpace(prefix) == "" {
		return s.policy.Prefix + "/", nil
	}
	clean, err := v1alpha1.CleanStorePrefix(prefix)
	if err != nil || clean == "" {
		return "", fmt.Errorf("the prefix %.80q %w", prefix, cmp.Or(err, errors.New("names no folder")))
	}
	return clean + "/", nil
}
