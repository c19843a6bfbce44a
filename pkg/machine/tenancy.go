package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/owner"
	"jujuetcd.io/pkg/machine/record"
)

// lookLimit bounds a question to systemd where the caller has no limit of its own.
const lookLimit = 10 * time.Second

// Tenants are all that may have a claim to a machine, for WhoseMachine.
type Tenants struct {
	// Self is who asks.
	Self v1alpha1.UnitRef
	// Owner is whom the owner's file names; nil if there is no such file.
	Owner *v1alpha1.UnitRef
	// Recorded says that Self has applied a delivery here, and Member is the one that it remembers.
	Recorded bool
	Member   string
	// Others are the members, by unit, that other units' records name; empty for one that has none.
	Others map[v1alpha1.UnitRef]string
	// Data is what lies in a data directory, Runs that etcd's service has a process.
	Data *v1alpha1.LeftData
	Runs bool
}

// WhoseMachine says that the machine is another's, or nobody's that could be asked; nil: it is
// Self's, or Self may claim it. It is pure.
//
// The owner's file decides. Where there is none, because nobody has claimed the machine or agents
// of before it have, the data does: whose record names its member has it. A sole record without
// data, or whose data is too young to be recorded, is enough. What the charm before this one has
// left where only it put it is its unit's, whose successor is Self.
func WhoseMachine(t Tenants) *v1alpha1.TakenFacts {
	if t.Owner != nil && *t.Owner == t.Self {
		return nil
	}
	taken := &v1alpha1.TakenFacts{}
	var claimants []v1alpha1.UnitRef
	if t.Data != nil {
		data := *t.Data
		taken.Data = &data
		for _, r := range sorted(t.Others) {
			if t.Others[r] != "" && t.Others[r] == data.MemberID {
				claimants = append(claimants, r)
			}
		}
		if t.Recorded && t.Member == data.MemberID {
			claimants = append(claimants, t.Self)
		}
		if len(claimants) == 1 {
			data.Of = &claimants[0]
		}
	}
	switch {
	case t.Owner != nil:
		taken.Units = []v1alpha1.UnitRef{*t.Owner}
	case len(claimants) == 1 && claimants[0] == t.Self:
		return nil
	case len(claimants) == 1:
		taken.Units = claimants
	case t.Recorded && len(t.Others) == 0:
		return nil
	case len(t.Others) > 0:
		taken.Units = sorted(t.Others)
	case t.Data == nil && !t.Runs, t.Data != nil && slices.Contains(adoptable, t.Data.Dir):
		return nil
	case t.Data == nil:
		taken.Runs = true
	}
	return taken
}

func sorted(units map[v1alpha1.UnitRef]string) []v1alpha1.UnitRef {
	var list []v1alpha1.UnitRef
	for r := range units {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b v1alpha1.UnitRef) int {
		return cmp.Or(strings.Compare(a.Unit, b.Unit), strings.Compare(a.ModelUUID, b.ModelUUID))
	})
	return list
}

// tenancy is whose the machine is, with what is known from looking for it.
type tenancy struct {
	// taken is set where the machine is not this unit's; claimed where the owner's file says that
	// it is.
	taken   *v1alpha1.TakenFacts
	claimed bool
	// record is the unit's own, empty if it has none; others are those of other units, with where
	// they are.
	record record.Record
	others map[v1alpha1.UnitRef]foreign
	data   data
}

// foreign is another unit's record.
type foreign struct {
	record record.Record
	store  record.Store
}

func (m *Machine) self() v1alpha1.UnitRef {
	return v1alpha1.UnitRef{Unit: m.o.Unit, ModelUUID: m.o.ModelUUID}
}

// tenancy looks whose the machine is. It touches nothing.
func (m *Machine) tenancy(ctx context.Context) (tenancy, error) {
	var t tenancy
	has, err := m.owner.Load()
	if err != nil {
		return t, err
	}
	none := has == (owner.Owner{})
	self := !none && has.Unit == m.o.Unit && (m.o.ModelUUID == "" || has.ModelUUID == m.o.ModelUUID)
	// Whose records lie here beside the owner's does not matter, and a damaged one of another's
	// harms nobody.
	if t.record, t.others, err = m.records(!self); err != nil {
		return t, err
	}
	if t.data, err = m.inspect(t.record); err != nil {
		return t, err
	}
	for _, o := range t.others {
		if t.data.Present {
			break
		}
		if d, err := m.inspect(o.record); err != nil {
			return t, err
		} else if d.Present {
			t.data = d
		}
	}
	who := Tenants{Self: m.self(), Recorded: t.record.Hash != "", Member: t.record.Member.MemberID, Others: map[v1alpha1.UnitRef]string{}}
	for r, o := range t.others {
		who.Others[r] = o.record.Member.MemberID
	}
	if t.data.Present {
		who.Data = &v1alpha1.LeftData{Dir: t.data.Dir, ClusterID: t.data.Cluster.String(), MemberID: t.data.Member.String()}
	}
	if !none {
		o := v1alpha1.UnitRef(has)
		if self {
			o = m.self() // who does not know its model is not compared by it
		}
		who.Owner, t.claimed = &o, self
	}
	if !self {
		if who.Runs, err = m.runs(ctx); err != nil {
			return t, err
		}
	}
	t.taken = WhoseMachine(who)
	return t, nil
}

