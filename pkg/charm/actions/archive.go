package actions

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"path"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// packed is a file of an archive.
type packed struct {
	name string
	text string
}

// archive is a tar.gz with one folder, in which the files are for their owner only.
func archive(folder string, files []packed, at time.Time) ([]byte, error) {
	at = at.Truncate(time.Second) // rounded up, it is in the future, of which tar warns
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	pack := tar.NewWriter(zip)
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("cannot pack %s: %w", folder, err) }
	if err := pack.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o700, ModTime: at}); err != nil {
		return fail(err)
	}
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: folder + "/" + f.name, Mode: 0o600, ModTime: at, Size: int64(len(f.text))}
		if err := pack.WriteHeader(header); err != nil {
			return fail(err)
		}
		if _, err := pack.Write([]byte(f.text)); err != nil {
			return fail(err)
		}
	}
	if err := pack.Close(); err != nil {
		return fail(err)
	}
	if err := zip.Close(); err != nil {
		return fail(err)
	}
	return out.Bytes(), nil
}

// handOut puts an archive where the person who runs the action can fetch it, and says how.
func (a action) handOut(ctx context.Context, name string, data []byte, message string) error {
	where, err := a.machine.HandOut(name, data)
	if err != nil {
		return a.run.Tools.FailAction(ctx, err.Error())
	}
	for _, result := range [][2]string{
		{v1alpha1.ResultPath, where},
		{v1alpha1.ResultCommand, fmt.Sprintf("juju scp %s:%s .", a.run.Env.Unit, path.Base(where))},
		{v1alpha1.ResultMessage, message},
	} {
		if err := a.run.Tools.SetActionResult(ctx, result[0], result[1]); err != nil {
			return err
		}
	}
	return nil
}
