package model_test

import (
	"context"
	"maps"
	"regexp"
	"testing"
	"time"

	"jujuetcd.io/sim/model"
)

// eventuallyIn waits until it is so, looking again with every change of the model.
func eventuallyIn(t *testing.T, m *model.Model, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		revision := m.Revision()
		if so() {
			return
		}
		if _, err := m.WaitChange(ctx, revision); err != nil {
			t.Fatalf("it never is so: %s", what)
		}
	}
}

func TestARelationAcrossModelsCarriesUnitsAndDatabags(t *testing.T) {
	c := model.NewController(model.Options{})
	t.Cleanup(c.Close)
	_, err := c.AddUser("admin", "", "pw")
	must(t, err)
	far, err := c.AddModel("admin", "demo", "")
	must(t, err)
	near, err := c.AddModel("admin", "second", "")
	must(t, err)
	_, err = far.Deploy(model.DeployArgs{Charm: testCharm(t, "name: etcd\nprovides: {db: {interface: etcd}}\npeers: {cluster: {interface: etcd}}", "", ""), NumUnits: 2})
	must(t, err)
	_, err = near.Deploy(model.DeployArgs{Charm: testCharm(t, "name: kube\nrequires: {etcd: {interface: etcd}}", "", ""), NumUnits: 1})
	must(t, err)
	for i, m := range []*model.Model{far, near} {
		for _, id := range m.MachineIDs() {
			must(t, m.MachineStarted(id, model.MachineFacts{Addresses: []string{"10.0.0." + id}, Public: "198.51.10" + string(rune('0'+i)) + "." + id}))
		}
		for _, u := range m.UnitNames("") {
			must(t, m.AgentUp(u))
		}
	}

	if _, err := c.Offer(far.UUID, "etcd", "", []string{"cluster"}); err == nil {
		t.Error("a peer relation was offered")
	}
	if _, err := c.Consume(near.UUID, "admin/demo.etcd", ""); !model.IsNotFound(err) {
		t.Errorf("what is not offered was consumed: %v", err)
	}
	_, err = c.Offer(far.UUID, "etcd", "", []string{"db"})
	must(t, err)
	name, err := c.Consume(near.UUID, "admin/demo.etcd", "store")
	must(t, err)
	if _, err := c.Consume(near.UUID, "admin/demo.etcd", "kube"); err == nil {
		t.Error("an alias was taken that an application has")
	}
	id, err := near.AddRelation("kube:etcd", name)
	must(t, err)
	must(t, near.EnterScope("kube/0", id))

	// The other model has a relation with a stand-in.
	there := -1
	eventuallyIn(t, far, "the offer's model has the relation", func() bool {
		for _, r := range far.FullStatus().Relations {
			if r.Interface == "etcd" && len(r.Endpoints) == 2 {
				there = r.ID
			}
		}
		return there >= 0
	})
	for _, u := range []string{"etcd/0", "etcd/1"} {
		must(t, far.EnterScope(u, there))
	}
	proxy := ""
	eventuallyIn(t, far, "kube's unit is there", func() bool {
		units, err := far.View("etcd/0").RelationUnits(there)
		must(t, err)
		if len(units) == 1 {
			proxy = units[0]
		}
		return proxy != ""
	})
	if !regexp.MustCompile(`^remote-[0-9a-f]{32}/0$`).MatchString(proxy) {
		t.Errorf("kube's unit is called %s", proxy)
	}
	must(t, far.Commit("etcd/0", model.Changes{UnitSettings: map[int]map[string]string{there: {"connection_string": "https://10.0.0.0:2379"}}}))
	bag := func(unit string) map[string]string {
		bag, err := near.View("kube/0").RelationSettings(id, unit)
		if err != nil {
			return nil
		}
		return bag
	}
	eventuallyIn(t, near, "kube reads what etcd/0 says", func() bool { return bag("store/0")["connection_string"] != "" })
	if got := bag("store/0")["ingress-address"]; got != "198.51.100.0" {
		t.Errorf("etcd/0 is reached at %s", got)
	}
	eventuallyIn(t, near, "etcd/1 is there", func() bool { return bag("store/1") != nil })

	// In the relation's context the ingress is public, in any other it is not.
	for relation, want := range map[int]string{-1: "10.0.0.0", 0: "10.0.0.0", there: "198.51.100.0"} {
		n, err := far.View("etcd/0").Network("db", relation)
		if err != nil || n.Ingress[0] != want || n.BindAddress != "10.0.0.0" {
			t.Errorf("network of db in relation %d: %+v %v", relation, n, err)
		}
	}

	// What a user sees.
	if s := near.FullStatus(); len(s.Remotes) != 1 || s.Remotes[0].OfferURL != "admin/demo.etcd" || s.Remotes[0].Endpoints[0].Role != "provider" || len(s.Applications) != 1 {
		t.Errorf("the consumer's model shows %+v", s.Remotes)
	}
	if s := far.FullStatus(); len(s.Remotes) != 0 || len(s.Applications) != 1 || len(s.Offers) != 1 {
		t.Errorf("the offer's model shows %+v, %+v", s.Remotes, s.Offers)
	}
	data, err := far.RelationData("etcd/0")
	must(t, err)
	if d := data[0]; d.ID != there || !d.CrossModel || !maps.Equal(d.Units[proxy], map[string]string{"ingress-address": "198.51.101.0", "egress-subnets": "198.51.101.0/32"}) {
		t.Errorf("relation data %+v", d)
	}

	// A unit that leaves goes from the other side, and the end of the relation is the end of both.
	must(t, far.LeaveScope("etcd/0", there))
	eventuallyIn(t, near, "etcd/0 has gone", func() bool {
		units, err := near.View("kube/0").RelationUnits(id)
		return err == nil && len(units) == 1 && units[0] == "store/1"
	})
	must(t, near.DestroyRelation("kube", "store", false))
	eventuallyIn(t, far, "the relation dies", func() bool {
		for _, r := range far.FullStatus().Relations {
			if r.ID == there {
				return r.Life == model.Dying
			}
		}
		return false
	})
	must(t, far.LeaveScope("etcd/1", there))
	must(t, near.LeaveScope("kube/0", id))
	eventuallyIn(t, far, "both relations have gone", func() bool {
		return len(near.FullStatus().Relations) == 0 && len(far.FullStatus().Relations) == 1
	})
}

