package parity

// oldCharm is what the etcd charm of Canonical Kubernetes (revision 760 and its main branch of 2025) shows to the outside: read from
// its metadata, options, relation interfaces and sources. Placeholders stand in angle brackets.
var oldCharm = map[string][]string{
	"Endpoints": {"db", "proxy", "prometheus", "grafana", "nrpe-external-master", "certificates", "cluster"},
	"Options": {
		"port", "management_port", "channel", "heartbeat_interval", "election_timeout", "snapshot_count", "snapd_refresh",
		"bind_to_all_interfaces", "bind_with_insecure_http", "tls_cipher_suites", "nagios_context", "nagios_servicegroups",
	},
	"Charm": {"storage data", "resource snapshot", "resource core", "resource etcd", "application version", "open port"},
	"Relation db": {
		"client_ca", "client_cert", "client_key", "connection_string", "version",
	},
	"Relation proxy":   {"client_key", "client_ca", "client_cert", "cluster"},
	"Relation cluster": {"db-ingress-address"},
	"Leader data":      {"token", "leader_address", "cluster", "snapd_refresh", "force_rejoin"},
	"Relation certificates": {
		"unit_name", "common_name", "sans", "certificate_name", "cert_requests", "client_cert_requests", "application_cert_requests",
		"intermediate_cert_requests", "ca", "chain", "client.cert", "client.key", "<unit>.server.cert", "<unit>.server.key",
		"<unit>.processed_requests", "<unit>.processed_client_requests", "<unit>.processed_application_requests",
		"<unit>.processed_intermediate_requests",
	},
	"Relation prometheus":           {"request_<uuid>", "response_<uuid>"},
	"Relation grafana":              {"request_<uuid>", "response_<uuid>"},
	"Relation nrpe-external-master": {"monitors", "primary"},
	"etcd's configuration": {
		"name", "data-dir", "snapshot-count", "heartbeat-interval", "election-timeout", "listen-peer-urls", "listen-client-urls",
		"initial-advertise-peer-urls", "advertise-client-urls", "initial-cluster", "initial-cluster-token", "initial-cluster-state",
		"client-transport-security", "peer-transport-security", "cipher-suites", "quota-backend-bytes", "max-snapshots", "max-wals",
		"strict-reconfig-check", "enable-v2",
	},
	"Files": {
		"/var/snap/etcd/common/ca.crt", "/var/snap/etcd/common/server.crt", "/var/snap/etcd/common/server.key",
		"/var/snap/etcd/common/client.crt", "/var/snap/etcd/common/client.key", "/var/snap/etcd/common/etcd.conf.yml",
		"/var/snap/etcd/current/member", "/media/etcd", "/etc/fstab",
		"/etc/systemd/system/snap.etcd.etcd.service.d/always-restart.conf", "/root/.bash_aliases",
		"/usr/local/share/ca-certificates/<app>.crt", "/home/ubuntu/etcd-snapshots", "/home/ubuntu/etcd_credentials.tar.gz",
		"/etc/cron.d/check_etcd-alarms", "/usr/lib/nagios/plugins/check_etcd-alarms.py", "/var/lib/nagios/etcd-alarm-list.txt",
		"/etc/ssl/etcd", "cdk-service-kicker.service",
	},
	"Status texts": {
		"Healthy with N known peers", "Healthy with 1 known peer", "UnHealthy with N known peers", "Errored with 0 known peers",
		"Missing relation to certificate authority.", "Installing etcd.", "Waiting to retry etcd registration",
		"Manual migration required. http://bit.ly/2oznAUZ", "Manual upgrade required. run-action snap-upgrade.",
		"Cluster not healthy.", "Series upgrade in progress", "Unregistration failed for the departing unit/s.",
	},
	"Behaviour": {
		"install", "TLS request", "bootstrap", "registration", "leader change", "scale-in", "option change", "health",
		"certificate change", "refresh timer", "monitoring", "storage", "channel", "series upgrade and reboot",
	},
	"Actions": {
		"health", "alarm-list", "alarm-disarm", "compact", "defrag", "snapshot", "restore", "package-client-credentials", "snap-upgrade",
		"debug", "cis-benchmark", "install",
	},
}
