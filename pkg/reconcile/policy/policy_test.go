package policy_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"sigs.k8s.io/yaml"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const head = "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata: {name: etcd}\n"

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func faults(err error) []string {
	invalid, ok := errors.AsType[*policy.InvalidError](err)
	if !ok {
		return nil
	}
	var all []string
	for _, f := range invalid.Faults {
		all = append(all, f.String())
	}
	return all
}

func TestAllFaultsAreReportedAtOnceWithTheirPlaces(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "cluster.yaml", `apiVersion: jujuetcd.io/v1
kind: EtcdCluster
metadata:
  name: etcd
spec:
  sise: 3
  paused: maybe
  growth:
    lagLimit: -1
    stable: 5 seconds
    laglimit: 7
    lagLimit: 8
  certificates:
    extraSANs:
    - ok.example.com
    - Bad_Name
    - 7
  bootstrap: []
status: {}
`)
	_, err := policy.Open(dir)
	want := []string{
		`cluster.yaml:6:3: unknown field "spec.sise": there are bootstrap, certificates, clients, growth, network, paused, removal, snapshots`,
		`cluster.yaml:7:11: field "spec.paused" must be true or false, not "maybe"`,
		`cluster.yaml:10:13: field "spec.growth.stable" must be a duration such as 90s or 5m, not "5 seconds"`,
		`cluster.yaml:11:5: unknown field "spec.growth.laglimit": it is written "lagLimit"`,
		`cluster.yaml:12:5: field "spec.growth.lagLimit" is in line 9 already`,
		`cluster.yaml:17:7: field "spec.certificates.extraSANs.2" must be a text, not "7"`,
		`cluster.yaml:18:14: field "spec.bootstrap" must be an object`,
		`cluster.yaml:19:1: field "status" is the controller's: leave it out`,
	}
	if diff := cmp.Diff(want, faults(err)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestValuesThatCannotBeCarriedOutAreFaults(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "apiVersion: v1\nkind: EtcdCluster\nmetadata: {}\nspec:\n  growth:\n    lagLimit: -1\n    stable: 300h\n"+
		"  certificates:\n    extraSANs: [10.0.0.1, Bad_Name]\n"+
		"  network:\n    exposeTo: [auto, 192.0.2.0/24, 2001:db8::7/128, 192.0.2.7, self, 192.0.2.7/24, 0.0.0.0/0, '::/0']\n"+
		"  snapshots: {schedule: daily, keep: 1001}\n")
	_, err := policy.Open(dir)
	got := faults(err)
	for i, want := range []string{"a.yaml:1:13: apiVersion", "a.yaml:3:11: metadata.name", "a.yaml:6:15: spec.growth.lagLimit",
		"a.yaml:7:13: spec.growth.stable", "a.yaml:9:27: spec.certificates.extraSANs[1]",
		"a.yaml:11:53: spec.network.exposeTo[3]", "a.yaml:11:64: spec.network.exposeTo[4]", "a.yaml:11:70: spec.network.exposeTo[5]",
		"a.yaml:11:84: spec.network.exposeTo[6]", "a.yaml:11:95: spec.network.exposeTo[7]",
		"a.yaml:12:25: spec.snapshots.schedule", "a.yaml:12:38: spec.snapshots.keep"} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("faults %q, want the %dth to begin with %q", got, i, want)
			break
		}
	}
}

func TestBrokenYAMLIsPlaced(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", head+"spec: {paused: [}\n")
	// The parser names the line in which it noticed, or the one before.
	if _, err := policy.Open(dir); len(faults(err)) != 1 || !strings.HasPrefix(faults(err)[0], "a.yaml:3:1: ") {
		t.Errorf("error %v", err)
	}
}

func TestEveryFieldHasADefaultAndFilesSayTheRest(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", head+"spec: {growth: {lagLimit: 7}}\n---\n# nothing\n---\n"+
		strings.Replace(head, "name: etcd", "name: etcd, namespace: prod", 1)+"spec: {paused: true}\n")
	write(t, dir, "notes.txt", "not a policy")
	s, err := policy.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var defaults v1alpha1.EtcdClusterSpec
	defaults.SetDefaults()
	if diff := cmp.Diff(defaults, s.Spec("admin/prod", "other")); diff != "" {
		t.Errorf("no file (-want +got):\n%s", diff)
	}
	if got := s.Spec("admin/test", "etcd"); got.Growth.LagLimit != 7 || got.Growth.Stable != defaults.Growth.Stable || got.Paused {
		t.Errorf("a file for all models: %+v", got)
	}
	if got := s.Spec("admin/prod", "etcd"); !got.Paused || got.Growth.LagLimit != 1000 {
		t.Errorf("a file for this model: %+v", got)
	}
}

