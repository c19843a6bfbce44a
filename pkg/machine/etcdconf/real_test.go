package etcdconf_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/etcdconf"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
)

// real returns the etcd program of a minor and its exact version.
func real(t *testing.T, minor string) (program string, v etcdconf.Version) {
	t.Helper()
	dir, err := etcdbin.Dir(t.Context(), minor)
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "etcd")
	out, err := exec.CommandContext(t.Context(), program, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if v, err = etcdconf.ParseVersion(strings.TrimSpace(strings.TrimPrefix(strings.SplitN(string(out), "\n", 2)[0], "etcd Version:"))); err != nil {
		t.Fatal(err)
	}
	return program, v
}

// In its file etcd ignores what it does not know; --help lists the same names as flags.
func TestEveryKeyIsOneOfTheVersionsFlags(t *testing.T) {
	for _, minor := range []string{"3.4", "3.5", "3.6", "3.7"} {
		program, v := real(t, minor)
		help, err := exec.CommandContext(t.Context(), program, "--help").CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		flags := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^\s+--([a-z0-9-]+)`).FindAllSubmatch(help, -1) {
			flags[string(m[1])] = true
		}
		for _, key := range etcdconf.Keys(v) {
			if !flags[key] {
				t.Errorf("etcd %s does not know %s", v, key)
			}
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func freePorts(t *testing.T) (client, peer int) {
	t.Helper()
	var ports []int
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:gocritic // held until all are found, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports[0], ports[1]
}

// member starts etcd with a rendered file, and returns its client URL, its log and how to end it.
func member(t *testing.T, program string, dir string, s v1alpha1.EtcdSpec, v etcdconf.Version) (log *lockedBuffer, stop func()) {
	t.Helper()
	text, err := etcdconf.Render(s, etcdconf.Paths{CA: dir + "/ca.crt", Certificate: dir + "/server.crt", Key: dir + "/server.key"}, v)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "etcd.conf.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	log = &lockedBuffer{}
	cmd := exec.CommandContext(t.Context(), program, "--config-file", file)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	return log, stop
}

// waitFor waits until a URL answers and returns the answer.
func waitFor(t *testing.T, client *http.Client, url string, log *lockedBuffer) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client.Do(req); err == nil {
			text, rerr := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if rerr == nil && resp.StatusCode == http.StatusOK {
				return string(text)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("etcd does not answer:\n%s", log.String())
		}
	}
}

func TestRealEtcdTakesUpWhatIsRendered(t *testing.T) {
	for _, minor := range []string{"3.4", "3.5", "3.6", "3.7"} {
		t.Run(minor, func(t *testing.T) {
			program, v := real(t, minor)
			dir := t.TempDir()
			ca := etcdtest.NewCA(t)
			leaf := ca.Issue(t, "etcd0", "127.0.0.1")
			for name, data := range map[string][]byte{"ca.crt": ca.PEM, "server.crt": leaf.CertPEM, "server.key": leaf.KeyPEM} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			clientPort, peerPort := freePorts(t)
			clientURL, peerURL := fmt.Sprintf("https://127.0.0.1:%d", clientPort), fmt.Sprintf("https://127.0.0.1:%d", peerPort)
			s := v1alpha1.EtcdSpec{
				Name: "etcd0", DataDir: filepath.Join(dir, "data"),
				ListenPeerURLs: []string{peerURL}, ListenClientURLs: []string{clientURL},
				AdvertisePeerURLs: []string{peerURL}, AdvertiseClientURLs: []string{clientURL},
				HeartbeatIntervalMs: 110, ElectionTimeoutMs: 1210, SnapshotCount: 12345, QuotaBackendBytes: 3 << 30,
				MaxRequestBytes: 3 << 20,
				Initial: &v1alpha1.InitialCluster{Token: "tok", State: v1alpha1.InitialNew,
					Members: []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: peerURL}}},
			}
			log, stop := member(t, program, dir, s, v)
			config := etcdtest.ClientTLS(ca, leaf)
			client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			metrics := waitFor(t, client, clientURL+"/metrics", log)

			if v.Minor == 5 && !strings.Contains(log.String(), `"initial-corrupt-check":true`) {
				t.Error("the initial corruption check is off")
			}
			if v.Minor >= 6 {
				for _, gate := range []string{"InitialCorruptCheck", "CompactHashCheck"} {
					if !regexp.MustCompile(`etcd_server_feature_enabled\{name="` + gate + `",stage="[A-Z]*"\} 1`).MatchString(metrics) {
						t.Errorf("%s is off", gate)
					}
				}
			}
			if !regexp.MustCompile(`etcd_server_quota_backend_bytes 3.221225472e\+09`).MatchString(metrics) {
				t.Error("the quota is another one")
			}
			logged := []string{`"heartbeat-interval":"110ms"`, `"election-timeout":"1.21s"`, `"snapshot-count":12345`, `"pre-vote":true`,
				`client-cert-auth = true`, `"name":"etcd0"`}
			if v.Minor > 4 { // 3.4 does not tell it
				logged = append(logged, `"max-request-bytes":3145728`)
			}
			for _, want := range logged {
				if !strings.Contains(log.String(), want) {
					t.Errorf("etcd does not log %s when it starts", want)
				}
			}
			for _, bad := range []string{`"level":"error"`, "deprecated", "Unknown", "unrecognized"} {
				for line := range strings.Lines(log.String()) {
					// The switch to the newer listener layout is no business of the file.
					if strings.Contains(line, bad) && !strings.Contains(line, "v2-deprecation") {
						t.Errorf("etcd complains: %s", line)
					}
				}
			}
			without := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
				TLSClientConfig: &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12}}}
			if resp, err := without.Get(clientURL + "/metrics"); err == nil {
				_ = resp.Body.Close()
				t.Error("etcd answers a client without a certificate")
			}
			legacy := config.Clone()
			legacy.MinVersion, legacy.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			legacy.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
			if c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", clientPort), legacy); err == nil {
				_ = c.Close()
				t.Error("etcd accepts a cipher suite that was not chosen")
			}

			pool := etcdops.NewPool(config)
			defer pool.Close()
			seen := pool.Check(t.Context(), clientURL)
			state, err := datadir.Inspect(s.DataDir)
			if err != nil || !state.Present || state.Member != seen.MemberID || state.Cluster != seen.ClusterID || state.Member == 0 {
				t.Errorf("the data directory says %+v, %v, and etcd says member %s of cluster %s", state, err, seen.MemberID, seen.ClusterID)
			}

			// Once there is data, the file names only the member itself, and etcd goes on with what
			// it has.
			stop()
			s.Initial = nil
			log, stop = member(t, program, dir, s, v)
			waitFor(t, client, clientURL+"/health", log)
			if again := pool.Check(t.Context(), clientURL); again.MemberID != seen.MemberID || again.ClusterID != seen.ClusterID {
				t.Errorf("after a restart it is another member: %+v", again)
			}

			// Without data it cannot start from that file.
			stop()
			if err := os.Rename(s.DataDir, s.DataDir+".gone"); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), program, "--config-file", filepath.Join(dir, "etcd.conf.yml"))
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("a wiped member started:\n%s", out)
			}
			if state, err := datadir.Inspect(s.DataDir); err != nil || state.Present {
				t.Errorf("the refused start has left a member: %+v, %v", state, err)
			}
		})
	}
	if !slices.Contains([]string{"3.5", "3.6", "3.7"}, etcdbin.Default) {
		t.Errorf("the minor of the demo, %s, is not tested", etcdbin.Default)
	}
}
