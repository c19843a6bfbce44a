package store

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Keys of the interface s3, as its pages in charm-relation-interfaces have them, in the databag of the
// provider's application. In v1 access key and secret key are in a secret of Juju, which the databag
// names; in v0 they are in the databag.
const (
	keyBucket   = "bucket"
	keyEndpoint = "endpoint"
	keyPath     = "path"
	keyRegion   = "region"
	keyStyle    = "s3-uri-style"
	keyClass    = "storage-class"
	keyCAChain  = "tls-ca-chain"
	keyAccess   = "access-key"
	keySecret   = "secret-key"
	keyExtra    = "secret-extra"
)

// Values of s3-uri-style.
const (
	stylePath = "path"
	styleHost = "host"
)

// Provider is the application that is related by s3-credentials; empty where there is none.
type Provider struct {
	// Bag is its databag.
	Bag map[string]string
	// Secret reads a secret of Juju that is granted to this unit, in its newest revision.
	Secret func(uri string) (map[string]string, error)
}

// SecretURI is what the provider calls the secret by that has its credentials; empty in v0.
func (p Provider) SecretURI() string { return p.Bag[keyExtra] }

// Related is what the provider of the relation s3-credentials says; empty where there is none.
type Related struct {
	Endpoint, Bucket, Path, Region string

	// keys reads what is secret, when it is needed; nil where the provider gives nothing.
	keys         func() (credentials.Value, error)
	style, class string
	authorities  *x509.CertPool
}

// Given says that the provider has given credentials.
func (r Related) Given() bool { return r.keys != nil }

// FromRelation reads the databag of the provider's application. One in which there are no
// credentials yet gives nothing: the provider has not answered. A secret is left to whoever needs it.
func FromRelation(p Provider) (Related, error) {
	bag := p.Bag
	r := Related{
		Endpoint: strings.TrimSpace(bag[keyEndpoint]), Bucket: strings.TrimSpace(bag[keyBucket]), Path: strings.TrimSpace(bag[keyPath]),
		Region: strings.TrimSpace(bag[keyRegion]), style: bag[keyStyle], class: bag[keyClass],
	}
	switch {
	case p.SecretURI() != "":
		r.keys = p.secretKeys
	case bag[keyAccess] != "" && bag[keySecret] != "":
		r.keys = func() (credentials.Value, error) { return keysIn(bag), nil }
	default:
		return Related{}, nil
	}
	if chain := strings.TrimSpace(bag[keyCAChain]); chain != "" && chain != "[]" {
		r.authorities = x509.NewCertPool()
		for _, text := range chainOf(chain) {
			if !r.authorities.AppendCertsFromPEM(text) {
				return Related{}, errors.New("cannot use the relation s3-credentials: its tls-ca-chain has something that is no certificate")
			}
		}
	}
	return r, nil
}

// secretKeys reads the credentials out of the provider's secret.
func (p Provider) secretKeys() (credentials.Value, error) {
	content, err := p.Secret(p.SecretURI())
	if err != nil {
		return credentials.Value{}, fmt.Errorf("cannot read the secret of the relation s3-credentials: %w", err)
	}
	if content[keyAccess] == "" || content[keySecret] == "" {
		return credentials.Value{}, errors.New("the secret of the relation s3-credentials has no access-key, or no secret-key")
	}
	return keysIn(content), nil
}

func keysIn(from map[string]string) credentials.Value {
	return credentials.Value{AccessKeyID: from[keyAccess], SecretAccessKey: from[keySecret], SignerType: credentials.SignatureV4}
}

// chainOf takes the list apart. The interface has base64 in it, and providers write plain PEM, too.
func chainOf(text string) [][]byte {
	var items []string
	if json.Unmarshal([]byte(text), &items) != nil {
		items = []string{text}
	}
	var chain [][]byte
	for _, item := range items {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(item))
		if err != nil {
			raw = []byte(item)
		}
		chain = append(chain, raw)
	}
	return chain
}