// related is a controller with an offer in one model, and an application of another that is related
// to it; there is the relation's id in the model of the offer.
func related(t *testing.T) (c *model.Controller, far, near *model.Model, there int) {
	t.Helper()
	c = model.NewController(model.Options{})
	t.Cleanup(c.Close)
	_, err := c.AddUser("admin", "", "pw")
	must(t, err)
	far, err = c.AddModel("admin", "demo", "")
	must(t, err)
	near, err = c.AddModel("admin", "second", "")
	must(t, err)
	_, err = far.Deploy(model.DeployArgs{Charm: testCharm(t, "name: etcd\nprovides: {db: {interface: etcd}}", "", ""), NumUnits: 1})
	must(t, err)
	_, err = near.Deploy(model.DeployArgs{Charm: testCharm(t, "name: kube\nrequires: {etcd: {interface: etcd}}", "", ""), NumUnits: 1})
	must(t, err)
	for _, m := range []*model.Model{far, near} {
		must(t, m.MachineStarted("0", model.MachineFacts{Addresses: []string{"10.0.0.1"}}))
		must(t, m.AgentUp(m.UnitNames("")[0]))
	}
	_, err = c.Offer(far.UUID, "etcd", "", []string{"db"})
	must(t, err)
	_, err = c.Consume(near.UUID, "admin/demo.etcd", "store")
	must(t, err)
	here, err := near.AddRelation("kube:etcd", "store")
	must(t, err)
	must(t, near.EnterScope("kube/0", here))
	eventuallyIn(t, far, "the offer's model has the relation", func() bool {
		relations := far.FullStatus().Relations
		if len(relations) > 0 {
			there = relations[0].ID
		}
		return len(relations) > 0
	})
	must(t, far.EnterScope("etcd/0", there))
	eventuallyIn(t, near, "etcd/0 is there", func() bool {
		units, err := near.View("kube/0").RelationUnits(here)
		return err == nil && len(units) == 1
	})
	return c, far, near, there
}

