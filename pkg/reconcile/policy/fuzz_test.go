package policy

import "testing"

// FuzzPolicyFile: a file of a person's is policies, or faults that say where; never both for one document.
func FuzzPolicyFile(f *testing.F) {
	f.Add([]byte("apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata: {name: etcd}\nspec:\n  paused: true\n"))
	f.Add([]byte("a: &a [*a, *a]\n---\n{}\n---\nnull\n"))
	f.Add([]byte("apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata: null\nspec: null\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, d := range parse("policy.yaml", text) {
			for _, fault := range d.faults {
				if fault.String() == "" {
					t.Error("a fault says nothing")
				}
			}
		}
	})
}
