package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// connection is how Juju is reached.
type connection struct {
	models   []string
	explicit jujuapi.Explicit
}

func (c *connection) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.models, "model", nil, "model to look after, such as prod or admin/prod (repeat for several; default: $JUJU_MODEL, or the juju client's current model)")
	c.loginFlags(cmd)
}

// loginFlags are those of flags that do not name models.
func (c *connection) loginFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.explicit.Controller, "controller", "", "controller among the juju client's files (default: $JUJU_CONTROLLER, or its current one)")
	f.StringSliceVar(&c.explicit.Addresses, "addresses", nil, "controller addresses host:port, instead of the juju client's files (default: $JUJU_CONTROLLER_ADDRESSES)")
	f.StringVar(&c.explicit.Username, "username", "", "Juju user (default: $JUJU_USERNAME)")
	f.StringVar(&c.explicit.PasswordFile, "password-file", "", "file with the user's password (default: $JUJU_PASSWORD)")
	f.StringVar(&c.explicit.CACertFile, "ca-cert", "", "file with the controller's CA certificate as PEM (default: $JUJU_CA_CERT)")
}

// targets are where to connect to, one a model.
func (c *connection) targets() ([]jujuapi.Target, error) {
	models := c.models
	if len(models) == 0 {
		models = []string{""}
	}
	var targets []jujuapi.Target
	for _, m := range models {
		explicit := c.explicit
		explicit.Model = m
		target, err := jujuapi.Find(explicit, os.Getenv)
		if err != nil {
			return nil, err
		}
		if target.Model == "" {
			return nil, usageError{errors.New("no model is given: use --model, for instance --model admin/prod")}
		}
		target.Renew = renewal(explicit, target.Controller.Name)
		targets = append(targets, target)
	}
	return targets, nil
}

// renewal finds the same controller and credentials again, as files say now: passwords and
// addresses change. Another controller that has become the juju client's current one is not ours.
func renewal(explicit jujuapi.Explicit, name string) func() (jujuapi.Controller, error) {
	return func() (jujuapi.Controller, error) {
		target, err := jujuapi.Find(explicit, os.Getenv)
		if err == nil && target.Controller.Name != name {
			err = fmt.Errorf("cannot renew the credentials for controller %s: the juju client's current one is %s", name, target.Controller.Name)
		}
		return target.Controller, err
	}
}

// link is a session with a model, and the credentials' owner.
type link struct {
	*jujuapi.Session
	user string
}

// links are sessions with several models. Sessions with one controller share a budget of requests.
type links struct {
	all         []link
	controllers map[string]*controller
}

type controller struct {
	session *jujuapi.ControllerSession
	options jujuapi.Options
}

func (l *links) close() {
	for _, s := range l.all {
		_ = s.Close()
	}
	for _, c := range l.controllers {
		_ = c.session.Close()
	}
}

// open logs in, finds the models, and makes sure that their user may act in them. While Juju is
// away it tries again and again, if patient, having said so once; what only a person can mend ends
// it.
func open(ctx context.Context, targets []jujuapi.Target, book *jujuapi.AddressBook, patient bool, log logr.Logger, waiting func(error)) (*links, error) {
	l := &links{controllers: map[string]*controller{}}
	for _, target := range targets {
		key := strings.Join(target.Controller.Addresses, ",") + " " + target.Controller.Username
		c := l.controllers[key]
		if c == nil {
			options := jujuapi.Options{Budget: jujuapi.NewBudget(), Renew: target.Renew, Book: book, Action: v1alpha1.ActionReconcile}
			c = &controller{session: jujuapi.OpenController(ctx, target.Controller, options), options: options}
			l.controllers[key] = c
		}
		var ref jujuapi.ModelRef
		err := retry(ctx, patient, log, waiting, func() (err error) {
			ref, err = c.session.Resolve(ctx, target.Model)
			return err
		})
		if err != nil {
			l.close()
			err = fmt.Errorf("cannot look after model %s of the controller at %s (from the %s): %w",
				target.Model, strings.Join(target.Controller.Addresses, ", "), target.From, err)
			if remedy := loginRemedy(err); remedy != "" {
				err = fmt.Errorf("%w (%s)", err, remedy)
			}
			return nil, err
		}
		s := link{jujuapi.OpenModel(ctx, target.Controller, ref, c.options), target.Controller.Username}
		l.all = append(l.all, s)
		if err := retry(ctx, patient, log, waiting, func() error { return granted(ctx, s) }); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// retryPause is between two attempts while Juju is away.
const retryPause = 2 * time.Second

func retry(ctx context.Context, patient bool, log logr.Logger, waiting func(error), attempt func() error) error {
	last := ""
	for {
		err := attempt()
		if err == nil || !patient || ctx.Err() != nil || jujuapi.NeedsPerson(err) {
			return err
		}
		if _, person := errors.AsType[personError](err); person {
			return err
		}
		if err.Error() != last {
			last = err.Error()
			log.Info("Juju is away, trying again", "error", last)
			waiting(err)
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return err
		}
	}
}

// granted says why the session's user may not act in its model. A superuser is shown as its admin,
// and is refused all the same where there is no explicit grant, as a call shows that
// looks at the grant alone.
func granted(ctx context.Context, s link) error {
	ref := s.Model()
	name := ref.Owner + "/" + ref.Name
	if _, err := s.Tasks(ctx, "etcd"); err != nil {
		if errors.Is(err, jujuapi.ErrPermissionDenied) || errors.Is(err, jujuapi.ErrUnauthorized) && !errors.Is(err, jujuapi.ErrBadCredentials) {
			return personError{fmt.Errorf("user %q has no grant of its own on model %s, not even as a superuser: juju grant %s write %s (%w)",
				s.user, name, s.user, name, err)}
		}
		return fmt.Errorf("cannot look after model %s: %w", name, err)
	}
	if access := s.State().Login.ModelAccess; access == "read" {
		return personError{fmt.Errorf("user %q may only read model %s, and acting needs write: juju grant %s write %s", s.user, name, s.user, name)}
	}
	return nil
}
