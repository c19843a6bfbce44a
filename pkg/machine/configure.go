package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/etcdconf"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/service"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// changing renders the configuration, and if it differs from the one on disk in what etcd reads
// only when it starts, records so before the first of its files is written: what the process runs
// with is known from this.
func (a *application) changing(ctx context.Context) error {
	_, hash, err := a.render()
	if err != nil || hash == a.record.Config.Hash {
		return err
	}
	now := a.spec.ReadAtStart()
	state, err := a.m.unit.State(ctx)
	if err != nil {
		return err
	}
	a.process(state)
	disk, err := a.m.tls.BundleText()
	if err != nil {
		return err
	}
	a.record.Process = withAuthorities(a.record.Process, a.record.Config, pki.Fingerprints(disk))
	a.record.Config = record.Config{Hash: hash, Reads: now}
	return a.m.remember(&a.record)
}

// render returns etcd's configuration, and what identifies it with its CA bundle.
func (a *application) render() (file []byte, hash string, err error) {
	if a.version, err = etcdconf.ParseVersion(a.snap.Version); err != nil {
		return nil, "", failed(v1alpha1.ReasonBadSpec, err)
	}
	conf := a.spec.Etcd
	if a.data.Present {
		conf.Initial = nil
	}
	file, err = etcdconf.Render(conf, paths(), a.version)
	if err != nil {
		return nil, "", failed(v1alpha1.ReasonBadSpec, err)
	}
	bundle := a.spec.TLS.CABundle
	if bundle == "" {
		text, err := os.ReadFile(a.m.tls.Path(tlsfiles.BundleFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, "", fmt.Errorf("cannot read the CA bundle: %w", err)
		}
		bundle = string(text)
	}
	clean, err := tlsfiles.Normalize(bundle)
	if err != nil {
		return nil, "", failed(v1alpha1.ReasonBadSpec, err)
	}
	return file, etcdconf.RestartHash(file, clean, a.spec.Service.RestartStamp), nil
}

// configure writes etcd's configuration. A first start with state new is recorded before the file
// can be seen by a service.
func (a *application) configure(ctx context.Context) error {
	if !a.data.Present && a.spec.Etcd.Initial == nil {
		// Nothing may be running that could take up a configuration which is not for starting.
		if err := a.stop(ctx); err != nil {
			return err
		}
	}
	file, _, err := a.render()
	if err != nil {
		return err
	}
	if err := a.changing(ctx); err != nil {
		return err
	}
	if err := a.begin(); err != nil {
		return err
	}
	if err := a.m.disk.MkdirAll(a.m.path(CommonDir), 0o755); err != nil {
		return err
	}
	if _, err := a.m.disk.Write(durable.File{Path: a.m.path(ConfigFile), Data: file, Mode: 0o644}); err != nil {
		return err
	}
	a.shell()
	if a.record.Config.Since == 0 {
		a.record.Config.Since, a.record.Config.Boot = monotonic(), a.boot
		return a.m.remember(&a.record)
	}
	return nil
}

// begin records the first start of a member, before it. The mark comes before the record: a record
// without its mark means that the data is lost.
func (a *application) begin() error {
	i := a.spec.Etcd.Initial
	if i == nil || a.data.Present {
		return nil
	}
	member := record.Member{Token: i.Token}
	if i.State == v1alpha1.InitialNew {
		member.StartedNew = true
		for _, m := range i.Members {
			if m.Name == a.spec.Etcd.Name {
				member.MemberID = etcdops.SeedID(i.Token, m.PeerURL).String()
			}
		}
	}
	if a.record.Member == member {
		return nil
	}
	if member.StartedNew {
		if err := datadir.Begin(a.m.disk, a.m.path(a.spec.Etcd.DataDir), i.Token); err != nil {
			return err
		}
		a.mark = i.Token
	}
	// A database that is new has nothing to give back.
	a.record.Member, a.record.Defrag = member, record.Defrag{Stamp: a.spec.Service.DefragStamp}
	return a.m.remember(&a.record)
}

// dropIns writes the service's drop-ins and has systemd read them.
func (a *application) dropIns(ctx context.Context) error {
	mark := ""
	if a.record.Member.StartedNew {
		mark = datadir.Mark(filepath.Clean(a.spec.Etcd.DataDir))
	}
	want := service.DropIns(datadir.WAL(filepath.Clean(a.data.Dir)), mark, a.record.Member.Started)
	differ, err := a.m.unit.Differ(want)
	if err != nil {
		return err
	}
	if differ && !a.record.Reload {
		a.record.Reload = true
		if err := a.m.remember(&a.record); err != nil {
			return err
		}
	}
	if !a.record.Reload {
		return nil
	}
	if _, err := a.m.unit.WriteDropIns(want); err != nil {
		return err
	}
	if err := a.m.unit.Reload(ctx); err != nil {
		return err
	}
	a.did("systemctl daemon-reload")
	a.record.Reload = false
	return a.m.remember(&a.record)
}
