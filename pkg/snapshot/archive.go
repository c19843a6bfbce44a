package snapshot

import (
	"time"
)

// Form is how an archive is made.
type Form string

const (
	// FormTarGz is a tar.gz with the file db: what the action snapshot writes, and the charm before.
	FormTarGz Form = "tar.gz"
	// FormSaved is what etcdctl snapshot save writes: a database and the SHA-256 of it.
	FormSaved Form = "saved"
	// FormBare is a copy of a member's snap/db. Nothing says whether its bytes are the right ones.
	FormBare Form = "bare"
	// FormDirectory is a tar of a whole data directory with v3 keys, such as what a restore has
	// replaced. Its database is what is restored: nothing says whether its bytes are the right ones.
	FormDirectory Form = "data directory"
	// FormSealed is a tar.gz of a schedule's that is encrypted, and into which nobody has looked.
	FormSealed Form = "tar.gz.age"
	// FormV2 is a tar of a v2 backup, or of a data directory without v3 keys.
	FormV2 Form = "v2"
)

// What has proved the bytes of an archive, the strongest first.
const (
	DigestGiven   = "given sha256"
	DigestStored  = "stored sha256"
	DigestTrailer = "trailer"
	DigestGzip    = "gzip CRC"
	// DigestNone says that only the structure could be looked at.
	DigestNone = ""
)

// Archive is one whose bytes have been looked at.
type Archive struct {
	Path string `json:"path"`
	Form Form   `json:"form"`
	// Size and SHA256 are of the file.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Digest is the strongest of what has proved the bytes.
	Digest string `json:"digest,omitempty"`
	// Encrypted says that the file is, whether or not it was opened.
	Encrypted bool `json:"encrypted,omitempty"`
	// Modified is when the file was written.
	Modified time.Time `json:"modified"`
	Database
	// Origin is what was recorded when one of ours was taken; nil for others.
	Origin *Origin `json:"origin,omitempty"`
}

// Database is what a v3 database says of itself; all of it is empty for a v2 archive.
type Database struct {
	// DatabaseSize is the database's, without a trailer; of a v2 archive the size of its files.
	DatabaseSize int64 `json:"databaseSize,omitempty"`
	// Revision is the highest one.
	Revision int64 `json:"revision,omitempty"`
	// Keys is how many there are at that revision.
	Keys int64 `json:"keys,omitempty"`
	// Hash is the one that etcdutl snapshot status shows.
	Hash uint32 `json:"hash,omitempty"`
	// Auth says that whoever restores it needs a user's name and password from then on.
	Auth bool `json:"auth,omitempty"`
	// Version is the storage version, from 3.6 on, else the version of the cluster: what etcd needs
	// to be at least.
	Version string `json:"version,omitempty"`
	// Members are the names of the cluster's members.
	Members []string `json:"members,omitempty"`
}

// Origin is where a snapshot is from, as origin.json in one of ours tells.
type Origin struct {
	Application string `json:"application"`
	// Model is its name, and ModelUUID what makes it unique.
	Model     string `json:"model,omitempty"`
	ModelUUID string `json:"modelUUID,omitempty"`
	ClusterID string `json:"clusterID"`
	// Member is the name of the member that sent it, and Unit the unit that took it.
	Member string `json:"member"`
	Unit   string `json:"unit,omitempty"`
	// Revision is the database's.
	Revision int64     `json:"revision"`
	Time     time.Time `json:"time"`
	// EtcdVersion is that of the server that sent it.
	EtcdVersion string `json:"etcdVersion"`
	// DatabaseSHA256 is that of the database without its trailer.
	DatabaseSHA256 string `json:"databaseSHA256,omitempty"`
	// KeysVersion is v2 of an archive of v2 keys, and empty of any other.
	KeysVersion string `json:"keysVersion,omitempty"`
	// Tick is the time of the schedule that it was taken for; empty for one that a person has taken.
	Tick string `json:"tick,omitempty"`
	// Hash is the HashKV that the member had at Revision when it had sent the database, where that was
	// asked for.
	Hash *Hash `json:"hashKV,omitempty"`
}

// Hash is what etcd's HashKV tells of a revision. Two are comparable only if history was compacted at
// the same one.
type Hash struct {
	Hash            uint32 `json:"hash"`
	CompactRevision int64  `json:"compactRevision,omitempty"`
}
