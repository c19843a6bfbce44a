package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"jujuetcd.io/test/etcd/etcdbin"
)

// world is a cluster of three members without TLS, which no picture shows, and what its clients do.
type world struct {
	dir, program string
	members      []*member
	config       string // of Prometheus
	client       *clientv3.Client
}

type member struct {
	name, address string
	args          []string
	cmd           *exec.Cmd
}

func newWorld(ctx context.Context, dir string) (*world, error) {
	bin, err := etcdbin.Dir(ctx, etcdbin.Default)
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, program: filepath.Join(bin, "etcd"), config: filepath.Join(dir, "prometheus.yml")}
	net := fmt.Sprintf("127.%d.%d", 16+rand.IntN(200), rand.IntN(256))
	var initial, endpoints, targets []string
	for i := range 3 {
		m := &member{name: fmt.Sprintf("etcd%d", i), address: fmt.Sprintf("%s.%d", net, 10+i)}
		w.members = append(w.members, m)
		initial = append(initial, fmt.Sprintf("%s=http://%s:2380", m.name, m.address))
		endpoints = append(endpoints, "http://"+m.address+":2379")
		targets = append(targets, "'"+m.address+":2379'")
	}
	for _, m := range w.members {
		m.args = []string{"--name", m.name, "--data-dir", filepath.Join(dir, m.name), "--log-level", "error",
			"--listen-client-urls", "http://" + m.address + ":2379", "--advertise-client-urls", "http://" + m.address + ":2379",
			"--listen-peer-urls", "http://" + m.address + ":2380", "--initial-advertise-peer-urls", "http://" + m.address + ":2380",
			"--initial-cluster", strings.Join(initial, ","), "--quota-backend-bytes", "67108864", "--auto-compaction-retention", "1m"}
		if err := w.start(m); err != nil {
			w.close()
			return nil, err
		}
	}
	text := "global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n- {job_name: etcd-production, static_configs: [{targets: [" +
		strings.Join(targets, ", ") + "], labels: {juju_charm: etcd, juju_model: production, juju_application: etcd}}]}\n"
	if err := os.WriteFile(w.config, []byte(text), 0o644); err != nil {
		w.close()
		return nil, err
	}
	w.client, err = clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop(), DialTimeout: 10 * time.Second})
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(m *member) error {
	m.cmd = exec.Command(w.program, m.args...)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", m.name, err)
	}
	return nil
}

func (m *member) stop() {
	if m.cmd != nil && m.cmd.Process != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	}
}

func (w *world) close() {
	if w.client != nil {
		_ = w.client.Close()
	}
	for _, m := range w.members {
		m.stop()
	}
}

// live has clients read, write, watch and lease for a time. In its middle third the member that led is down.
func (w *world) live(ctx context.Context, last time.Duration) error {
	live, cancel := context.WithTimeout(ctx, last)
	defer cancel()
	for i := range 12 {
		go w.work(live, i)
	}
	go func() {
		for range w.client.Watch(live, "pods/", clientv3.WithPrefix()) { // until the end
		}
	}()
	var led *member
	for _, step := range []func() error{
		func() (err error) {
			if led, err = w.leader(live); err == nil {
				led.stop()
			}
			return err
		},
		func() error { return w.start(led) },
	} {
		select {
		case <-time.After(last / 3):
		case <-live.Done():
			return live.Err()
		}
		if err := step(); err != nil {
			return err
		}
	}
	<-live.Done()
	if errors.Is(live.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return ctx.Err()
}

// leader is the member that leads now.
func (w *world) leader(ctx context.Context) (*member, error) {
	for _, m := range w.members {
		status, err := w.client.Status(ctx, "http://"+m.address+":2379")
		if err != nil {
			return nil, fmt.Errorf("cannot find the leader: %w", err)
		}
		if status.Leader == status.Header.MemberId {
			return m, nil
		}
	}
	return nil, errors.New("cannot find the leader: no member leads")
}

// work is one client. That a request fails while a member is down is part of the picture.
func (w *world) work(ctx context.Context, worker int) {
	value := strings.Repeat("x", 1500)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		key := fmt.Sprintf("pods/%d/%d", worker, i%400)
		one, cancel := context.WithTimeout(ctx, time.Second)
		switch i % 10 {
		case 0, 1, 2:
			_, _ = w.client.Put(one, key, value)
		case 3:
			_, _ = w.client.Txn(one).If(clientv3.Compare(clientv3.Version(key), ">", 0)).Then(clientv3.OpPut(key, value)).Commit()
		case 4:
			if lease, err := w.client.Grant(one, 60); err == nil {
				_, _ = w.client.Put(one, fmt.Sprintf("leases/%d", worker), value, clientv3.WithLease(lease.ID))
				_, _ = w.client.Revoke(one, lease.ID)
			}
		case 5:
			_, _ = w.client.Delete(one, key)
		default:
			_, _ = w.client.Get(one, key)
		}
		cancel()
	}
}
