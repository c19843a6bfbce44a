package store_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/s3test"
)

// TestCredentialsOfAFile are root's alone, and none of what is in it is said.
func TestCredentialsOfAFile(t *testing.T) {
	server := s3test.New(t, bucket)
	root := t.TempDir()
	path := filepath.Join(root, v1alpha1.StoreCredentialsFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	policy := v1alpha1.SnapshotStore{Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", PathStyle: true, Credentials: v1alpha1.StoreFile}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	good := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", s3test.AccessKey, s3test.SecretKey)
	for want, prepare := range map[string]func(){
		"":                       func() { write(good, 0o600) },
		"be for nobody else":     func() { write(good, 0o640) },
		"has no profile [defaul": func() { write("["+s3test.SecretKey+"\n", 0o600) },
		"has no profile [def":    func() { write(strings.Replace(good, "aws_secret", "aws_sekret", 1), 0o600) },
		"is no plain file": func() {
			write(good, 0o600)
			if err := os.Rename(path, path+".other"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path+".other", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		prepare()
		s, err := store.Open(policy, trusting(t, server), root)
		switch {
		case want != "":
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), s3test.SecretKey) {
				t.Errorf("%q: %v", want, err)
			}
		case err != nil:
			t.Error(err)
		default:
			put(t, s, archiveOf(t, thisCluster, tick1, 100))
		}
	}
}

// trusting is a relation that names the server's authority; its credentials are none.
func trusting(t *testing.T, server *s3test.Server) store.Related {
	t.Helper()
	r, err := store.FromRelation(store.Provider{Bag: map[string]string{"access-key": "nobody's", "secret-key": "none", "tls-ca-chain": server.CA}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCredentialsOfTheMachine are what its cloud gives it.
func TestCredentialsOfTheMachine(t *testing.T) {
	server := s3test.New(t, bucket)
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"Code": "Success", "AccessKeyId": s3test.AccessKey, "SecretAccessKey": s3test.SecretKey, "Token": "t", "Expiration": time.Now().Add(time.Hour),
		})
	}))
	t.Cleanup(cloud.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", cloud.URL)
	policy := v1alpha1.SnapshotStore{Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", PathStyle: true, Credentials: v1alpha1.StoreMachine}
	s, err := store.Open(policy, trusting(t, server), "/")
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, archiveOf(t, thisCluster, tick1, 100))
}

// TestWhatARelationSays: nothing before there are credentials, and authorities in each form that providers write.
func TestWhatARelationSays(t *testing.T) {
	ca := etcdtest.NewCA(t)
	pem := string(ca.PEM)
	for name, chain := range map[string]string{
		"plain": pem, "base64": base64.StdEncoding.EncodeToString([]byte(pem)),
		"a list": string(must(json.Marshal([]string{pem}))), "a list of base64": string(must(json.Marshal([]string{base64.StdEncoding.EncodeToString([]byte(pem))}))),
		"none": "", "an empty list": "[]",
	} {
		r, err := store.FromRelation(store.Provider{Bag: map[string]string{"access-key": "a", "secret-key": "b", "tls-ca-chain": chain}})
		if err != nil || !r.Given() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := store.FromRelation(store.Provider{Bag: map[string]string{"access-key": "a", "secret-key": "b", "tls-ca-chain": "nonsense"}}); err == nil {
		t.Error("nonsense is an authority")
	}
	for _, bag := range []map[string]string{nil, {"bucket": "b"}, {"bucket": "b", "access-key": "a"}, {"secret-key": "b"}} {
		if r, err := store.FromRelation(store.Provider{Bag: bag}); err != nil || r.Bucket != "" {
			t.Errorf("%v: %v, %v", bag, r.Bucket, err)
		}
	}
}

// TestCredentialsOfASecret are read when a store of the relation is opened, and for no other; what keeps them from being read is told.
func TestCredentialsOfASecret(t *testing.T) {
	server := s3test.New(t, bucket)
	const uri = "secret:u3015jcggta3d6k72ljg"
	good := map[string]string{"access-key": s3test.AccessKey, "secret-key": s3test.SecretKey}
	asked := 0
	open := func(policy v1alpha1.SnapshotStore, content map[string]string, fault error) (*store.Store, error) {
		t.Helper()
		asked = 0
		related, err := store.FromRelation(store.Provider{
			Bag: map[string]string{"secret-extra": uri, "bucket": bucket, "endpoint": server.URL, "path": "p", "s3-uri-style": "path", "region": "us-east-1",
				"tls-ca-chain": server.CA, "lib-version": "1.0", "access-key": "of before", "secret-key": "of before"},
			Secret: func(asks string) (map[string]string, error) {
				if asked++; asks != uri {
					t.Errorf("it asks for %s", asks)
				}
				return content, fault
			},
		})
		if err != nil || !related.Given() || asked > 0 {
			t.Fatal(err, asked)
		}
		return store.Open(policy, related, t.TempDir())
	}
	s, err := open(v1alpha1.SnapshotStore{}, good, nil)
	if err != nil || asked != 1 {
		t.Fatal(err, asked)
	}
	put(t, s, archiveOf(t, thisCluster, tick1, 100))
	for want, c := range map[string]struct {
		content map[string]string
		fault   error
	}{
		"cannot use the store: cannot read the secret of the relation s3-credentials: this unit may not": {nil, errors.New("this unit may not")},
		"has no access-key, or no secret-key":  {map[string]string{"access-key": s3test.AccessKey}, nil},
		"has no access-key, or no secret-key ": {map[string]string{"secret-key": s3test.SecretKey}, nil},
	} {
		if _, err := open(v1alpha1.SnapshotStore{}, c.content, c.fault); err == nil || !strings.Contains(err.Error()+" ", want) || strings.Contains(err.Error(), s3test.SecretKey) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := open(v1alpha1.SnapshotStore{Credentials: v1alpha1.StoreFile, Bucket: bucket}, good, errors.New("may not")); err == nil || strings.Contains(err.Error(), "may not") || asked > 0 {
		t.Errorf("a store of another kind asks %d times: %v", asked, err)
	}
	server.Revoke("another")
	if _, err := s.List(t.Context(), "", false, snapshot.Identity{}); err == nil || strings.Contains(err.Error(), s3test.AccessKey) {
		t.Errorf("the credentials are in %v", err)
	}
}
