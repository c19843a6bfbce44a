package tlsfiles_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/test/etcdtest"
)

// dirty is a leaf as easyrsa hands it over, with text for people around each part.
func dirty(l etcdtest.Leaf) tlsfiles.Leaf {
	return tlsfiles.Leaf{Certificate: "Certificate:\n    Data:\n" + string(l.CertPEM) + "trailing\n", Key: "a key\n" + string(l.KeyPEM)}
}

func newFiles(t *testing.T) (*tlsfiles.Files, string, *[]string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "common")
	var did []string
	return tlsfiles.In(dir, &durable.Disk{Did: func(path string) { did = append(did, filepath.Base(path)) }}), dir, &did
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".server") || strings.HasPrefix(e.Name(), ".client") {
			continue // where a pair's files lie
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func TestLeafIsWrittenWholeAndCleanAndOnce(t *testing.T) {
	files, dir, did := newFiles(t)
	ca := etcdtest.NewCA(t)
	leaf := ca.Issue(t, "etcd-0", "10.0.0.1", "node.example")
	check := tlsfiles.Check{Now: time.Now(), Names: []string{"10.0.0.1", "node.example", ""}}
	if _, err := files.WriteBundle("text\n"+string(ca.PEM), check.Now, nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{2, 0} {
		wrote, err := files.WriteLeaf(tlsfiles.Server, dirty(leaf), check)
		if err != nil || len(wrote) != want {
			t.Fatalf("time %d: wrote %v, %v", i, wrote, err)
		}
	}
	if diff := cmp.Diff([]string{"common", "ca.crt", "server.key", "server.crt"}, *did); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"ca.crt": string(ca.PEM), "server.crt": string(leaf.CertPEM), "server.key": string(leaf.KeyPEM)}
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
	for name, mode := range map[string]fs.FileMode{"ca.crt": 0o644, "server.crt": 0o644, "server.key": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	facts, err := files.Facts()
	if err != nil || len(facts.CA) != 1 || facts.Server == nil || facts.Client != nil {
		t.Fatalf("%+v, %v", facts, err)
	}
	if diff := cmp.Diff([]string{"10.0.0.1", "node.example"}, facts.Server.SANs); diff != "" {
		t.Error(diff)
	}
}

func TestLeafThatFailsACheckLeavesTheOldOne(t *testing.T) {
	ca, other := etcdtest.NewCA(t), etcdtest.NewCA(t)
	good := ca.Issue(t, "good", "10.0.0.1")
	another := ca.Issue(t, "another", "10.0.0.1")
	for _, tt := range []struct {
		name string
		leaf tlsfiles.Leaf
		want string
	}{
		{"another key", tlsfiles.Leaf{Certificate: string(another.CertPEM), Key: string(good.KeyPEM)}, "key does not fit"},
		{"no key", tlsfiles.Leaf{Certificate: string(another.CertPEM)}, "no private key"},
		{"a key that is garbage", tlsfiles.Leaf{Certificate: string(another.CertPEM),
			Key: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n"}, "key does not fit"},
		{"no certificate", tlsfiles.Leaf{Key: string(good.KeyPEM)}, "no certificate"},
		{"expired", dirty(ca.IssueExpired(t, "old", "10.0.0.1")), "expired"},
		{"another address", dirty(ca.Issue(t, "moved", "10.0.0.2")), "not good for 10.0.0.1"},
		{"another authority", dirty(other.Issue(t, "foreign", "10.0.0.1")), "does not verify"},
	} {
		files, dir, _ := newFiles(t)
		check := tlsfiles.Check{Now: time.Now(), Names: []string{"10.0.0.1"}}
		if _, err := files.WriteBundle(string(ca.PEM), check.Now, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := files.WriteLeaf(tlsfiles.Server, dirty(good), check); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		wrote, err := files.WriteLeaf(tlsfiles.Server, tt.leaf, check)
		if err == nil || len(wrote) != 0 || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: wrote %v, %v", tt.name, wrote, err)
		}
		if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: the error holds the key: %v", tt.name, err)
		}
	}
}

func TestLeafIsTakenBeforeThereIsABundle(t *testing.T) {
	files, _, _ := newFiles(t)
	leaf := etcdtest.NewCA(t).Issue(t, "first", "10.0.0.1")
	if wrote, err := files.WriteLeaf(tlsfiles.Client, dirty(leaf), tlsfiles.Check{Now: time.Now()}); err != nil || len(wrote) != 2 {
		t.Errorf("wrote %v, %v", wrote, err)
	}
	facts, err := files.Facts()
	if err != nil || facts.Client == nil {
		t.Errorf("%+v, %v", facts, err)
	}
}

func TestBundleThatForgetsTheLeafInUseIsRefused(t *testing.T) {
	files, dir, _ := newFiles(t)
	oldCA, newCA := etcdtest.NewCA(t), etcdtest.NewCA(t)
	check := tlsfiles.Check{Now: time.Now(), Names: []string{"10.0.0.1"}}
	write := func(bundle []byte, next map[tlsfiles.Name]*tlsfiles.Leaf) error {
		_, err := files.WriteBundle(string(bundle), check.Now, next)
		return err
	}
	if err := write(oldCA.PEM, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := files.WriteLeaf(tlsfiles.Server, dirty(oldCA.Issue(t, "s", "10.0.0.1")), check); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	if err := write(newCA.PEM, nil); err == nil {
		t.Error("the authority of the leaf in use was forgotten")
	}
	for _, bundle := range []string{"", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if err := write([]byte(bundle), nil); err == nil {
			t.Errorf("%q was taken for a bundle", bundle)
		}
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
	next := dirty(newCA.Issue(t, "s", "10.0.0.1"))
	if err := write(newCA.PEM, map[tlsfiles.Name]*tlsfiles.Leaf{tlsfiles.Server: &next}); err != nil {
		t.Errorf("with a leaf of the new authority at hand: %v", err)
	}
	if err := write(append(oldCA.PEM, newCA.PEM...), nil); err != nil {
		t.Errorf("both authorities: %v", err)
	}
}

func TestFactsLeaveOutWhatCannotBeUsed(t *testing.T) {
	files, dir, _ := newFiles(t)
	ca := etcdtest.NewCA(t)
	check := tlsfiles.Check{Now: time.Now()}
	if _, err := files.WriteBundle(string(ca.PEM), check.Now, nil); err != nil {
		t.Fatal(err)
	}
	leaf, other := ca.Issue(t, "a", "10.0.0.1"), ca.Issue(t, "b", "10.0.0.1")
	if _, err := files.WriteLeaf(tlsfiles.Client, dirty(leaf), check); err != nil {
		t.Fatal(err)
	}
	if _, err := files.ClientConfig(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "client.key"), other.KeyPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	facts, err := files.Facts()
	if err != nil || facts.Client != nil {
		t.Errorf("a key that does not fit: %+v, %v", facts, err)
	}
	_, err = files.ClientConfig()
	if err == nil || strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("client configuration: %v", err)
	}
}

func TestLeafNeverPrintsItsKey(t *testing.T) {
	leaf := dirty(etcdtest.NewCA(t).Issue(t, "x", "10.0.0.1"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, leaf); strings.Contains(text, "PRIVATE") {
			t.Errorf("%s: %s", format, text)
		}
		if text := fmt.Sprintf(format, &leaf); strings.Contains(text, "PRIVATE") {
			t.Errorf("%s of a pointer: %s", format, text)
		}
	}
}

func TestNamesCoverAddressesOfBothFamilies(t *testing.T) {
	ca := etcdtest.NewCA(t)
	certs, err := pki.Certificates(string(ca.Issue(t, "x", "10.0.0.1", "fd00::1", "a.example").CertPEM))
	if err != nil {
		t.Fatal(err)
	}
	got := tlsfiles.MissingNames(certs[0], []string{"10.0.0.1", "fd00::1", "[fd00::1]", "a.example", "", "10.0.0.2", "10.0.0.2", "fd00::2", "b.example"})
	if diff := cmp.Diff([]string{"10.0.0.2", "fd00::2", "b.example"}, got); diff != "" {
		t.Error(diff)
	}
}
