//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is
// enough.

package snapshot_test

import (
	"testing"

	"jujuetcd.io/test/mutation"
)

type guard mutation.Guard

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, and expects the other
// tests to fail.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	const damaged, leads, outdated = "TestDamagedArchivesAreRefused", "TestWhatLeadsOut", "TestOnlyWhatAScheduleOfThisCluster"
	mutation.Test(t, []guard{
		{"the trailer", "source.go", "if t.has && string(t.tail) != string(t.body.Sum(nil)) {", "if false {", damaged},
		{"what is known of a file", "inspect.go", "err == nil && g.sum != l.SHA256", "false", "TestASHA256"},
		{"what was recorded of a database", "tarball.go", "if o.DatabaseSHA256 != hex.EncodeToString(contents.sum.sum()) {", "if hex.EncodeToString(contents.sum.sum()) == \"\" {", damaged},
		{"gzip is read to its end", "tarball.go", "if _, err := io.Copy(io.Discard, limit); err != nil {", "if err != nil {", damaged},
		{"a database has all its pages", "database.go", "if tx.Size() > size {", "if false {", damaged},
		{"a database has whole pages", "database.go", "size%page != 0", "size%page == -1", damaged},
		{"a database is checked", "database.go", "err, damaged := <-tx.Check(); damaged", "err := error(nil); err != nil", "TestWhatMakes"},
		{"a child looks", "child.go", "len(os.Args) == 2 && os.Args[0] == childName", "len(os.Args) == 2 && os.Args[0] == childName && false", "TestEveryForm"},
		{"a child that dies has found something", "child.go", "if _, ended := errors.AsType[*exec.ExitError](err); ended {", "if false {", "TestWhatMakes"},
		{"names stay inside", "tarball.go", "!filepath.IsLocal(name) || strings", "!filepath.IsLocal(\"x\") || strings", leads},
		{"links and devices", "tarball.go", "case h.Typeflag != tar.TypeDir:", "case false:", leads},
		{"what stands beside", "tarball.go", "case contents.stray != \"\":", "case false:", damaged},
		{"twice", "tarball.go", "if c.database != nil {\n\t\treturn errors", "if false {\n\t\treturn errors", damaged},
		{"what is no database is not written", "tarball.go", "if !isDatabase(head) {", "if false {", damaged},
		{"a bomb that does not", "tarball.go", "l.left < 0 {", "false {", "TestABomb"},
		{"many files", "tarball.go", "case n == mostFiles:", "case n == -1:", "TestABomb"},
		{"an origin is small", "tarball.go", "if size > largestOrigin {", "if false {", damaged},
		{"the disk", "scratch.go", "if free-spare < size {", "if false {", "TestTheDisk"},
		{"a link is not followed", "source.go", "os.O_RDONLY|unix.O_NOFOLLOW|", "os.O_RDONLY|", "TestOnlyAPlainFile"},
		{"nobody waits for a pipe", "source.go", "case !info.Mode().IsRegular():", "case false:", "TestOnlyAPlainFile"},
		{"what is empty", "source.go", "case info.Size() == 0:", "case false:", damaged},
		{"what was inspected is extracted", "extract.go", "err == nil && sum != a.SHA256", "err == nil && sum == \"\"", "TestNothingIsExtracted"},
		{"nothing is overwritten", "extract.go", "err = os.Link(f.Name(), path)", "err = os.Rename(f.Name(), path)", "TestNothingIsExtracted"},
		{"a v2 archive is none of v3", "extract.go", "if a.Form == FormV2 {", "if false {", "TestAV2"},
		{"a v2 archive that has v3 keys is none of a directory", "directory.go", "!slices.Contains(d.Members, backupMember)", "!slices.Contains(d.Members, \"\")", "TestAV2"},
		{"a tar ends as it should", "directory.go", "errors.Is(err, io.EOF) && !bytes", "errors.Is(err, io.ErrNoProgress) && !bytes", "TestADirectoryWithout"},
		{"nor the other way round", "unpack.go", "if a.Form != FormV2 {", "if false {", "TestAV2"},
		{"a snapshot has what was there before", "take.go", "case sent.Revision < t.Revision && ", "case false && ", "TestASnapshotIsTaken"},
		{"what is taken is proved", "take.go", "case sent.Form != FormSaved:", "case false:", "TestASnapshotIsTaken"},
		{"the disk has room for what is taken", "take.go", "if err := Free(t.Dir, 2*t.Size); err != nil {", "if err := error(nil); err != nil {", "TestASnapshotIsTaken"},
		{"two of a second have two names", "take.go", "taken(filepath.Join(t.Dir, free)) || ", "", "TestASnapshotIsTaken"},
		{"what is left of one is not another's", "take.go", " || taken(filepath.Join(t.Dir, free+StoredSuffix))", "", "TestASnapshotIsTaken"},
		{"only this cluster's", "scheduled.go", "parts[1] != cluster", "false", outdated},
		{"whose origin says so, too", "scheduled.go", "o.ClusterID == cluster && ", "", outdated},
		{"and of which time", "scheduled.go", " && o.Tick == parts[2]", "", outdated},
		{"no link", "scheduled.go", " || !e.Type().IsRegular()", "", outdated},
		{"not the last good one", "scheduled.go", " && name != filepath.Base(taken.Path)", "", outdated},
		{"which is there", "scheduled.go", "err != nil || sum != taken.SHA256", "err != nil || sum == \"\"", outdated},
		{"nor what is later", "scheduled.go", "if tick <= o.Tick && ", "if tick != \"\" && ", outdated},
		{"as many as are kept", "scheduled.go", "len(older)-max(keep-1, 0)", "len(older)-max(keep-2, 0)", outdated},
		{"one that is there is not taken again", "scheduled.go", "for _, name := range all[t.Origin.Tick] {", "for _, name := range all[\"\"] {", "TestAScheduledSnapshot"},
		{"what is listed is what was taken", "list.go", "case len(stored) == 1 && stored[0].sum != l.SHA256:", "case false:", "TestWhatIsInAFolder"},
		{"reading ends", "source.go", "if err := r.ctx.Err(); err != nil {", "if err := error(nil); err != nil {", "TestItEnds"},
		{"no v2 archive is restored", "newcluster.go", "if a.Form == FormV2 {", "if false {", "TestWhatCannotBeRestored"},
		{"the disk has room for a restore", "newcluster.go", "if err := Free(near, 2*a.DatabaseSize); err != nil {", "if err := error(nil); err != nil {", "TestWhatCannotBeRestored"},
		{"revisions go up, and what was before is compacted", "newcluster.go", "config.RevisionBump, config.MarkCompacted = uint64(revisionBump+max(to.After-a.Revision, 0)), true", "", "TestARestoredArchive"},
		{"also above what was reached since", "newcluster.go", "max(to.After-a.Revision, 0)", "0", "TestWhatIsRestored"},
		{"a v2 archive is none that was proven", "proven.go", "if p.database == nil {\n\t\treturn refused", "if false {\n\t\treturn refused", "TestWhatWasProven"},
		{"the disk has room for what was proven", "proven.go", "if err := Free(filepath.Dir(dir), p.DatabaseSize); err != nil {", "if err := error(nil); err != nil {", "TestWhatWasProven"},
		{"a database in use", "inspect.go", "err != nil {\n\t\t\treturn errInUse", "err != nil && false {\n\t\t\treturn errInUse", "TestADatabaseInUse"},
		{"what is encrypted is not written in the clear", "pack.go", "if !t.Encrypt {", "if true {", "InTheClear"},
		{"nor what is sent for it", "take.go", "raw, err := unnamed(t.Dir)", "raw, err := os.CreateTemp(t.Dir, partPrefix+\"*\")", "InTheClear"},
		{"nor what would tell of it", "stated.go", "s.Origin.DatabaseSHA256, s.Origin.Hash = \"\", nil", "", "InTheClear"},
		{"one in the clear is none that is encrypted", "scheduled.go", " || t.Encrypt && !found.Encrypted", "", "TestAnEncryptedOne"},
		{"what is said is of the file", "stated.go", " || said.Size != s.info.Size()", "", "ListedAndRemovedWithout"},
		{"what is said of it is compared", "inspect.go", "given = append(beside, given...)", "_ = beside", "ListedAndRemovedWithout"},
		{"what nothing proves is not verified", "list.go", "!a.Encrypted || a.Digest == DigestStored", "true", "ListedAndRemovedWithout"},
		{"what is to be verified is opened", "sealed.go", "if !l.keep && !l.open {", "if !l.keep {", "IsVerifiedAndEncrypted"},
		{"what an identity does not open is not verified", "opened.go", "l.Verified && closed.missing", "l.Verified", "IsVerifiedAndEncrypted"},
		{"nor what is damaged", "opened.go", "l.Fault, l.Verified = refused(l.Path, err).Error(), false", "l.Fault = refused(l.Path, err).Error()", "IsVerifiedAndEncrypted"},
		{"a stream is decrypted to its end", "opened.go", "_, err = io.Copy(io.Discard, unsealed)", "_ = unsealed", "IsVerifiedAndEncrypted"},
		{"nothing is said of a stranger's", "pack.go", "if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {", "if _, err := os.Lstat(to); err != nil && false {", "TestAnEncryptedOne"},
		{"what was said goes with the archive only", "stated.go", "!errors.Is(err, fs.ErrNotExist) {", "!errors.Is(err, fs.ErrNotExist) && path == \"\" {", "ListedAndRemovedWithout"},
		{"only what was said of this cluster's", "stated.go", " || of != cluster", " || of == \"\"", "TestAnEncryptedOne"},
		{"and says so", "stated.go", " || s.Origin.ClusterID != cluster", "", "TestAnEncryptedOne"},
		{"an identity is for nobody else", "identity.go", "info.Mode().Perm()&0o077 != 0, ", "", "TestWhatCannotBeDecrypted"},
		{"an identity is no link", "identity.go", "os.O_RDONLY|unix.O_NOFOLLOW|", "os.O_RDONLY|", "TestWhatCannotBeDecrypted"},
		{"what cannot be decrypted is told of", "sealed.go", "if err != nil && !errors.Is(err, io.EOF) {\n\t\terr = u.from.unreadable()", "if false {\n\t\terr = u.from.unreadable()", "TestADamagedOne"},
		{"what was not opened is not extracted", "extract.go", "if a.Encrypted {", "if false {", "TestWhatIsEncryptedIsRestored"},
		{"authentication is turned off", "newcluster.go", "if to.DisableAuth {", "if false {", "TestAuthentication"},
	})
}
