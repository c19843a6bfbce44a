package machine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/snapd"
)

// serviceWait bounds how long a service command of snapd's is watched: snapd itself gives a service 30 s to stop.
const serviceWait = 35 * time.Second

// install installs the snap if it is absent, and sets snapd's refresh timer. A snap that is there stays as it is: another
// channel in the spec is a matter for an upgrade.
func (a *application) install(ctx context.Context) error {
	if a.snap == nil {
		if err := a.installSnap(ctx); err != nil {
			return err
		}
	}
	return a.refreshTimer(ctx)
}

func (a *application) installSnap(ctx context.Context) error {
	id, err := a.startInstall(ctx)
	if err == nil && id != "" {
		err = a.watch(ctx, id, a.m.o.SnapWait)
	}
	if snapd.StoreUnreachable(err) {
		err = fmt.Errorf("%w; let the machine reach the snap store (behind a proxy: juju model-config snap-https-proxy=URL), "+
			"or attach the snap as the resource etcd", err)
	}
	if err != nil {
		return err
	}
	a.snap, err = a.m.snapd.Snap(ctx, SnapName)
	if err == nil && a.snap == nil {
		err = errors.New("cannot find the etcd snap after its installation")
	}
	return err
}

// startInstall returns the change that installs the snap: one that is under way already, or a new one; none if the snap has
// come in the meantime.
func (a *application) startInstall(ctx context.Context) (string, error) {
	doing, err := a.m.snapd.InProgress(ctx, SnapName)
	if err != nil {
		return "", err
	}
	if len(doing) > 0 {
		return doing[0].ID, nil
	}
	if a.s.SnapFile != nil {
		if file := a.s.SnapFile(ctx); file != "" {
			return a.startInstallFile(ctx, file)
		}
	}
	channel := a.spec.Snap.Channel
	if channel == "" {
		return "", failed(v1alpha1.ReasonBadSpec, errors.New("cannot install the etcd snap: snap.channel is empty, and nothing is installed"))
	}
	id, err := a.m.snapd.Install(ctx, SnapName, channel)
	if snapd.Is(err, snapd.KindAlreadyInstalled) {
		return "", nil
	}
	switch {
	case err == nil:
		a.did("snap install etcd --channel=" + channel)
	case snapd.Is(err, snapd.KindNoChannel), snapd.Is(err, snapd.KindNoArchitecture), snapd.Is(err, snapd.KindNoRevision):
		// The default may well be a channel that a store, or the part of one that a proxy lets through, does not have.
		err = fmt.Errorf("%w; set the option channel to one that has etcd, or attach the snap as the resource etcd", err)
	}
	return id, err
}

func (a *application) startInstallFile(ctx context.Context, file string) (string, error) {
	id, err := a.m.snapd.InstallFile(ctx, SnapName, file)
	if err == nil {
		a.did("snap install " + filepath.Base(file))
	}
	return id, err
}

// watch waits for a change of snapd's for as long as one Apply may.
func (a *application) watch(ctx context.Context, id string, limit time.Duration) error {
	change, err := a.m.snapd.Wait(ctx, id, limit)
	if err != nil {
		return err
	}
	if !change.Ready {
		return inProgress(v1alpha1.ReasonSnapInProgress, fmt.Errorf("snapd is at work: %s", change.Progress()))
	}
	return change.Failed()
}

// refreshTimer sets snapd's refresh.timer, if the spec has an opinion. The option belongs to the whole machine.
func (a *application) refreshTimer(ctx context.Context) error {
	const key = "refresh.timer"
	want := a.spec.Snap.RefreshTimer
	if want == nil {
		return nil
	}
	have, err := a.m.snapd.Option(ctx, key)
	if err != nil {
		return err
	}
	if text, _ := have.(string); text == *want {
		return nil
	}
	var value any = *want
	if *want == "" {
		value = nil // back to snapd's own
	}
	id, err := a.m.snapd.SetOption(ctx, key, value)
	if err != nil {
		return err
	}
	a.did("snap set system refresh.timer")
	return a.watch(ctx, id, serviceWait)
}

// off says that the service neither runs nor is started by anybody but us.
func (a *application) off(ctx context.Context) (bool, error) {
	if a.snap == nil {
		return true, nil
	}
	apps, err := a.m.snapd.Services(ctx, SnapName)
	if err != nil {
		return false, err
	}
	state, err := a.m.unit.State(ctx)
	if err != nil {
		return false, err
	}
	enabled := false
	for _, app := range apps {
		enabled = enabled || app.Enabled
	}
	return !enabled && state.Down(), nil
}

// stop stops the service, now and at the next boot.
func (a *application) stop(ctx context.Context) error {
	if off, err := a.off(ctx); err != nil || off {
		return err
	}
	id, err := a.m.snapd.Stop(ctx, SnapName)
	if err != nil {
		return err
	}
	a.did("snap stop --disable etcd")
	return a.watch(ctx, id, serviceWait)
}
