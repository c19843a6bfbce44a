package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// StatedSuffix ends the name of the file beside an encrypted archive that says what it is: nobody needs
// to open it to list it, or to see that it is one of the schedule that may go.
const StatedSuffix = ".json"

// stated is what is in that file. It tells nothing of what is in the cluster, but for its revision.
type stated struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Origin Origin `json:"origin"`
}

// known is the SHA-256 that it says the archive has.
func (s *stated) known() known {
	return known{s.SHA256, "the file " + StatedSuffix + " beside it", DigestStored}
}

// state writes the file for an archive that is about to have its name: what has the name without it
// would be nobody's for ever.
func state(a Archive, own func(*os.File) error) error {
	s := stated{SHA256: a.SHA256, Size: a.Size, Origin: *a.Origin}
	// What would tell whether the database is one that somebody has guessed.
	s.Origin.DatabaseSHA256, s.Origin.Hash = "", nil
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return create(a.Path+StatedSuffix, own, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n", text)
		return err
	})
}

// statedOf is what the file beside an archive says; nil if there is none. Whoever has the folder may
// have changed it.
func statedOf(ctx context.Context, path string) (*stated, error) {
	f, err := open(ctx, path+StatedSuffix)
	if errors.Is(err, errMissing) {
		return nil, nil //nolint:nilnil // there is none, which is no fault
	}
	if err != nil {
		return nil, fmt.Errorf("%s beside it: %w", StatedSuffix, err)
	}
	defer f.Close()
	if f.info.Size() > largestOrigin {
		return nil, fmt.Errorf("%s beside it is larger than %s", StatedSuffix, Size(largestOrigin))
	}
	var s stated
	text, err := io.ReadAll(f)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil {
		s.Origin.clean()
		s.SHA256, err = checksum(s.SHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("%s beside it cannot be read: %w", StatedSuffix, err)
	}
	return &s, nil
}

// removeStated removes what was said of archives of the cluster's schedule that never got their names, or
// have gone.
func removeStated(ctx context.Context, dir, cluster string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot see what is in %s: %w", dir, err)
	}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), StatedSuffix)
		of, _, scheduled := ParseScheduled(name)
		if !is || !scheduled || of != cluster || !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if s, err := statedOf(ctx, path); err != nil || s == nil || s.Origin.ClusterID != cluster {
			continue
		}
		if err := os.Remove(path + StatedSuffix); err != nil {
			return fmt.Errorf("cannot remove what is left of a snapshot: %w", err)
		}
	}
	return nil
}

// originOf is where an archive of ours is from, as far as it can be told without opening it; nil if it
// tells nothing.
func originOf(ctx context.Context, s *source, path string) *Origin {
	head, err := s.Peek(len(sealedMagic))
	if err != nil || !isSealed(head) {
		return recorded(s.file)
	}
	said, err := statedOf(ctx, path)
	if err != nil || said == nil || said.Size != s.info.Size() {
		return nil
	}
	return &said.Origin
}
