package actions

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
)

// restoreRequest is what a person asks for.
type restoreRequest struct {
	// archive is the file, which people know by its name.
	archive, name, sha256 string
	// stored is the ID of what is to be fetched from the store, and from the folder there; empty for
	// the own one.
	stored, from string
	// backup is the folder in which what is replaced is kept as an archive, too; empty for none.
	backup      string
	disableAuth bool
	// replace is the ID of the cluster that is given up, as the person has typed it in.
	replace string
}

const authDisable = "disable"

// restoreRequest reads what the person asks for; why is what is wrong with it.
func (a action) restoreRequest(ctx context.Context) (request restoreRequest, why, err error) {
	ask := func(name string, into *string) {
		if err == nil {
			*into, err = a.run.Tools.ActionParameter(ctx, name)
		}
	}
	var skip bool
	var auth string
	ask(v1alpha1.ParameterSnapshot, &request.archive)
	ask(v1alpha1.ParameterSHA256, &request.sha256)
	ask(v1alpha1.ParameterTarget, &request.backup)
	ask(v1alpha1.ParameterAuth, &auth)
	ask(v1alpha1.ParameterReplace, &request.replace)
	ask(v1alpha1.ParameterFrom, &request.from)
	if err == nil {
		skip, err = a.run.Tools.ActionFlag(ctx, v1alpha1.ParameterSkipBackup, true)
	}
	if err != nil {
		return request, nil, err
	}
	request.backup = cmp.Or(request.backup, v1alpha1.LoginHome)
	if skip {
		request.backup = ""
	}
	id := !strings.Contains(request.archive, "/")
	switch request.name = request.archive; {
	case request.archive == "":
		request.archive, request.name = a.run.Tools.Resource(ctx, v1alpha1.ResourceSnapshot), "the resource "+v1alpha1.ResourceSnapshot
	case id:
		request.archive = a.machine.Path(path.Join(machine.DefaultSnapshots, request.name))
		if _, err := os.Lstat(request.archive); err != nil || request.from != "" {
			request.stored = request.name
		}
	default:
		request.archive = a.machine.Path(request.archive)
	}
	request.disableAuth = auth == authDisable
	switch {
	case request.from != "" && request.stored == "":
		why = fmt.Errorf("the parameter %s is a folder in the store: name the ID of a snapshot in it", v1alpha1.ParameterFrom)
	case auth != "" && !request.disableAuth:
		why = fmt.Errorf("the parameter auth may only be %s", authDisable)
	case request.archive == "":
		why = fmt.Errorf(missingSnapshot, a.run.Env.Application()) //nolint:staticcheck // ST1005: the words of the charm before this one
	}
	return request, why, nil
}
