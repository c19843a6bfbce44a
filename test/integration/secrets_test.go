//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// No private key is anywhere but where it is used, and in what the classic certificates protocol itself carries: in no API
// frame beside that relation's databags, in no peer databag, action, log, or file that others can read.
func TestNoPrivateKeyIsWhereOthersSeeIt(t *testing.T) {
	frames := filepath.Join(t.TempDir(), "frames.jsonl")
	w := begin(t, "--record", frames)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	for _, action := range []string{"health", "debug", "package-client-credentials"} {
		w.juju("run", "etcd/0", action)
	}
	if _, err := w.Credentials(w.ctx, "etcd"); err != nil {
		t.Fatal(err)
	}

	seen, inRelation := scanFrames(t, frames)
	if seen < 50 || inRelation == 0 {
		t.Errorf("%d frames recorded, %d with the classic relation's keys: this test has looked at too little", seen, inRelation)
	}
	units, app, err := w.api.Databags(w.ctx, "etcd")
	must(t, err)
	for name, bag := range units {
		for key, value := range bag {
			refuseKey(t, "databag of "+name+", key "+key, value)
		}
	}
	for key, value := range app {
		refuseKey(t, "application databag, key "+key, value)
	}
	for _, name := range []string{"jujuetcd", "jujusim"} {
		refuseKey(t, "log of "+name, w.Log(name))
	}
	refuseKey(t, "debug-log", w.juju("debug-log", "--no-tail", "--replay", "--level", "TRACE"))
	refuseKey(t, "operations", w.juju("operations", "--format", "json"))

	files, keys := 0, 0
	must(t, filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() > 4<<20 {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
			keys++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s holds a private key with mode %v", path, info.Mode().Perm())
			}
		}
		return nil
	}))
	if keys < 6 {
		t.Errorf("only %d files with keys found among %d: this test has looked in the wrong place", keys, files)
	}
	t.Logf("%d frames (%d carry the classic relation), %d files (%d with keys, all private)", seen, inRelation, files, keys)
}

func refuseKey(t *testing.T, where, text string) {
	t.Helper()
	if strings.Contains(text, "PRIVATE KEY") {
		t.Errorf("%s holds a private key", where)
	}
}

// scanFrames reads the recorded frames: a key may be in a reply of UnitsInfo only, there in the databags of the endpoint
// certificates only.
func scanFrames(t *testing.T, path string) (frames, classic int) {
	t.Helper()
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		frames++
		if !bytes.Contains(lines.Bytes(), []byte("PRIVATE KEY")) {
			continue
		}
		var frame any
		must(t, json.Unmarshal(lines.Bytes(), &frame))
		if text, _ := json.Marshal(withoutCertificates(frame)); bytes.Contains(text, []byte("PRIVATE KEY")) {
			t.Errorf("frame %d holds a private key outside of the classic relation: %.300s", frames, text)
			continue
		}
		classic++
	}
	must(t, lines.Err())
	return frames, classic
}

// withoutCertificates leaves out the unit databags of relations on the endpoint certificates, wherever in a frame they are.
func withoutCertificates(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withoutCertificates(v[i])
		}
	case map[string]any:
		if v["endpoint"] == "certificates" {
			delete(v, "unit-relation-data")
		}
		for key := range v {
			v[key] = withoutCertificates(v[key])
		}
	case string:
		// A frame may be recorded as text.
		var inner any
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
			return withoutCertificates(inner)
		}
	}
	return v
}
