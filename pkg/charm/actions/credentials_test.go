package actions_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
)

// unpack are the files of a tar.gz, by name; folders end with a slash.
func unpack(t *testing.T, data []byte) map[string]string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for pack := tar.NewReader(zip); ; {
		header, err := pack.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(pack)
		if err != nil {
			t.Fatal(err)
		}
		if header.Mode&0o077 != 0 {
			t.Errorf("%s has mode %o", header.Name, header.Mode)
		}
		files[header.Name] = string(text)
	}
}

// TestClientCredentialsAreInTheArchiveAndNowhereElse: with paths that are right wherever it is
// unpacked.
func TestClientCredentialsAreInTheArchiveAndNowhereElse(t *testing.T) {
	u := newUnit(t)
	u.machine.keys = machine.Credentials{CA: "the CA", Certificate: "the certificate", Key: "the secret"}
	u.machine.last = &v1alpha1.EtcdUnitSpec{Clients: v1alpha1.ClientsSpec{Endpoints: []string{"https://10.0.0.4:2379", "https://10.0.0.5:2379"}}}
	u.do(v1alpha1.ActionClientCredentials, "")
	if u.juju.Failure != "" || len(u.machine.handed) != 1 {
		t.Fatalf("failure %q, handed out %v", u.juju.Failure, slices.Collect(maps.Keys(u.machine.handed)))
	}
	files := unpack(t, u.machine.handed["etcd_credentials.tar.gz"])
	readme := files["etcd_credentials/README.txt"]
	delete(files, "etcd_credentials/README.txt")
	if want := map[string]string{
		"etcd_credentials/": "", "etcd_credentials/client.crt": "the certificate", "etcd_credentials/client.key": "the secret",
		"etcd_credentials/ca.crt": "the CA",
	}; !maps.Equal(files, want) {
		t.Errorf("it holds %v", files)
	}
	for _, line := range []string{
		"    export ETCDCTL_API=3\n", "    export ETCDCTL_API=2\n",
		"    export ETCDCTL_CERT=\"$PWD/client.crt\"\n", "    export ETCDCTL_KEY=\"$PWD/client.key\"\n", "    export ETCDCTL_CACERT=\"$PWD/ca.crt\"\n",
		"    export ETCDCTL_ENDPOINTS=https://10.0.0.4:2379,https://10.0.0.5:2379\n",
		"    export ETCDCTL_CERT_FILE=\"$PWD/client.crt\"\n", "    export ETCDCTL_KEY_FILE=\"$PWD/client.key\"\n",
		"    export ETCDCTL_CA_FILE=\"$PWD/ca.crt\"\n", "    export ETCDCTL_ENDPOINT=https://10.0.0.4:2379\n",
		"conflicting environment variable", "unset ETCDCTL_ENDPOINTS",
	} {
		if !strings.Contains(readme, line) {
			t.Errorf("the README lacks %q:\n%s", line, readme)
		}
	}
	want := map[string]string{"path": "/home/ubuntu/etcd_credentials.tar.gz", "command": "juju scp etcd/0:etcd_credentials.tar.gz ."}
	for key, value := range want {
		if u.juju.Results[key] != value {
			t.Errorf("result %s is %q", key, u.juju.Results[key])
		}
	}
	for _, call := range u.juju.Calls {
		if strings.Contains(call.Line+call.Stdin, "the secret") {
			t.Errorf("the key is in %q", call.Line)
		}
	}
}

// TestHalfCredentialsAreNotHandedOut: whoever fetched them would have to find out what is missing.
func TestHalfCredentialsAreNotHandedOut(t *testing.T) {
	whole := machine.Credentials{CA: "a", Certificate: "b", Key: "c"}
	served := &v1alpha1.EtcdUnitSpec{Clients: v1alpha1.ClientsSpec{Endpoints: []string{"https://10.0.0.4:2379"}}}
	for name, c := range map[string]struct {
		m     fakeMachine
		words string
	}{
		"no CA":             {fakeMachine{keys: machine.Credentials{Certificate: "b", Key: "c"}, last: served}, "no client certificate yet"},
		"no certificate":    {fakeMachine{keys: machine.Credentials{CA: "a", Key: "c"}, last: served}, "no client certificate yet"},
		"no key":            {fakeMachine{keys: machine.Credentials{CA: "a", Certificate: "b"}, last: served}, "no client certificate yet"},
		"nothing delivered": {fakeMachine{keys: whole}, "no member that serves is known"},
		"no members":        {fakeMachine{keys: whole, last: &v1alpha1.EtcdUnitSpec{}}, "no member that serves is known"},
		"a damaged record":  {fakeMachine{keys: whole, last: served, broken: errors.New("it is torn")}, "it is torn"},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnit(t)
			u.machine = c.m
			u.do(v1alpha1.ActionClientCredentials, "")
			u.refused("cannot package the client credentials: ")
			u.refused(c.words)
			if len(u.machine.handed) > 0 {
				t.Error("handed out all the same")
			}
		})
	}
}
