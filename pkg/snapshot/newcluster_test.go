package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
)

// TestARestoredArchiveStartsWhereItCameFrom: each form, as a member of a new cluster, in etcd of the
// minor that wrote it. Revisions go up, what was before is compacted, and authentication is off if
// that was asked for.
func TestARestoredArchiveStartsWhereItCameFrom(t *testing.T) {
	for _, minor := range append([]string{"3.4"}, minors...) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			data := realData(t, minor)
			for name, archive := range map[string][]byte{"saved": data.saved, "bare": data.bare} {
				cluster := etcdtest.Start(t, etcdtest.Options{Minor: minor})
				member := cluster.Members[0]
				member.Stop()
				member.Wipe()
				a := inspect(t, file(t, name, archive))
				must(t, a.Restore(t.Context(), member.DataDir, snapshot.NewCluster{Name: member.Name, PeerURL: member.PeerURL, Token: "another"}))
				if left, _ := filepath.Glob(member.DataDir + ".*"); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
				member.Start()
				member.WaitServing()
				client := cluster.Client()
				got, err := client.Get(t.Context(), "key", clientv3.WithPrefix(), clientv3.WithCountOnly())
				must(t, err)
				if got.Count != data.keys || got.Header.Revision <= data.revision+1_000_000 {
					t.Errorf("%s: %d keys at revision %d; %d at %d were saved", name, got.Count, got.Header.Revision, data.keys, data.revision)
				}
				if _, err := client.Get(t.Context(), "key0100", clientv3.WithRev(data.revision)); !errors.Is(err, rpctypes.ErrCompacted) {
					t.Errorf("%s: what was before is not compacted: %v", name, err)
				}
			}
		})
	}
}

func TestAuthenticationIsTurnedOffWhereThatIsAskedFor(t *testing.T) {
	cluster := etcdtest.Start(t, etcdtest.Options{})
	client := cluster.Client()
	_, err := client.Put(t.Context(), "key", "value")
	must(t, err)
	_, err = client.UserAdd(t.Context(), "root", "secret")
	must(t, err)
	_, err = client.UserGrantRole(t.Context(), "root", "root")
	must(t, err)
	_, err = client.AuthEnable(t.Context())
	must(t, err)
	root, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints(), TLS: cluster.TLS(), Username: "root", Password: "secret"})
	must(t, err)
	defer root.Close()
	a := inspect(t, file(t, "saved", save(t, root)))
	if !a.Auth {
		t.Fatal("it does not tell that authentication is on")
	}
	for _, off := range []bool{true, false} {
		member := cluster.Members[0]
		member.Stop()
		must(t, os.RemoveAll(member.DataDir))
		must(t, a.Restore(t.Context(), member.DataDir, snapshot.NewCluster{Name: member.Name, PeerURL: member.PeerURL, Token: "another", DisableAuth: off}))
		member.Start()
		anybody := cluster.Client()
		etcdtest.Eventually(t, time.Minute, "an answer", func(ctx context.Context) bool {
			_, err := anybody.Get(ctx, "key")
			var refused rpctypes.EtcdError // the client certificate's name is no user's
			return off && err == nil || !off && errors.As(err, &refused) && refused.Code() != codes.Unavailable
		})
	}
}

func TestWhatCannotBeRestoredLeavesNothingBehind(t *testing.T) {
	data := realData(t, etcdbin.Default)
	a := inspect(t, file(t, "saved", data.saved))
	var fs unix.Statfs_t
	must(t, unix.Statfs(t.TempDir(), &fs))
	big := a // it fits once, and not twice
	big.DatabaseSize = int64(fs.Bavail) * fs.Bsize / 10 * 7
	ended, end := context.WithCancel(t.Context())
	end()
	dir := filepath.Join(t.TempDir(), "data")
	good := snapshot.NewCluster{Name: "etcd0", PeerURL: "https://127.0.0.1:2380", Token: "t"}
	for _, tt := range []struct {
		name, want string
		ctx        context.Context
		archive    snapshot.Archive
		to         snapshot.NewCluster
	}{
		{"a URL that is none", "cannot restore", t.Context(), a, snapshot.NewCluster{Name: "etcd0", PeerURL: "nowhere", Token: "t"}},
		{"no time", "context canceled", ended, a, good},
		{"a v2 archive", "which this version does not restore", t.Context(), snapshot.Archive{Path: a.Path, Form: snapshot.FormV2}, good},
		{"more than the disk has", "free", t.Context(), big, good},
	} {
		if err := tt.archive.Restore(tt.ctx, dir, tt.to); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if left, _ := filepath.Glob(dir + "*"); len(left) > 0 {
			t.Errorf("%s: left behind: %v", tt.name, left)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
