package observe_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/test/etcdtest"
)

// trust lets the members have one bundle on disk, and the process of the last one another; the
// others have read what is on disk.
func (r *rig) trust(disk, process string) {
	r.t.Helper()
	peers := r.juju.Units[0].RelationData[0].Units
	for name, bag := range peers {
		var facts v1alpha1.UnitFacts
		if err := json.Unmarshal([]byte(bag.Data["facts"]), &facts); err != nil {
			r.t.Fatal(err)
		}
		facts.Certificates.CA = pki.Fingerprints(disk)
		facts.Running = &v1alpha1.RunningFacts{CA: pki.Fingerprints(disk)}
		if name == "etcd/2" {
			facts.Running.CA = pki.Fingerprints(process)
		}
		text, err := json.Marshal(facts)
		if err != nil {
			r.t.Fatal(err)
		}
		bag.Data["facts"] = string(text)
	}
}

// TestTheDaemonShowsNoCertificateThatAMemberRefuses: a provider that offers a further authority may
// give certificates of it at once. The daemon goes on with the one that it has, and trusts both;
// one that has none takes what there is.
func TestTheDaemonShowsNoCertificateThatAMemberRefuses(t *testing.T) {
	one, two := etcdtest.NewCA(t), etcdtest.NewCA(t)
	both := string(one.PEM) + string(two.PEM)
	ofOne, ofTwo := one.Issue(t, "client"), two.Issue(t, "client")
	r := newRig(t)
	r.trust(string(one.PEM), string(one.PEM))
	bag := map[string]string{"ca": string(one.PEM), "client.cert": string(ofOne.CertPEM), "client.key": string(ofOne.KeyPEM)}
	r.addProvider(bag)
	r.now = time.Now()
	uses := func(when string, leaf etcdtest.Leaf, authorities int) {
		t.Helper()
		r.observe(true)
		last := r.dialled[len(r.dialled)-1]
		if last.Cert != string(leaf.CertPEM) || strings.Count(last.CA, "BEGIN CERTIFICATE") != authorities {
			t.Errorf("%s: it shows %t the one, %t the other, and trusts %q", when, last.Cert == string(ofOne.CertPEM), last.Cert == string(ofTwo.CertPEM), last.CA)
		}
	}
	uses("at first", ofOne, 1)
	bag["ca"], bag["client.cert"], bag["client.key"] = both, string(ofTwo.CertPEM), string(ofTwo.KeyPEM)
	uses("both are offered", ofOne, 2)
	r.trust(both, string(one.PEM))
	uses("one member has not read it", ofOne, 2)
	dialled := len(r.dialled)
	r.observe(true)
	if len(r.dialled) != dialled {
		t.Error("it connects anew at each look")
	}
	r.trust(both, both)
	uses("all have", ofTwo, 2)

	fresh := newRig(t)
	fresh.trust(both, string(one.PEM))
	fresh.addProvider(bag)
	fresh.now = time.Now()
	fresh.observe(true)
	if len(fresh.dialled) == 0 || fresh.dialled[0].Cert != string(ofTwo.CertPEM) {
		t.Error("a daemon that has no certificate does not take what there is")
	}
}
