package snapshot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Proven is an archive that has been inspected, and the database in it as a file without a name: what
// is restored is what was looked at, and need not be read once more, whoever can write to the
// archive. It takes as much of a disk as the database is large until it is closed, or its process
// ends.
type Proven struct {
	Archive
	database *os.File // nil of a v2 archive
}

// Prove inspects an archive that is to be restored as a data directory in the folder near, and keeps
// its database there; where that has no room, beside the archive. The identity opens it if it is
// encrypted, and is not looked for else.
func Prove(ctx context.Context, path, sha256, near string, identity Identity) (*Proven, error) {
	return ProveAs(ctx, path, path, sha256, near, identity)
}

// ProveAs is Prove of what was put at the path for that alone, and has another name for people: where it is from.
func ProveAs(ctx context.Context, path, called, sha256, near string, identity Identity) (*Proven, error) {
	l := looking{room: slices.Compact(append(room{filepath.Clean(near)}, beside(path)...)), keep: true, identity: identity}
	if err := l.inspect(ctx, path, sha256); err != nil {
		l.close()
		return nil, refused(called, err)
	}
	l.Path = called
	return &Proven{Archive: l.Archive, database: l.database}, nil
}

// Close gives the disk back.
func (p *Proven) Close() error {
	if p.database == nil {
		return nil
	}
	return p.database.Close()
}

// Restore makes a data directory of the archive; dir must not exist, and is not left behind half made.
// Revisions go up, and all before are marked as compacted: a client that watched before is told so,
// and sees no revision twice. It stops between its steps when ctx ends, not within one.
func (p *Proven) Restore(ctx context.Context, dir string, to NewCluster) error {
	if p.database == nil {
		return refused(p.Path, errV2)
	}
	// The archive, what is unpacked of it and the data that is replaced stay, too.
	if err := Free(filepath.Dir(dir), p.DatabaseSize); err != nil {
		return fmt.Errorf("cannot restore %s: %w", p.Path, err)
	}
	return restore(ctx, p.Archive, p.database, dir, to)
}
