package etcdconf_test

import (
	"reflect"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/etcdconf"
)

// TestTheDaemonAndTheUnitAgreeOnWhatNeedsARestart: each field of the spec that etcd reads from its
// file only when it starts changes both what the daemon takes for another configuration and what
// the unit does, and no other field changes either.
func TestTheDaemonAndTheUnitAgreeOnWhatNeedsARestart(t *testing.T) {
	newest, err := etcdconf.ParseVersion("3.6.16")
	if err != nil {
		t.Fatal(err)
	}
	identified := func(s v1alpha1.EtcdSpec, version etcdconf.Version) (daemon, unit string) {
		file, err := etcdconf.Render(s, paths, version)
		if err != nil {
			t.Fatal(err)
		}
		whole := v1alpha1.EtcdUnitSpec{Etcd: s}
		return whole.ReadAtStart().Config, etcdconf.RestartHash(file, nil, 0)
	}
	base := spec()
	everyOption(&base)
	for i := range reflect.TypeFor[v1alpha1.EtcdSpec]().NumField() {
		name := reflect.TypeFor[v1alpha1.EtcdSpec]().Field(i).Name
		changed, version := base, newest
		switch f := reflect.ValueOf(&changed).Elem().Field(i); name {
		case "Initial":
			changed.Initial = seeds()
		case "Restore":
			changed.Restore = &v1alpha1.RestoreSpec{ID: "7"}
		case "AutoCompactionMode":
			changed.AutoCompactionMode, changed.AutoCompactionRetention = "revision", "1000"
		case "AutoCompactionRetention":
			changed.AutoCompactionRetention = "2h"
		case "LogLevel":
			changed.LogLevel = "debug"
		case "CipherSuites":
			changed.CipherSuites = append(changed.CipherSuites, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
		case "EnableV2": // which 3.6 does not know
			changed.EnableV2 = true
			version, err = etcdconf.ParseVersion("3.5.35")
			if err != nil {
				t.Fatal(err)
			}
		case "Name", "DataDir":
			f.SetString(f.String() + "1")
		default:
			switch f.Kind() {
			case reflect.Slice: // of URLs
				f.Set(reflect.ValueOf([]string{"https://10.9.9.9:4242"}))
			case reflect.Int32, reflect.Int64:
				f.SetInt(f.Int() * 2)
			default:
				t.Fatalf("%s is a %s: say here how it changes", name, f.Kind())
			}
		}
		daemon, unit := identified(base, version)
		d, u := identified(changed, version)
		if want := name != "Initial" && name != "Restore" && name != "AdvertisePeerURLs"; (d != daemon) != want || (u != unit) != want {
			t.Errorf("%s: another for the daemon: %v, for the unit: %v; want %v for both", name, d != daemon, u != unit, want)
		}
	}
}

// TestAnOptionLeftAtItsDefaultChangesNothing: a cluster that sets none of the options is told the
// same by each version of the product, and no upgrade restarts its members. The values are those of
// before max_request_bytes; they change only with what every running cluster should be restarted
// for.
func TestAnOptionLeftAtItsDefaultChangesNothing(t *testing.T) {
	version, err := etcdconf.ParseVersion("3.6.16")
	if err != nil {
		t.Fatal(err)
	}
	whole := v1alpha1.EtcdUnitSpec{Etcd: spec(), Options: &v1alpha1.ClusterOptions{
		Port: 2379, ManagementPort: 2380, HeartbeatIntervalMs: 100, ElectionTimeoutMs: 1000, BindToAllInterfaces: true,
	}}
	file, err := etcdconf.Render(whole.Etcd, paths, version)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []struct{ of, is, was string }{
		{"the desired state", whole.Hash(), "fcbb245df631e029"},
		{"what the daemon takes for etcd's configuration", whole.ReadAtStart().Config, "32772bf295a2f3bc"},
		{"what the unit does", etcdconf.RestartHash(file, nil, 0), "c8a37235d394cbab"},
	} {
		if id.is != id.was {
			t.Errorf("%s is %s, and was %s for every cluster that sets no option", id.of, id.is, id.was)
		}
	}
}
