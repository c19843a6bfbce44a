package observe

import (
	"fmt"
	"maps"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// remember completes what was read with what is known of units that Juju could not report: a fact
// that is missing because of an error is not one that is absent. What it could report of the others
// stands. A unit that is not alive is on its way out: between its last hook and its end Juju
// answers "unit is dead" for it, at each removal and for seconds, and that makes nobody blind. For
// one that is alive, and of which nothing is known, it does.
func (o *Observer) remember(d *databags, application jujuapi.Application) {
	for _, name := range slices.Sorted(maps.Keys(application.Units)) {
		if d.facts[name] != nil {
			continue
		}
		err, unread := d.unread[name]
		if !unread && d.nameless != nil && !d.answered[name] {
			err, unread = d.nameless, true
			d.unread[name] = err
		}
		if !unread {
			continue
		}
		if last := o.facts[name]; last != nil {
			d.facts[name] = last
		}
		if application.Units[name].Life == jujuapi.Alive {
			d.say(fmt.Sprintf("cannot read what %s has published: %v", name, err))
		}
	}
	o.facts = maps.Clone(d.facts)
	maps.DeleteFunc(o.facts, func(name string, _ *v1alpha1.UnitFacts) bool { _, there := application.Units[name]; return !there })
}
