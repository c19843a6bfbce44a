package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

func (in *addresses) seedInitial() *v1alpha1.InitialCluster {
	initial := &v1alpha1.InitialCluster{Token: in.Latch.Seeds.Token, State: v1alpha1.InitialNew}
	for _, s := range in.Latch.Seeds.Members {
		initial.Members = append(initial.Members, v1alpha1.NamedMember{Name: s.Name, PeerURL: s.PeerURL})
	}
	return initial
}

// joinInitial is made from the member list, as etcd compares it with its own; a member without a name has its unit's.
func (in *addresses) joinInitial() *v1alpha1.InitialCluster {
	initial := &v1alpha1.InitialCluster{State: v1alpha1.InitialExisting}
	if in.Latch.Seeds != nil {
		initial.Token = in.Latch.Seeds.Token
	}
	for _, m := range in.Etcd.Members {
		name := m.Name
		if u, ok := in.unitOf(m); ok && name == "" {
			name = etcdops.MemberName(u.Name)
		}
		if name == "" {
			name = "member-" + m.ID.String()
		}
		for _, url := range m.PeerURLs {
			initial.Members = append(initial.Members, v1alpha1.NamedMember{Name: name, PeerURL: url})
		}
	}
	slices.SortFunc(initial.Members, func(a, b v1alpha1.NamedMember) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.PeerURL, b.PeerURL))
	})
	return initial
}

// seedsOf are seeds for a birth, each where its unit is found now: also where others were latched
// before.
func (in *addresses) seedsOf(units []observation.Unit) *v1alpha1.Seeds {
	seeds := &v1alpha1.Seeds{Token: in.token()}
	for _, u := range units {
		seeds.Members = append(seeds.Members, v1alpha1.Seed{
			Unit: u.Name, Name: etcdops.MemberName(u.Name), PeerURL: httpsURL(u.Facts.Addresses.Peer, in.opts.ManagementPort),
		})
	}
	return seeds
}

// token is that of the next birth. A cluster that is born anew gets another one each time: its members, and what is left of those
// before them, must not find each other.
func (in *addresses) token() string {
	base := fmt.Sprintf("%s-%s-%d", in.ModelUUID, in.Application, in.PeerRelationID)
	former := in.Latch.Seeds
	switch {
	case in.ended != nil:
		former = in.ended.Seeds
	case former == nil:
		return base
	}
	n := 1
	if former != nil {
		if number, ok := strings.CutPrefix(former.Token, base+"-"); ok {
			if k, err := strconv.Atoi(number); err == nil {
				n = k
			}
		}
	}
	return fmt.Sprintf("%s-%d", base, n+1)
}
