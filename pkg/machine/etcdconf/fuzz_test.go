package etcdconf_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/etcdconf"
)

// FuzzRender: a spec that is not refused becomes a file that etcd reads as what the spec says: nothing in a text of the spec makes a key
// of its own, and the same spec makes the same file.
func FuzzRender(f *testing.F) {
	good := `{"name":"etcd0","dataDir":"/var/snap/etcd/common/data","listenPeerURLs":["https://10.0.0.4:2380"],"listenClientURLs":["https://10.0.0.4:2379","https://127.0.0.1:2379"],` +
		`"advertisePeerURLs":["https://10.0.0.4:2380"],"advertiseClientURLs":["https://10.0.0.4:2379"],"heartbeatIntervalMs":100,"electionTimeoutMs":1000`
	f.Add([]byte(good+`}`), "3.6.1")
	f.Add([]byte(good+`,"initial":{"state":"new","token":"t","members":[{"name":"etcd0","peerURL":"https://10.0.0.4:2380"}]},"logLevel":"warn","autoCompactionMode":"periodic","autoCompactionRetention":"1h"}`), "3.4.30")
	f.Add([]byte(strings.Replace(good, "etcd0", "a\\nname: b", 1)+`}`), "3.5.9")
	f.Add([]byte(strings.Replace(good, "/var/snap", "/var\\n/snap", 1)+`,"initial":null}`), "3.7.0")
	paths := etcdconf.Paths{CA: "/c", Certificate: "/s", Key: "/k"}
	f.Fuzz(func(t *testing.T, text []byte, version string) {
		var spec v1alpha1.EtcdSpec
		v, err := etcdconf.ParseVersion(version)
		if err != nil || json.Unmarshal(text, &spec) != nil {
			return
		}
		file, err := etcdconf.Render(spec, paths, v)
		if err != nil {
			return
		}
		var read map[string]any
		if err := yaml.Unmarshal(file, &read); err != nil {
			t.Fatalf("etcd cannot read it: %v\n%s", err, file)
		}
		for key, want := range map[string]any{
			"name": spec.Name, "data-dir": spec.DataDir, "listen-client-urls": strings.Join(spec.ListenClientURLs, ","),
			"listen-peer-urls": strings.Join(spec.ListenPeerURLs, ","), "client-transport-security": map[string]any{
				"cert-file": "/s", "key-file": "/k", "trusted-ca-file": "/c", "client-cert-auth": true, "auto-tls": false},
		} {
			if !reflect.DeepEqual(read[key], want) {
				t.Errorf("%s is %v, want %v", key, read[key], want)
			}
		}
		again, err := etcdconf.Render(spec, paths, v)
		if err != nil || string(again) != string(file) {
			t.Errorf("the same spec makes two files: %v", err)
		}
	})
}

// FuzzCheckFile: a file, whatever is in it, is judged and no more.
func FuzzCheckFile(f *testing.F) {
	f.Add([]byte("name: etcd0\nlog-outputs: [stderr]\nclient-transport-security: {cert-file: /s}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("client-transport-security: {cert-file: }\n? [x]\n: y\n"))
	v, err := etcdconf.ParseVersion("3.6.1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		_ = etcdconf.CheckFile(file, v)
	})
}
