package notify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Config is the notify block of the site file.
type Config struct {
	Receivers []Receiver `yaml:"receivers"`
	Routes    []Route    `yaml:"routes"`
	People    People     `yaml:"people"`    // how people of the roster are told
	Ladder    []Ladder   `yaml:"ladder"`    // the first one that an alert matches is its
	Heartbeat *Heartbeat `yaml:"heartbeat"` // nil for none
	// Roster says who the people are; nil for none. It is a file of its own.
	Roster *roster.Roster `yaml:"-"`
}

// Receiver is somebody or something that is told.
type Receiver struct {
	ID       string           `yaml:"id,required"`
	Language gateway.Language `yaml:"language"` // of messages for people; default that of the site
	Channel  `yaml:",inline"`
	Pool     []Channel `yaml:"pool"` // instead of the one channel: the first that works and is not throttled
}

// Route says which alerts receivers are told of: those that match all of what
// is given. Without any route every receiver is told of everything.
type Route struct {
	To        []string        `yaml:"to,required"`
	Severity  string          `yaml:"severity"` // alerts that have been this bad or worse
	Classes   []gateway.Class `yaml:"classes"`
	Buildings []string        `yaml:"buildings"`
	Events    []string        `yaml:"events"` // default raised, level, returned
}

// The events a route may name.
const (
	eventRaised   = "raised"
	eventLevel    = "level"
	eventReturned = "returned"
	eventAcked    = "acknowledged"
	// An alert whose rule or facility was taken out of the configuration has
	// neither returned nor does anybody watch it any more.
	eventWithdrawn = "withdrawn"
	// Nobody has taken it in hand: whoever is next on its ladder is told. It is no
	// matter of routes.
	eventEscalated = "escalated"
)

var (
	eventNames    = []string{eventRaised, eventLevel, eventReturned, eventAcked, eventWithdrawn}
	defaultEvents = []string{eventRaised, eventLevel, eventReturned}
)

// Validate reports every mistake in the block.
func (c *Config) Validate(report gateway.Report) {
	var ids []string
	for i, r := range c.Receivers {
		at := report.At(fmt.Sprintf("receivers[%d]", i))
		if !gateway.ValidID(r.ID) {
			at("id", fmt.Sprintf("%q cannot name a receiver", r.ID), "small letters, digits and -")
		} else if slices.Contains(ids, r.ID) {
			at("id", fmt.Sprintf("receiver %q exists twice", r.ID), "")
		}
		ids = append(ids, r.ID)
		if languages := []string{string(gateway.Chinese), string(gateway.English)}; r.Language != "" && !slices.Contains(languages, string(r.Language)) {
			at("language", fmt.Sprintf("unknown language %q", r.Language), suggest(string(r.Language), languages))
		}
		r.validateChannels(at)
	}
	c.People.validate(report.At("people"))
	for i, r := range c.Routes {
		r.validate(report.At(fmt.Sprintf("routes[%d]", i)), ids)
	}
	if c.Heartbeat != nil {
		c.Heartbeat.validate(report.At("heartbeat"))
	}
	c.validatePeople(report, ids)
	c.validateLadders(report, ids)
}

func (r *Route) validate(report gateway.Report, receivers []string) {
	if len(r.To) == 0 {
		report("to", "the route leads to nobody", "name one or more receivers")
	}
	for i, to := range r.To {
		if !slices.Contains(receivers, to) {
			report(fmt.Sprintf("to[%d]", i), fmt.Sprintf("there is no receiver %q", to), suggest(to, receivers))
		}
	}
	if _, ok := rules.ParseSeverity(r.Severity); r.Severity != "" && !ok {
		report("severity", fmt.Sprintf("unknown severity %q", r.Severity), suggest(r.Severity, severities()))
	}
	for i, c := range r.Classes {
		if !c.Valid() {
			report(fmt.Sprintf("classes[%d]", i), fmt.Sprintf("unknown class %q", c), suggest(string(c), classes()))
		}
	}
	for i, e := range r.Events {
		if !slices.Contains(eventNames, e) {
			report(fmt.Sprintf("events[%d]", i), fmt.Sprintf("unknown event %q", e), suggest(e, eventNames))
		}
	}
}

func severities() (names []string) {
	for s := rules.Info; s <= rules.LifeSafety; s++ {
		names = append(names, s.String())
	}
	return names
}

func classes() (names []string) {
	for _, c := range gateway.Classes() {
		names = append(names, string(c))
	}
	return names
}

// suggest names the known word that is nearest to the one given, or all of them
// if none is near.
func suggest(word string, known []string) string {
	if len(known) == 0 {
		return "there are none"
	}
	best := slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
	if distance(word, best) <= max(1, len(best)/3) {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "one of " + strings.Join(known, ", ")
}

// distance is how many bytes must be put in, taken out or changed to make b of
// a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
