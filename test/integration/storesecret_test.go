//go:build integration

package integration

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/rig"
	"jujuetcd.io/test/s3test"
)

// TestCredentialsOfAStoreAreRotatedInASecret: given as interface s3 v1 has it, the credentials are a secret of Juju, and one that a
// user has changed is what the next snapshot is stored with, without a word to anybody. They are nowhere else.
func TestCredentialsOfAStoreAreRotatedInASecret(t *testing.T) {
	const otherAccess, otherSecret = "AKIDROTATED", "an0ther-that-is-nowhere-else"
	server := s3test.New(t, "backups")
	frames := filepath.Join(t.TempDir(), "frames.jsonl")
	w := begin(t, "--record", frames)
	policies := t.TempDir()
	w.daemon("--config-dir", policies)
	w.deploy("1")
	uri := strings.TrimSpace(w.juju("add-secret", "s3-keys", "access-key="+s3test.AccessKey, "secret-key="+s3test.SecretKey))
	w.juju("deploy", filepath.Join(w.Root, "dist/s3.charm"), "--config", "endpoint="+server.URL, "--config", "bucket=backups", "--config", "path=lost/etcd",
		"--config", "tls-ca-chain="+base64.StdEncoding.EncodeToString([]byte(server.CA)))
	w.juju("grant-secret", "s3-keys", "s3")
	w.juju("config", "s3", "credentials="+uri)
	w.juju("integrate", "etcd:s3-credentials", "s3:s3-credentials")
	w.await(rig.Healthy("etcd", 1))
	schedule := func(when string) {
		text := "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: etcd\nspec:\n  snapshots:\n    schedule: '" + when + "'\n"
		must(t, os.WriteFile(filepath.Join(policies, "etcd.yaml"), []byte(text), 0o600))
	}
	schedule("@yearly")
	w.awaitSchedule("a snapshot is stored", func(c v1alpha1.EtcdCluster) bool { return c.Status.Snapshots.Stored != nil })
	first := w.cluster(w.Socket()).Status.Snapshots.Stored

	server.Revoke(otherAccess)
	if said := w.nested(t, "etcd/0", "list-snapshots")["message"]; !strings.Contains(said, "refuses the credentials") {
		t.Errorf("with revoked credentials it says %q", said)
	}
	w.juju("update-secret", "s3-keys", "access-key="+otherAccess, "secret-key="+otherSecret)
	w.eventually(t, "the unit has the new credentials", func() bool {
		return strings.Contains(w.nested(t, "etcd/0", "list-snapshots")["snapshots"], first.Stored)
	})
	schedule("* * * * *")
	w.awaitSchedule("another one is stored", func(c v1alpha1.EtcdCluster) bool {
		return c.Status.Snapshots.Stored != nil && c.Status.Snapshots.Stored.ID > first.ID
	})
	schedule("@yearly")

	// The unit has moved on to the newest revision, so that who gives it could remove the older one.
	given := given(t, w)
	w.eventually(t, "one revision is left", func() bool {
		return strings.Count(w.juju("show-secret", given, "--revisions"), "backend: internal") == 1
	})
	if shown := w.juju("show-secret", given, "--reveal"); !strings.Contains(shown, "access-key: "+otherAccess+"\n") || !strings.Contains(shown, "target: application-etcd\n") {
		t.Errorf("the secret is\n%s", shown)
	}
	w.juju("exec", "--unit", "s3/0", "--", "secret-revoke "+given+" --app etcd")
	if said := w.nested(t, "etcd/0", "list-snapshots")["message"]; !strings.Contains(said, "must grant it to the relation") {
		t.Errorf("of a secret that is not granted it says %q", said)
	}
	recorded, err := os.ReadFile(frames)
	must(t, err)
	databags := w.juju("show-unit", "etcd/0") + w.juju("show-unit", "s3/0")
	if !strings.Contains(databags, "secret-extra: secret:") {
		t.Errorf("the relation says\n%s", databags)
	}
	if !strings.Contains(string(recorded), "requested-secrets") {
		t.Error("the relation is in no frame: this test has looked in the wrong place")
	}
	for _, secret := range []string{s3test.AccessKey, s3test.SecretKey, otherAccess, otherSecret} {
		w.nowhere(t, "etcd", secret)
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(string(recorded), form) {
				t.Errorf("%s is in a frame", form)
			}
			if strings.Contains(databags, form) {
				t.Errorf("%s is in a databag", form)
			}
		}
	}
}

// given is the id of the secret that the provider has made for the relation.
func given(t *testing.T, w *world) string {
	t.Helper()
	var all map[string]struct{ Owner string }
	must(t, json.Unmarshal([]byte(w.juju("secrets", "--format", "json")), &all))
	for id, s := range all {
		if s.Owner == "s3" && regexp.MustCompile(`^[0-9a-v]{20}$`).MatchString(id) {
			return id
		}
	}
	t.Fatalf("there are %+v", all)
	return ""
}
