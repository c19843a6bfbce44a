//go:build integration

package integration

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/test/rig"
)

// defragments: one action has all members of the world give back what is free in their databases,
// each once, under writes of which none fails.
func defragments(t *testing.T, w *world, config *tls.Config, endpoints []string) {
	t.Helper()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	for i := range 60 {
		_, err := client.Put(w.ctx, "large", strings.Repeat(fmt.Sprint(i%10), 512<<10))
		must(t, err)
	}
	w.juju("run", "etcd/0", "compact", "physical=true")
	before, leader := w.databases(t, client, endpoints)
	writer := w.write()
	out, err := w.Jujuetcd(w.ctx, "defrag", "etcd", "--model", "admin/demo")
	must(t, err)
	if !strings.Contains(out, "asked the controller to have all members defragment their databases") {
		t.Errorf("jujuetcd defrag says: %s", out)
	}
	w.eventually(t, "each member defragments", func() bool {
		return len(w.defragmented()) >= 3
	})
	w.settledOptions(t)
	w.await(rig.Healthy("etcd", 3))
	report := writer.VerifyNoneLost()
	t.Logf("while members defragment: %s", report)
	if report.Unknown > 0 {
		t.Errorf("%d writes have failed", report.Unknown)
	}
	units := w.defragmented()
	if last := units[len(units)-1]; len(units) != 3 || last != leader {
		t.Errorf("it was done on %v, and %s has led", units, leader)
	}
	after, _ := w.databases(t, client, endpoints)
	facts := w.facts(t)
	for unit, size := range after {
		if size > before[unit]/3 {
			t.Errorf("the database of %s had %d bytes, and has %d", unit, before[unit], size)
		}
		told := facts[unit].Defragmented
		if told == nil || told.Stamp == 0 || told.Before < before[unit]/2 || told.After > told.Before/3 {
			t.Errorf("%s tells of %+v", unit, told)
		}
	}
}

// databases are the sizes of the units' databases, and whose member leads.
func (w *world) databases(t *testing.T, client *clientv3.Client, endpoints []string) (sizes map[string]int64, leader string) {
	t.Helper()
	members, err := client.MemberList(w.ctx)
	must(t, err)
	sizes = map[string]int64{}
	for _, endpoint := range endpoints {
		status, err := client.Status(w.ctx, endpoint)
		must(t, err)
		i := slices.IndexFunc(members.Members, func(m *etcdserverpb.Member) bool { return m.ID == status.Header.MemberId })
		unit := strings.Replace(members.Members[i].Name, "etcd", "etcd/", 1)
		sizes[unit] = status.DbSize
		if status.Leader == status.Header.MemberId {
			leader = unit
		}
	}
	return sizes, leader
}

// defragmented are the units whose etcd has defragmented its database, as its log tells, in the order
// in which that was over.
func (w *world) defragmented() []string {
	w.t.Helper()
	type line struct{ at, unit string }
	var lines []line
	for _, unit := range w.etcdUnits() {
		for text := range strings.Lines(w.memberOn(unit).log()) {
			var entry struct{ TS, Msg string }
			start := strings.IndexByte(text, '{')
			if start < 0 || !strings.Contains(text, "finished defragmenting directory") || json.Unmarshal([]byte(text[start:]), &entry) != nil {
				continue
			}
			lines = append(lines, line{entry.TS, unit})
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(a.at, b.at) })
	units := make([]string, len(lines))
	for i, l := range lines {
		units[i] = l.unit
	}
	return units
}

// facts are what the units have published.
func (w *world) facts(t *testing.T) map[string]v1alpha1.UnitFacts {
	t.Helper()
	infos, err := w.api.UnitsInfo(w.ctx, "unit-etcd-0")
	must(t, err)
	all := map[string]v1alpha1.UnitFacts{}
	for _, info := range infos {
		for _, relation := range info.RelationData {
			for name, unit := range relation.Units {
				var facts v1alpha1.UnitFacts
				if text, ok := unit.Data[v1alpha1.FactsKey]; ok {
					must(t, json.Unmarshal([]byte(text), &facts))
					all[name] = facts
				}
			}
		}
	}
	return all
}
