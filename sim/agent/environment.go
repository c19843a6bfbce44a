package agent

import (
	"strconv"
	"strings"

	"jujuetcd.io/sim/hooktool"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/service"
)

// systemPath is what follows the tools in PATH.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is what every process of the charm gets, and nothing of jujusim's own.
func (a *Agent) environment(tools *hooktool.Context) []string {
	env := []string{
		"PATH=" + a.toolsDir() + ":" + systemPath,
		"LANG=C.UTF-8",
		"TERM=tmux-256color",
		"DEBIAN_FRONTEND=noninteractive",
		"APT_LISTCHANGES_FRONTEND=none",
		"CHARM_DIR=" + a.charmDir(),
		"JUJU_CHARM_DIR=" + a.charmDir(),
		"JUJU_UNIT_NAME=" + a.Unit,
		"JUJU_PRINCIPAL_UNIT=",
		"JUJU_MACHINE_ID=" + a.snapshot().MachineID,
		"JUJU_AVAILABILITY_ZONE=",
		"JUJU_MODEL_NAME=" + a.Model.Name,
		"JUJU_MODEL_UUID=" + a.Model.UUID,
		"JUJU_VERSION=" + a.Model.Profile().Version,
		"JUJU_API_ADDRESSES=" + a.APIAddresses,
		"CLOUD_API_VERSION=",
		"JUJU_CHARM_HTTP_PROXY=", "JUJU_CHARM_HTTPS_PROXY=", "JUJU_CHARM_FTP_PROXY=", "JUJU_CHARM_NO_PROXY=",
		service.RootVariable + "=" + a.Root,
	}
	if a.Model.Profile().Tracing {
		env = append(env, "JUJU_CHARM_TRACE_CONFIG_HTTP=", "JUJU_CHARM_TRACE_CONFIG_GRPC=", "JUJU_CHARM_TRACE_CONFIG_CA_CERT=")
	} else {
		env = append(env, "JUJU_SLA=")
	}
	return append(env, tools.Environment()...)
}

func (a *Agent) hookEnvironment(op operation, tools *hooktool.Context) []string {
	env := append(a.environment(tools), "JUJU_DISPATCH_PATH=hooks/"+op.hook(), "JUJU_HOOK_NAME="+op.hook())
	if op.relationID() >= 0 {
		env = append(env, "JUJU_RELATION="+op.Endpoint, "JUJU_RELATION_ID="+op.Endpoint+":"+strconv.Itoa(op.Relation),
			"JUJU_REMOTE_UNIT="+op.RemoteUnit, "JUJU_REMOTE_APP="+op.RemoteApp)
	}
	if op.Kind == relationDeparted {
		env = append(env, "JUJU_DEPARTING_UNIT="+op.Departing)
	}
	switch op.Kind { // Juju names the secret in two ways
	case secretChanged:
		env = append(env, "JUJU_SECRET_ID=secret:"+op.Secret, "JUJU_SECRET_LABEL="+op.Label)
	case secretRemove:
		env = append(env, "JUJU_SECRET_ID="+op.Secret, "JUJU_SECRET_LABEL="+op.Label, "JUJU_SECRET_REVISION="+strconv.Itoa(op.Version))
	}
	if op.Storage != "" {
		env = append(env, "JUJU_STORAGE_ID="+op.Storage)
		for _, s := range a.snapshot().Storage {
			if s.ID == op.Storage {
				env = append(env, "JUJU_STORAGE_LOCATION="+s.Location, "JUJU_STORAGE_KIND="+s.Kind)
			}
		}
	}
	return env
}

func (a *Agent) taskEnvironment(t model.Task, tools *hooktool.Context) []string {
	id := strconv.Itoa(t.ID)
	env := append(a.environment(tools), "JUJU_HOOK_NAME=", "JUJU_ACTION_NAME="+t.Name, "JUJU_ACTION_UUID="+id, "JUJU_ACTION_TAG=action-"+id)
	if t.Name != model.Exec {
		env = append(env, "JUJU_DISPATCH_PATH=actions/"+t.Name)
	}
	return env
}

// lines cuts what a process prints into log lines.
type lines struct {
	rest string
	log  func(string)
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest += string(p)
	for {
		line, rest, found := strings.Cut(l.rest, "\n")
		if !found {
			return len(p), nil
		}
		l.log(line)
		l.rest = rest
	}
}

func (l *lines) flush() {
	if l.rest != "" {
		l.log(l.rest)
		l.rest = ""
	}
}