func dying(m *model.Model) bool {
	relations := m.FullStatus().Relations
	return len(relations) == 1 && relations[0].Life == model.Dying
}

func TestAConsumedApplicationThatIsRemovedEndsItsRelationsAndCanBeConsumedAgain(t *testing.T) {
	c, far, near, there := related(t)
	if err := near.DestroyConsumed("kube"); !model.IsNotFound(err) || err.Error() != `saas application "kube" not found` {
		t.Errorf("an application of the model itself: %v", err)
	}
	must(t, near.DestroyConsumed("store"))
	if _, err := near.AddRelation("kube:etcd", "store"); err == nil {
		t.Error("a dying application is related anew")
	}
	eventuallyIn(t, far, "the relation dies in the offer's model", func() bool { return dying(far) })
	must(t, far.LeaveScope("etcd/0", there))
	must(t, near.LeaveScope("kube/0", near.FullStatus().Relations[0].ID))
	eventuallyIn(t, near, "the application is gone", func() bool { return len(near.FullStatus().Remotes) == 0 && len(near.FullStatus().Relations) == 0 })
	eventuallyIn(t, far, "the relation is gone", func() bool { return len(far.FullStatus().Relations) == 0 })
	if _, err := c.Consume(near.UUID, "admin/demo.etcd", "store"); err != nil {
		t.Errorf("it cannot be consumed again: %v", err)
	}
	must(t, near.DestroyConsumed("store"))
	eventuallyIn(t, near, "one without relations goes at once", func() bool { return len(near.FullStatus().Remotes) == 0 })
}

func TestAnOfferThatIsUsedIsTakenBackByForceOnly(t *testing.T) {
	c, far, near, there := related(t)
	if err := c.RemoveOffer(far.UUID, "admin/demo.other", false); !model.IsNotFound(err) {
		t.Errorf("what is not offered is taken back: %v", err)
	}
	const want = `cannot delete application offer "etcd": offer has 1 relation`
	for _, url := range []string{"admin/demo.etcd", "etcd"} {
		if err := c.RemoveOffer(far.UUID, url, false); err == nil || err.Error() != want {
			t.Errorf("%s is used: %v", url, err)
		}
	}
	must(t, c.RemoveOffer(near.UUID, "admin/demo.etcd", true))
	if len(far.FullStatus().Offers) != 0 {
		t.Error("the offer is still there")
	}
	eventuallyIn(t, near, "the relation dies in the consumer's model, too", func() bool { return dying(near) })
	eventuallyIn(t, near, "the consumed application says why", func() bool {
		remotes := near.FullStatus().Remotes
		return len(remotes) == 1 && remotes[0].Status.Current == "terminated" && remotes[0].Status.Message == "offer has been removed"
	})
	must(t, far.LeaveScope("etcd/0", there))
	must(t, near.LeaveScope("kube/0", near.FullStatus().Relations[0].ID))
	eventuallyIn(t, far, "the relation is gone", func() bool { return len(far.FullStatus().Relations) == 0 })
	must(t, near.DestroyConsumed("store"))
	eventuallyIn(t, near, "so is the consumed application", func() bool { return len(near.FullStatus().Remotes) == 0 })

	_, err := c.Offer(far.UUID, "etcd", "again", []string{"db"})
	must(t, err)
	if err := c.RemoveOffer(far.UUID, "again", false); err != nil {
		t.Errorf("an offer without relations: %v", err)
	}
}
