// Demo brings etcd up on an embedded Juju, from nothing to three healthy members, then to five and
// back to three, through the same programs and commands that a user has, and prints a line per
// step. `make demo` runs it.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"jujuetcd.io/test/rig"
)

func main() {
	keep := flag.Bool("keep", false, "leave everything running at the end, until interrupted")
	minor := flag.String("etcd", "3.6", "the etcd minor to run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *keep, *minor)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one run: the rig, and the clock of its progress lines.
type demo struct {
	*rig.Rig
	begin    time.Time
	programs string // the folder with etcdctl
}

func (d *demo) say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(d.begin).Seconds(), fmt.Sprintf(format, args...))
}

func run(ctx context.Context, keep bool, minor string) (err error) {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	r, err := rig.New(root)
	if err != nil {
		return err
	}
	d := &demo{Rig: r, begin: time.Now()}
	defer func() {
		if err != nil {
			tail(r, "jujuetcd")
			tail(r, "jujusim")
		}
		if closing := r.Close(); err == nil {
			err = closing
		}
		if err == nil {
			d.say("all stopped, nothing left behind")
		}
	}()

	if err := d.begins(ctx, minor); err != nil {
		return err
	}
	if err := d.grows(ctx); err != nil {
		return err
	}
	tls, err := d.serves(ctx)
	if err != nil {
		return err
	}
	if err := d.recovers(ctx); err != nil {
		return err
	}
	if err := d.resizes(ctx); err != nil {
		return err
	}
	if err := tls(ctx); err != nil {
		return err
	}
	if keep {
		return d.stays(ctx)
	}
	return nil
}

// begins: jujusim, the daemon, a certificate authority and one unit.
func (d *demo) begins(ctx context.Context, minor string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	programs, version, err := programs(ctx, minor)
	if err != nil {
		return err
	}
	d.programs = programs
	if err := d.Store(minor+"/stable", programs, version); err != nil {
		return err
	}
	if err := d.StartSim(ctx); err != nil {
		return err
	}
	d.say("jujusim runs: a Juju 4.0 controller with the model admin/demo")
	out, err := d.Juju(ctx, "add-user", "jujuetcd")
	if err != nil {
		return err
	}
	password := strings.TrimSpace(out)
	if _, err := d.Juju(ctx, "grant", "jujuetcd", "write", "demo"); err != nil {
		return err
	}
	if err := d.StartDaemon("jujuetcd", password, "admin/demo"); err != nil {
		return err
	}
	d.say("jujuetcd run --model admin/demo: as user jujuetcd, with a grant to write")
	for _, verb := range [][]string{
		{"deploy", filepath.Join(d.Root, "dist/easyrsa.charm")},
		{"deploy", filepath.Join(d.Root, "dist/etcd.charm")},
		{"integrate", "etcd", "easyrsa"},
	} {
		if _, err := d.Juju(ctx, verb...); err != nil {
			return err
		}
	}
	d.say("deployed a certificate authority and one etcd unit, and integrated them")
	took, err := d.Await(ctx, rig.Healthy("etcd", 1))
	if err != nil {
		return err
	}
	d.say("etcd/0: Healthy with 1 known peer (%.1f s)", took.Seconds())
	return nil
}

// grows: from one to three.
func (d *demo) grows(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if _, err := d.Juju(ctx, "add-unit", "etcd", "-n", "2"); err != nil {
		return err
	}
	d.say("added two units")
	took, err := d.Await(ctx, rig.Healthy("etcd", 3))
	if err != nil {
		return err
	}
	d.say("all three: Healthy with 3 known peers (%.1f s)", took.Seconds())
	return nil
}

// serves reads and writes through every member, and returns the step that shows the end.
func (d *demo) serves(ctx context.Context) (func(context.Context) error, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	credentials, err := d.Credentials(ctx, "etcd")
	if err != nil {
		return nil, err
	}
	config, err := credentials.TLS()
	if err != nil {
		return nil, err
	}
	s, err := d.Status(ctx)
	if err != nil {
		return nil, err
	}
	endpoints := s.Endpoints("etcd")
	if len(endpoints) != 3 {
		return nil, fmt.Errorf("cannot find three endpoints in the status: %v", endpoints)
	}
	if err := rig.ThroughEach(ctx, config, endpoints); err != nil {
		return nil, err
	}
	d.say("wrote a key through every member with mutual TLS, and read each through every other")
	return func(ctx context.Context) error { return d.ends(ctx, credentials) }, nil
}

// recovers: one etcd process killed.
func (d *demo) recovers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	s, err := d.Status(ctx)
	if err != nil {
		return err
	}
	names := s.UnitNames("etcd")
	victim := names[len(names)-1]
	if _, err := d.Juju(ctx, "fault", "kill", victim); err != nil {
		return err
	}
	d.say("killed the etcd process of %s (kill -9)", victim)
	took, err := d.Await(ctx, rig.All(rig.UnitShows(victim, "blocked", "UnHealthy with 3 known peers: "),
		rig.ApplicationShows("etcd", "active", victim)))
	if err != nil {
		return err
	}
	if s, err = d.Status(ctx); err != nil {
		return err
	}
	d.say("%s: %s (%.1f s)", victim, s.Unit(victim).Workload.Message, took.Seconds())
	d.say("etcd: %s", s.Applications["etcd"].Status.Message)
	if took, err = d.Await(ctx, rig.All(rig.Healthy("etcd", 3), rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))); err != nil {
		return err
	}
	d.say("recovered by itself: Healthy with 3 known peers (%.1f s later)", took.Seconds())
	return nil
}

