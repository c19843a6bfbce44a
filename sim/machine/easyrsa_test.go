package machine_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"jujuetcd.io/sim/model"
	"jujuetcd.io/test/charms"
)

const askMetadata = `name: asker
summary: a charm that asks for certificates
description: a charm that asks for certificates
requires:
  certificates: {interface: tls-certificates}
`

// certificate reads the one certificate of a PEM text, which must stand behind a text for people.
func certificate(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	before, after, found := strings.Cut(text, "-----BEGIN")
	if !found || !strings.HasPrefix(before, "Certificate:\n") {
		t.Errorf("no text before the PEM block: %q", text)
	}
	block, rest := pem.Decode([]byte("-----BEGIN" + after))
	if block == nil || len(strings.TrimSpace(string(rest))) > 0 {
		t.Fatalf("not one PEM block: %q", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// offered is what the asking unit sees of easyrsa's databag.
func (w *world) offered(unit string, id int) map[string]string {
	w.t.Helper()
	bag, err := w.View(unit).RelationSettings(id, "easyrsa/0")
	if err != nil {
		return map[string]string{}
	}
	return bag
}

func TestEasyrsaServesTheClassicProtocol(t *testing.T) {
	path, err := charms.Pack(t.Context(), "easyrsa", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"metadata.yaml": askMetadata, "dispatch": dispatch} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t)
	w.deploy(load(t, path), "easyrsa", 1)
	w.deploy(load(t, dir), "asker", 2)
	w.settled("asker/0", "asker/1")
	w.until("easyrsa is active", func() bool { u, err := w.Unit("easyrsa/0"); return err == nil && u.Workload.Current == "active" })
	id, err := w.AddRelation("asker:certificates", "easyrsa:client")
	if err != nil {
		t.Fatal(err)
	}
	w.until("the client certificate is there", func() bool { return w.offered("asker/0", id)["client.cert"] != "" })

	ask := func(unit, cn, sans, more string) {
		t.Helper()
		r := "certificates:" + strconv.Itoa(id)
		munged := strings.ReplaceAll(unit, "/", "_")
		task := w.exec(unit, "relation-set -r "+r+" unit_name="+munged+" common_name="+cn+" certificate_name="+munged+" 'sans="+sans+"' 'cert_requests="+more+"'")
		if task.Status != model.TaskCompleted || task.Output["return-code"] != 0 {
			t.Fatal(task)
		}
	}
	ask("asker/0", "127.77.3.10", `["127.77.3.10","etcd.example.com"]`, `{"other.example.com":{"sans":["other.example.com"]}}`)
	ask("asker/1", "127.77.3.11", `["127.77.3.11"]`, "")
	w.until("all is answered", func() bool {
		bag := w.offered("asker/0", id)
		return bag["asker_0.server.cert"] != "" && bag["asker_1.server.key"] != "" && bag["asker_0.processed_requests"] != ""
	})
	bag := w.offered("asker/0", id)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(bag["ca"])) {
		t.Fatalf("no CA: %q", bag["ca"])
	}
	server := certificate(t, bag["asker_0.server.cert"])
	if err := server.VerifyHostname("127.77.3.10"); err != nil {
		t.Error(err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := server.Verify(x509.VerifyOptions{Roots: pool, DNSName: "etcd.example.com", KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Error(err)
		}
	}
	if client := certificate(t, bag["client.cert"]); client.Subject.CommonName != "client" {
		t.Errorf("the client certificate is for %s", client.Subject)
	}
	for _, p := range [][2]string{{"asker_0.server.cert", "asker_0.server.key"}, {"client.cert", "client.key"}} {
		if _, err := tls.X509KeyPair([]byte(bag[p[0]]), []byte(bag[p[1]])); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	var further map[string]map[string]string
	if err := json.Unmarshal([]byte(bag["asker_0.processed_requests"]), &further); err != nil {
		t.Fatal(err)
	}
	if c := certificate(t, further["other.example.com"]["cert"]); !slices.Contains(c.DNSNames, "other.example.com") {
		t.Errorf("the further certificate is for %v", c.DNSNames)
	}

	// The same names in another order are answered by the same certificate, others by a new one.
	ask("asker/0", "127.77.3.10", `["etcd.example.com","127.77.3.10"]`, "")
	ask("asker/1", "127.77.3.11", `["127.77.3.11","new.example.com"]`, "")
	w.until("the new name is answered", func() bool {
		now := w.offered("asker/0", id)
		return now["asker_1.server.cert"] != bag["asker_1.server.cert"] && now["asker_0.processed_requests"] == ""
	})
	if w.offered("asker/0", id)["asker_0.server.cert"] != bag["asker_0.server.cert"] {
		t.Error("a certificate was issued anew for the same names")
	}

	// What is of a unit that has left is taken away.
	if err := w.DestroyUnit("asker/1"); err != nil {
		t.Fatal(err)
	}
	w.until("the certificate of the gone unit is gone", func() bool { return w.offered("asker/0", id)["asker_1.server.cert"] == "" })

	if task := w.task(model.TaskRequest{Receiver: "easyrsa/0", Name: "renew-authority"}); task.Status != model.TaskCompleted {
		t.Fatal(task)
	}
	if now := w.offered("asker/0", id); now["ca"] == bag["ca"] || now["asker_0.server.cert"] == bag["asker_0.server.cert"] {
		t.Error("the authority was not renewed")
	}
	keys, err := filepath.Glob(filepath.Join(w.root("easyrsa/0"), "var/lib/easyrsa/*.key"))
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	for _, k := range keys {
		if info, err := os.Stat(k); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", k, info.Mode(), err)
		}
	}
	if err := w.DestroyRelation("asker", "easyrsa", false); err != nil {
		t.Fatal(err)
	}
	w.until("the relation is gone", func() bool { return len(w.FullStatus().Relations) == 0 })
}