// runs says that etcd's service has a process, or is about to have one. Where snapd has put no such
// service there is none.
func (m *Machine) runs(ctx context.Context) (bool, error) {
	_, err := os.Lstat(m.path(filepath.Join("/etc/systemd/system", ServiceName+".service")))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look for etcd's service: %w", err)
	}
	state, err := m.unit.State(ctx)
	return !state.Down(), err
}

// records are the unit's own, and those that other units have left below StateDir if all are asked
// for; a unit of the same name in another model is another one.
func (m *Machine) records(all bool) (record.Record, map[v1alpha1.UnitRef]foreign, error) {
	var own record.Record
	others := map[v1alpha1.UnitRef]foreign{}
	folders, err := os.ReadDir(m.path(StateDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return own, nil, fmt.Errorf("cannot look for the records of units: %w", err)
	}
	for _, folder := range folders {
		path := filepath.Join(m.path(StateDir), folder.Name(), recordFile)
		if _, err := os.Lstat(path); err != nil || !all && path != m.store.Path {
			continue
		}
		store := record.Store{Path: path, Disk: m.disk}
		r, err := store.Load()
		if err != nil {
			return own, nil, err
		}
		ref := refOf(path, r)
		switch {
		case path == m.store.Path && (ref.ModelUUID == "" || m.o.ModelUUID == "" || ref.ModelUUID == m.o.ModelUUID):
			own = r
		default:
			others[ref] = foreign{record: r, store: store}
		}
	}
	return own, others, nil
}

// refOf is the unit that has left a record. One without a spec is known by its folder alone.
func refOf(path string, r record.Record) v1alpha1.UnitRef {
	if r.Spec != nil {
		return v1alpha1.UnitRef{Unit: r.Spec.Unit, ModelUUID: r.Spec.ModelUUID}
	}
	folder := filepath.Base(filepath.Dir(path))
	if i := strings.LastIndexByte(folder, '-'); i > 0 {
		folder = folder[:i] + "/" + folder[i+1:]
	}
	return v1alpha1.UnitRef{Unit: folder}
}

// claim makes the machine this unit's, before anything is installed or written on it, and returns
// nil; or says whose it has become meanwhile. The record of a unit of the same name in another
// model gets out of the way.
func (m *Machine) claim(t *tenancy) (*v1alpha1.TakenFacts, error) {
	if !t.claimed {
		has, err := m.owner.Claim(owner.Owner(m.self()))
		if err != nil {
			return nil, err
		}
		if has != owner.Owner(m.self()) {
			return &v1alpha1.TakenFacts{Units: []v1alpha1.UnitRef{v1alpha1.UnitRef(has)}}, nil
		}
		t.claimed = true
	}
	for _, o := range t.others {
		if o.store.Path == m.store.Path {
			if err := o.store.SetAside(m.o.Now()); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// ours claims the machine if it may be claimed, and says whether it is this unit's. It is for what
// hooks put on a machine before anything has been delivered.
func (m *Machine) ours() (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	t, err := m.tenancy(ctx)
	if err != nil || t.taken != nil {
		return false, err
	}
	taken, err := m.claim(&t)
	return err == nil && taken == nil, err
}

// Occupied is a sentence on whose a machine is, for a unit of a model.
func Occupied(t *v1alpha1.TakenFacts, modelUUID string) string {
	o := etcdops.Occupant{Runs: t.Runs}
	for _, r := range t.Units {
		o.Units = append(o.Units, etcdops.UnitOf(r.Unit, r.ModelUUID == modelUUID || r.ModelUUID == "" || modelUUID == ""))
	}
	if t.Data != nil {
		o.Dir, o.Cluster = t.Data.Dir, t.Data.ClusterID
	}
	return etcdops.OccupiedWords(o).Message
}

// another says that the machine is another's, without claiming it. What is there then is not
// reported.
func (m *Machine) another() (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	t, err := m.tenancy(ctx)
	return t.taken != nil, err
}
