package etcdconf_test

import (
	"reflect"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/etcdconf"
)

// TestTheDaemonAndTheUnitAgreeOnWhatNeedsARestart: each field of the spec that etcd reads from its file
// only when it starts changes both what the daemon takes for another configuration and what the unit does,
// and no other field changes either.
func TestTheDaemonAndTheUnitAgreeOnWhatNeedsARestart(t *testing.T) {
	version, err := etcdconf.ParseVersion("3.6.16")
	if err != nil {
		t.Fatal(err)
	}
	identified := func(s v1alpha1.EtcdSpec) (daemon, unit string) {
		file, err := etcdconf.Render(s, paths, version)
		if err != nil {
			t.Fatal(err)
		}
		whole := v1alpha1.EtcdUnitSpec{Etcd: s}
		return whole.ReadAtStart().Config, etcdconf.RestartHash(file, nil, 0)
	}
	base := spec()
	everyOption(&base)
	daemon, unit := identified(base)
	for i := range reflect.TypeFor[v1alpha1.EtcdSpec]().NumField() {
		name := reflect.TypeFor[v1alpha1.EtcdSpec]().Field(i).Name
		changed := base
		switch f := reflect.ValueOf(&changed).Elem().Field(i); name {
		case "Initial":
			changed.Initial = seeds()
		case "AutoCompactionMode":
			changed.AutoCompactionMode, changed.AutoCompactionRetention = "revision", "1000"
		case "AutoCompactionRetention":
			changed.AutoCompactionRetention = "2h"
		case "LogLevel":
			changed.LogLevel = "debug"
		case "CipherSuites":
			changed.CipherSuites = append(changed.CipherSuites, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
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
		d, u := identified(changed)
		if want := name != "Initial" && name != "AdvertisePeerURLs"; (d != daemon) != want || (u != unit) != want {
			t.Errorf("%s: another for the daemon: %v, for the unit: %v; want %v for both", name, d != daemon, u != unit, want)
		}
	}
}