// resizes: to five and back to three, under writes, with the unit among the removed whose member
// leads.
func (d *demo) resizes(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	config, endpoints, err := d.client(ctx)
	if err != nil {
		return err
	}
	writer, err := rig.StartWriter(ctx, config, endpoints)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			_, _ = writer.Stop(ctx) // the fault that is reported already came first
		}
	}()
	if _, err := d.Juju(ctx, "add-unit", "etcd", "-n", "2"); err != nil {
		return err
	}
	d.say("added two units, while a client writes")
	took, err := d.Await(ctx, rig.All(rig.Healthy("etcd", 5), rig.ApplicationShows("etcd", "active", "5 members, can lose 2")))
	if err != nil {
		return err
	}
	if _, endpoints, err = d.client(ctx); err != nil {
		return err
	}
	writer.SetEndpoints(endpoints)
	d.say("all five: Healthy with 5 known peers (%.1f s; longest gap between two writes %.2f s)", took.Seconds(), writer.Lap().Seconds())

	leader, err := rig.LeaderUnit(ctx, config, endpoints, "etcd")
	if err != nil {
		return err
	}
	s, err := d.Status(ctx)
	if err != nil {
		return err
	}
	other := slices.DeleteFunc(s.UnitNames("etcd"), func(u string) bool { return u == leader })[0]
	if _, err := d.Juju(ctx, "remove-unit", leader, other); err != nil {
		return err
	}
	d.say("removed %s, whose member leads, and %s, at once", leader, other)
	if took, err = d.Await(ctx, rig.All(rig.Healthy("etcd", 3), rig.ApplicationShows("etcd", "active", "3 members, can lose 1"))); err != nil {
		return err
	}
	gap := writer.Lap()
	stopped = true
	if _, endpoints, err = d.client(ctx); err != nil {
		return err
	}
	writer.SetEndpoints(endpoints)
	acknowledged, err := writer.Stop(ctx)
	if err != nil {
		return err
	}
	d.say("all three: Healthy with 3 known peers (%.1f s; longest gap between two writes %.2f s)", took.Seconds(), gap.Seconds())
	d.say("%d writes were acknowledged on the way, and all are there", acknowledged)
	return nil
}

// client is how a client reaches etcd now.
func (d *demo) client(ctx context.Context) (*tls.Config, []string, error) {
	credentials, err := d.Credentials(ctx, "etcd")
	if err != nil {
		return nil, nil, err
	}
	config, err := credentials.TLS()
	if err != nil {
		return nil, nil, err
	}
	s, err := d.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	return config, s.Endpoints("etcd"), nil
}

// ends: the tables.
func (d *demo) ends(ctx context.Context, c rig.Credentials) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	table, err := d.Juju(ctx, "status")
	if err != nil {
		return err
	}
	fmt.Printf("\n$ jujusim status\n%s\n", table)
	s, err := d.Status(ctx)
	if err != nil {
		return err
	}
	etcdctl := filepath.Join(d.MachineRoot(s.Unit(s.UnitNames("etcd")[0]).Machine), "snap/etcd/current/bin/etcdctl")
	cmd := exec.CommandContext(ctx, etcdctl, "--endpoints", strings.Join(s.Endpoints("etcd"), ","), "--cacert", c.CA, "--cert", c.Cert, "--key", c.Key,
		"member", "list", "-w", "table")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot list the members: %w: %s", err, out)
	}
	fmt.Printf("$ etcdctl member list -w table\n%s\n", out)
	return nil
}

// stays leaves all running and says how to play with it.
func (d *demo) stays(ctx context.Context) error {
	s, err := d.Status(ctx)
	if err != nil {
		return err
	}
	units := s.UnitNames("etcd")
	path := filepath.Join(d.Root, "bin") + ":" + d.programs
	fmt.Printf(`It stays up until you press Ctrl-C. In another shell:

  export JUJUSIM_DIR=%s JUJUETCD_SOCKET=%s PATH=%s:$PATH

  jujusim status
  jujusim add-unit etcd
  jujusim config etcd
  jujusim run %s health
  jujusim fault kill %s
  jujuetcd get units
  jujuetcd plan
  eval "$(jujuetcd env etcd --dir $JUJUSIM_DIR/client)"; etcdctl member list

`, filepath.Join(d.Dir, "s"), d.Socket(), path, units[0], units[1])
	<-ctx.Done()
	return nil
}

// programs builds etcd's programs of the minor, if the cache lacks them, and says where they are.
func programs(ctx context.Context, minor string) (dir, version string, err error) {
	cmd := exec.CommandContext(ctx, "go", "run", "./test/etcd/build", minor)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("cannot build etcd %s: %w", minor, err)
	}
	dir = string(bytes.TrimSpace(out))
	return dir, filepath.Base(dir), nil
}

func tail(r *rig.Rig, name string) {
	lines := strings.Split(strings.TrimSpace(r.Log(name)), "\n")
	if len(lines) > 20 {
		lines = lines[len(lines)-20:]
	}
	fmt.Fprintf(os.Stderr, "--- the end of %s's log\n%s\n", name, strings.Join(lines, "\n"))
}
