package store

import (
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"jujuetcd.io/pkg/snapshot"
)

// Metadata of an object: x-amz-meta-etcd-….
const (
	metaApplication = "Etcd-Application"
	metaModel       = "Etcd-Model-Uuid"
	metaCluster     = "Etcd-Cluster-Id"
	metaUnit        = "Etcd-Unit"
	metaMember      = "Etcd-Member"
	metaRevision    = "Etcd-Revision"
	metaVersion     = "Etcd-Version"
	metaTime        = "Etcd-Time"
	metaTick        = "Etcd-Tick"
	metaSHA256      = "Etcd-Sha256"
)

// metadata say where an archive is from.
func metadata(a snapshot.Archive) map[string]string {
	meta := map[string]string{metaSHA256: a.SHA256, metaRevision: strconv.FormatInt(a.Revision, 10)}
	if o := a.Origin; o != nil {
		meta[metaApplication], meta[metaModel], meta[metaCluster], meta[metaUnit] = o.Application, o.ModelUUID, o.ClusterID, o.Unit
		meta[metaMember], meta[metaVersion], meta[metaTick] = o.Member, o.EtcdVersion, o.Tick
		meta[metaTime] = o.Time.UTC().Format(time.RFC3339)
	}
	return meta
}

// word is one of an object's metadata. Stores differ in how they write the names.
func word(o minio.ObjectInfo, key string) string {
	for name, value := range o.UserMetadata {
		if strings.EqualFold(strings.TrimPrefix(strings.ToLower(name), "x-amz-meta-"), key) {
			return value
		}
	}
	return ""
}

// ours says that the object was stored by the schedule of this application's cluster, for that time.
func ours(o minio.ObjectInfo, of *snapshot.Origin, tick string) bool {
	return word(o, metaApplication) == of.Application && word(o, metaModel) == of.ModelUUID &&
		word(o, metaCluster) == of.ClusterID && word(o, metaTick) == tick
}

// origin is what the metadata say; nil where they are none of ours.
func origin(o minio.ObjectInfo) *snapshot.Origin {
	cluster := word(o, metaCluster)
	if cluster == "" {
		return nil
	}
	from := &snapshot.Origin{
		Application: word(o, metaApplication), ModelUUID: word(o, metaModel), ClusterID: cluster, Unit: word(o, metaUnit),
		Member: word(o, metaMember), EtcdVersion: word(o, metaVersion), Tick: word(o, metaTick),
	}
	from.Revision, _ = strconv.ParseInt(word(o, metaRevision), 10, 64)
	from.Time, _ = time.Parse(time.RFC3339, word(o, metaTime))
	return from
}
