package v1alpha1

// ClusterOptions are the application's options, checked, as the cluster should run with them. They
// travel with the desired state, and a unit reports them with what it has applied: so a daemon that
// has just been started, and finds an option faulty, knows the last good value.
type ClusterOptions struct {
	Port                int32 `json:"port"`
	ManagementPort      int32 `json:"managementPort"`
	HeartbeatIntervalMs int32 `json:"heartbeatIntervalMs"`
	ElectionTimeoutMs   int32 `json:"electionTimeoutMs"`
	// Channel is empty for auto.
	Channel string `json:"channel,omitempty"`
	// SnapshotCount, QuotaBackendBytes and MaxRequestBytes are zero for auto: etcd's own defaults.
	SnapshotCount        int64 `json:"snapshotCount,omitempty"`
	QuotaBackendBytes    int64 `json:"quotaBackendBytes,omitempty"`
	MaxRequestBytes      int64 `json:"maxRequestBytes,omitempty"`
	BindToAllInterfaces  bool  `json:"bindToAllInterfaces,omitempty"`
	BindWithInsecureHTTP bool  `json:"bindWithInsecureHTTP,omitempty"`
	// CipherSuites are in one order, whatever order they were given in; empty for the default ones.
	CipherSuites []string `json:"cipherSuites,omitempty"`
	// AutoCompactionMode is periodic or revision; both are empty while nothing is compacted by
	// itself.
	AutoCompactionMode      string   `json:"autoCompactionMode,omitempty"`
	AutoCompactionRetention string   `json:"autoCompactionRetention,omitempty"`
	ExtraSANs               []string `json:"extraSANs,omitempty"`
	// LogLevel is empty for etcd's default, info.
	LogLevel   string `json:"logLevel,omitempty"`
	MetricsURL string `json:"metricsURL,omitempty"`
}

// RunningFacts are what an etcd process has read when it was started. They differ from the applied
// desired state until the member is restarted.
type RunningFacts struct {
	// PeerURL and ClientURL are where it serves peers and clients, as it advertises them.
	PeerURL             string `json:"peerURL"`
	ClientURL           string `json:"clientURL"`
	HeartbeatIntervalMs int32  `json:"heartbeatIntervalMs"`
	ElectionTimeoutMs   int32  `json:"electionTimeoutMs"`
	// RestartStamp is ServiceSpec's, as it was when the process was started.
	RestartStamp int64 `json:"restartStamp,omitempty"`
	// Config identifies all else of the spec that is read then: 16 hex digits. Older agents report
	// none.
	Config string `json:"config,omitempty"`
	// CA are the SHA-256 fingerprints (hex) of the certificates in the CA bundle that it has read:
	// whom it trusts until it is restarted. Only the machine knows them, since a spec may leave the
	// bundle as it is. Older agents report none.
	CA []string `json:"ca,omitempty"`
}
