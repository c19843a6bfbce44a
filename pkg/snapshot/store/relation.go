package store

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Keys of the interface s3, as its page in charm-relation-interfaces has them, in the databag of the
// provider's application.
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
)

// Values of s3-uri-style.
const (
	stylePath = "path"
	styleHost = "host"
)

// Related is what the provider of the relation s3-credentials says; empty where there is none.
type Related struct {
	Endpoint, Bucket, Path, Region string
	// Keys are secret.
	Keys credentials.Value

	style, class string
	authorities  *x509.CertPool
}

// FromRelation reads the databag of the provider's application. One in which there are no
// credentials yet gives nothing: the provider has not answered.
func FromRelation(bag map[string]string) (Related, error) {
	r := Related{
		Endpoint: strings.TrimSpace(bag[keyEndpoint]), Bucket: strings.TrimSpace(bag[keyBucket]), Path: strings.TrimSpace(bag[keyPath]),
		Region: strings.TrimSpace(bag[keyRegion]), style: bag[keyStyle], class: bag[keyClass],
	}
	if bag[keyAccess] == "" || bag[keySecret] == "" {
		return Related{}, nil
	}
	r.Keys = credentials.Value{AccessKeyID: bag[keyAccess], SecretAccessKey: bag[keySecret], SignerType: credentials.SignatureV4}
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
