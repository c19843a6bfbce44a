package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
	"jujuetcd.io/test/s3test"
)

const (
	bucket                    = "backups"
	thisCluster, otherCluster = "00000000000000ff", "00000000000000fe"
	tick1, tick2, tick3       = "20260301T000000Z", "20260302T000000Z", "20260303T000000Z"
)

// archiveOf is one of a schedule, with so many bytes. The store does not look into it.
func archiveOf(t *testing.T, cluster, tick string, size int) snapshot.Archive {
	t.Helper()
	data := make([]byte, size)
	r := rand.NewChaCha8(sha256.Sum256([]byte(cluster + tick)))
	_, _ = r.Read(data)
	a := snapshot.Archive{
		Path: filepath.Join(t.TempDir(), snapshot.ScheduledName(cluster, tick, 0)), Size: int64(size),
		Origin: &snapshot.Origin{
			Application: "etcd", ModelUUID: "uuid", ClusterID: cluster, Member: "etcd0", Unit: "etcd/0", Revision: 7, EtcdVersion: "3.6.7",
			Time: time.Date(2026, 3, 1, 0, 0, 1, 0, time.UTC), Tick: tick,
		},
	}
	a.Revision = 7
	sum := sha256.Sum256(data)
	a.SHA256 = hex.EncodeToString(sum[:])
	if err := os.WriteFile(a.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// related is what a provider says of the server.
func related(t *testing.T, s *s3test.Server, path string) store.Related {
	t.Helper()
	r, err := store.FromRelation(store.Provider{Bag: map[string]string{
		"bucket": bucket, "endpoint": s.URL, "path": path, "region": "us-east-1", "s3-uri-style": "path",
		"access-key": s3test.AccessKey, "secret-key": s3test.SecretKey, "data": `{"bucket": "relation-7"}`, "tls-ca-chain": string(must(json.Marshal([]string{s.CA}))),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openAt is a store in a folder of the bucket.
func openAt(t *testing.T, s *s3test.Server, prefix string) *store.Store {
	t.Helper()
	opened, err := store.Open(v1alpha1.SnapshotStore{Prefix: prefix}, related(t, s, ""), "/")
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func put(t *testing.T, s *store.Store, a snapshot.Archive) string {
	t.Helper()
	url, err := s.Put(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return url
}
