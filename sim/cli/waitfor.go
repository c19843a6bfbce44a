package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *App) waitFor() *cobra.Command {
	var query string
	var timeout time.Duration
	c := &cobra.Command{
		Use: "wait-for application|unit NAME", Short: "Wait until an application or unit is as wanted",
		Long: `Wait-for waits until all conditions of a query hold. A query is one or more conditions joined by &&,
each KEY==VALUE or KEY!=VALUE. Keys of an application: status, message, life, units (their number),
version. Keys of a unit: workload-status, workload-message, agent-status, life (empty while alive),
leader, machine, public-address. Without a query the wait is for active.`,
		Example: "  jujusim wait-for application etcd\n  jujusim wait-for unit etcd/0 --query 'workload-status==\"blocked\"' --timeout 1m",
		Args:    exactly("kind", "name"), ValidArgsFunction: a.completeWait,
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != "application" && args[0] != "unit" {
				return usage("wait-for: unknown kind %q: there are application and unit", args[0])
			}
			conditions, err := parseQuery(args[0], query)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			return a.waitUntil(ctx, args[0], args[1], conditions, timeout)
		},
	}
	c.Flags().StringVar(&query, "query", "", "the conditions")
	c.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "how long to wait")
	return a.modelFlag(c)
}

// condition is one comparison of a query.
type condition struct {
	key, value string
	unequal    bool
}

func (c condition) String() string {
	operator := "=="
	if c.unequal {
		operator = "!="
	}
	return c.key + operator + fmt.Sprintf("%q", c.value)
}

func parseQuery(kind, query string) ([]condition, error) {
	if query == "" {
		query = "status==active"
		if kind == "unit" {
			query = "workload-status==active"
		}
	}
	known := values(kind, "", statusData{})
	var conditions []condition
	for part := range strings.SplitSeq(query, "&&") {
		c := condition{unequal: strings.Contains(part, "!=")}
		key, value, ok := strings.Cut(strings.Replace(part, "!=", "==", 1), "==")
		c.key, c.value = strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), `"'`)
		if _, has := known[c.key]; !ok || !has {
			return nil, usage("wait-for: cannot read condition %q of a query for a %s", strings.TrimSpace(part), kind)
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// values are what conditions compare; the keys are there also for what does not exist.
func values(kind, name string, s statusData) map[string]string {
	application, _, _ := strings.Cut(name, "/")
	app := s.Applications[application]
	if kind == "application" {
		return map[string]string{
			"status": app.Status.Current, "message": app.Status.Message, "life": app.Life, "units": fmt.Sprint(len(app.Units)), "version": app.Version,
		}
	}
	u := app.Units[name]
	return map[string]string{
		"workload-status": u.Workload.Current, "workload-message": u.Workload.Message, "agent-status": u.JujuStatus.Current,
		"life": u.JujuStatus.Life, "leader": fmt.Sprint(u.Leader), "machine": u.Machine, "public-address": u.PublicAddress,
	}
}

// waitPoll is how often wait-for looks.
const waitPoll = 100 * time.Millisecond

func (a *App) waitUntil(ctx context.Context, kind, name string, conditions []condition, timeout time.Duration) error {
	missing := "nothing was seen of it"
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	for {
		s, err := a.fetchStatus(ctx, nil)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			if missing = unmet(conditions, values(kind, name, s)); missing == "" {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("timed out after %s waiting for %s %s: %s", timeout, kind, name, missing)
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// unmet says which condition does not hold, or nothing.
func unmet(conditions []condition, values map[string]string) string {
	for _, c := range conditions {
		if (values[c.key] == c.value) == c.unequal {
			return fmt.Sprintf("not %s: %s is %q", c, c.key, values[c.key])
		}
	}
	return ""
}
