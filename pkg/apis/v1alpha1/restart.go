package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
)

// ReadAtStart is what an etcd that is started with the spec reads then, and only then. It is the
// one place that says what needs a restart: a process that has read something else needs one.
// Config leaves out what etcd reads only where it has no data, which are Initial and its own peer
// URLs, the restore, and the CA bundle, which a spec may leave as it is; leaves are read at each handshake.
func (s *EtcdUnitSpec) ReadAtStart() RunningFacts {
	conf := s.Etcd
	conf.Initial, conf.AdvertisePeerURLs, conf.Restore = nil, nil, nil
	// The type holds only strings, numbers and slices of them: it always encodes.
	text, _ := json.Marshal(conf)
	sum := sha256.Sum256(text)
	r := RunningFacts{
		HeartbeatIntervalMs: conf.HeartbeatIntervalMs, ElectionTimeoutMs: conf.ElectionTimeoutMs,
		RestartStamp: s.Service.RestartStamp, Config: hex.EncodeToString(sum[:8]),
	}
	if len(s.Etcd.AdvertisePeerURLs) > 0 {
		r.PeerURL = s.Etcd.AdvertisePeerURLs[0]
	}
	if len(conf.AdvertiseClientURLs) > 0 {
		r.ClientURL = conf.AdvertiseClientURLs[0]
	}
	return r
}

// Same says that a process that has read r has read what another one would read now, but for whom
// it trusts: where peers find it is in the member list. What an older agent does not report is taken
// for the same.
func (r RunningFacts) Same(now RunningFacts) bool {
	r.PeerURL, now.PeerURL = "", ""
	r.CA, now.CA = nil, nil
	if r.Config == "" || now.Config == "" {
		r.Config, now.Config = "", ""
	}
	return reflect.DeepEqual(r, now)
}