func TestTwoPoliciesForOneClusterAreAFault(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", head)
	write(t, dir, "b.yaml", head)
	_, err := policy.Open(dir)
	if got := faults(err); len(got) != 1 || got[0] != "b.yaml: there is a policy for etcd in a.yaml already" {
		t.Errorf("faults %q", got)
	}
}

func TestLastGoodPolicyStaysWhileItsFileIsBad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", head+"spec: {paused: true}\n")
	s, err := policy.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	outcomes, ended := make(chan error, 8), make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(err error) { outcomes <- err }) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	// The watch may begin after the first write: write until it is noticed.
	await := func(text string) error {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
			write(t, dir, "a.yaml", text)
			select {
			case err := <-outcomes:
				return err
			case <-time.After(time.Second):
			}
		}
		t.Fatal("the change was not noticed")
		return nil
	}
	if err := await(head + "spec: {pausd: true}\n"); len(faults(err)) != 1 {
		t.Errorf("outcome %v", err)
	}
	if !s.Spec("m", "etcd").Paused || !strings.Contains(s.Fault("m", "etcd"), "a.yaml:4:8") {
		t.Errorf("paused %v, fault %q", s.Spec("m", "etcd").Paused, s.Fault("m", "etcd"))
	}
	if err := await(head + "spec: {paused: false}\n"); err != nil {
		t.Errorf("outcome %v", err)
	}
	if s.Spec("m", "etcd").Paused || s.Fault("m", "etcd") != "" {
		t.Errorf("paused %v, fault %q", s.Spec("m", "etcd").Paused, s.Fault("m", "etcd"))
	}
}

func TestSampleIsValidAndStatesTheDefaults(t *testing.T) {
	dir := t.TempDir()
	sample, err := os.ReadFile("../../../config/samples/etcdcluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "sample.yaml", string(sample))
	s, err := policy.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want v1alpha1.EtcdClusterSpec
	want.SetDefaults()
	want.Certificates.ExtraSANs = []string{"etcd.example.com", "192.0.2.10"}
	want.Network.ExposeTo = []string{}
	if diff := cmp.Diff(want, s.Spec("admin/prod", "etcd")); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
}

// TestShapeHasEveryFieldOfTheSchema holds the fields that files may have against the generated
// schema, and the defaults in it against SetDefaults.
func TestShapeHasEveryFieldOfTheSchema(t *testing.T) {
	text, err := os.ReadFile("../../../config/crd/jujuetcd.io_etcdclusters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	if diff := cmp.Diff(fieldsOf(spec), policy.SpecFields()); diff != "" {
		t.Errorf("fields of the schema and of files (-schema +files):\n%s", diff)
	}
	var defaults v1alpha1.EtcdClusterSpec
	defaults.SetDefaults()
	encoded, err := yaml.Marshal(defaults)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(encoded, &values); err != nil {
		t.Fatal(err)
	}
	for part, s := range spec.Properties {
		for name, f := range s.Properties {
			if f.Default == nil {
				continue
			}
			got := values[part].(map[string]any)[name]
			want := f.Default
			if text, ok := want.(string); ok {
				d, err := time.ParseDuration(text)
				if err != nil {
					t.Fatal(err)
				}
				want = d.String()
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s.%s: the schema says %v, SetDefaults %v", part, name, want, got)
			}
		}
	}
}

type schema struct {
	Properties map[string]schema `json:"properties"`
	Default    any               `json:"default"`
}

// fieldsOf are the paths of all leaves.
func fieldsOf(s schema) map[string]bool {
	leaves := map[string]bool{}
	for name, child := range s.Properties {
		if len(child.Properties) == 0 {
			leaves[name] = true
		}
		for path := range fieldsOf(child) {
			leaves[name+"."+path] = true
		}
	}
	return leaves
}

func FuzzPolicyNeverBreaks(f *testing.F) {
	f.Add(head + "spec: {paused: true}")
	f.Add("- &a [*a]")
	f.Add("a: &x {<<: *x}")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		write(t, dir, "a.yaml", text)
		if _, err := policy.Open(dir); err != nil && len(faults(err)) == 0 {
			t.Errorf("an error without a fault: %v", err)
		}
	})
}
