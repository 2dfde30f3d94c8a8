// Package ruletest plays samples to rules in simulated time and compares what
// the rules say with what a test file expects.
//
// The engine is the one that runs live, in full: a test takes no shortcut round
// hold times, bad data or a restart. What a test does not name is left as a real
// site would leave it: the link of every facility is up, and the gateway is
// blind to nothing.
package ruletest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
	"github.com/intact-gateway/intact/rules"
)

// File is a test file: some facilities and what their rules must do.
type File struct {
	Facilities []Facility `yaml:"facilities,keyed,required"`
	Notify     Notify     `yaml:"notify"`
	Tests      []Test     `yaml:"tests,required"`
}

// Facility is a facility made for tests, with no device behind it.
type Facility struct {
	ID     gateway.FacilityID `yaml:",key"`
	Class  gateway.Class      `yaml:"class,required"`
	Points []Point            `yaml:"points,keyed"`
	Line   gateway.FacilityID `yaml:"line"` // the facility of class line that it is reached through
}

// Point is one point of a facility.
type Point struct {
	Name   string           `yaml:",key"`
	Is     string           `yaml:"is,scalar"` // a unit such as "MPa", or a kind such as "discrete"; default: analog without a unit
	Unit   string           `yaml:"unit"`      // of a counter
	Role   string           `yaml:"role"`      // default: the name
	States map[int64]string `yaml:"states"`    // of an enum or a bitset
	Period time.Duration    `yaml:"period"`    // between two polls
	// Formula makes the point from others of the facility, as derive: does in a
	// profile; it has no series, and is discrete if the formula is true or false.
	Formula string `yaml:"formula"`
}

// Test is one run of the engine from its start.
type Test struct {
	Name   string                     `yaml:"name,required"`
	Every  time.Duration              `yaml:"every"`  // between two values of a series; default 1 s
	Series map[gateway.PointID]string `yaml:"series"` // "0.9x10 ?x5 _x2": value x count, ? for a bad sample, _ for none
	Events []Event                    `yaml:"events"`
	Expect []Expectation              `yaml:"expect"`
	Never  []string                   `yaml:"never"` // keys of rules that must not become active at any time
	// Counts is how often each rule becomes active in all, by its key, and how
	// many tickets are opened and notices made under those names.
	Counts map[string]Count `yaml:"expect_count"`
}

// The names in Test.Counts that are no rules.
const (
	countTickets = "tickets"
	countNotices = "notices"
)

// Event is something beside samples that happens. Exactly one of Restart, Lost
// and Reset is given.
type Event struct {
	At      time.Duration      `yaml:"at,required"`
	Restart time.Duration      `yaml:"restart"` // the gateway stops and comes back after so long
	Lost    gateway.FacilityID `yaml:"lost"`    // its link is down
	For     time.Duration      `yaml:"for"`     // how long it is lost; default: to the end
	Reset   string             `yaml:"reset"`   // a person resets the rule with this key
}

// Expectation is what is so at one moment, after the samples of that moment. What
// is nil is not looked at.
type Expectation struct {
	At time.Duration `yaml:"at,required"`
	// Is says where rules stand. They are named by key: "facility/rule", or
	// "facility/rule/point" for a rule that lists points.
	Is      map[string]State `yaml:"is"`
	Tickets []Ticket         `yaml:"tickets"` // all that are open
	Notices []Notice         `yaml:"notices"` // all that were made since the last expectation that lists some
}

// empty reports whether the expectation looks at nothing.
func (e *Expectation) empty() bool { return len(e.Is) == 0 && e.Tickets == nil && e.Notices == nil }

// State is where a rule stands. A written state without a severity fits any;
// one without "stale" fits only a rule that knows its inputs.
type State struct {
	Phase    rules.Phase
	Severity rules.Severity
	AnyLevel bool // no severity was written
	Stale    bool
}

// UnmarshalText reads a state such as "pending" or "active critical stale".
func (s *State) UnmarshalText(b []byte) error {
	words := strings.Fields(string(b))
	if len(words) == 0 {
		words = []string{""}
	}
	*s = State{AnyLevel: true}
	if s.Phase.UnmarshalText([]byte(words[0])) != nil {
		return fmt.Errorf("%q: want normal, pending, active or clearing, then a severity and \"stale\" where they matter", b)
	}
	for _, word := range words[1:] {
		sev, known := rules.ParseSeverity(word)
		switch {
		case word == "stale" && !s.Stale:
			s.Stale = true
		case known && s.AnyLevel && s.Phase != rules.Normal:
			s.Severity, s.AnyLevel = sev, false
		default:
			return fmt.Errorf("%q: %q does not belong behind %s; want such as \"active critical stale\"", b, word, words[0])
		}
	}
	return nil
}

// String returns the state as it is written in test files.
func (s State) String() string {
	text := s.Phase.String()
	if !s.AnyLevel && s.Phase != rules.Normal {
		text += " " + s.Severity.String()
	}
	if s.Stale {
		text += " stale"
	}
	return text
}

// fits reports whether a rule that stands at got is where s wants it.
func (s State) fits(got State) bool {
	return s.Phase == got.Phase && s.Stale == got.Stale && (s.AnyLevel || s.Severity == got.Severity)
}

// Validate reports every mistake that the file alone shows.
func (f *File) Validate(report gateway.Report) {
	if len(f.Tests) == 0 {
		report("tests", "the file holds no test", "a file that tests nothing would always pass")
	}
	for i := range f.Facilities {
		at := report.At("facilities." + string(f.Facilities[i].ID))
		f.Facilities[i].validate(at)
		if id := f.Facilities[i].Line; id != "" {
			if line := f.facility(id); line == nil || line.Class != gateway.Line {
				at("line", fmt.Sprintf("there is no line %q", id), "a facility of class line")
			}
		}
	}
	c := f.Notify.config()
	c.Validate(report.At("notify"))
	for i := range f.Tests {
		f.validateTest(&f.Tests[i], report.At(fmt.Sprintf("tests[%d]", i)))
	}
}

func (f *Facility) validate(report gateway.Report) {
	if !gateway.ValidID(string(f.ID)) {
		report("", fmt.Sprintf("%q cannot name a facility", f.ID), "lower-case letters, digits and hyphens")
	}
	if f.Class != "" && !f.Class.Valid() {
		report("class", fmt.Sprintf("there is no class %q", f.Class), "one of "+strings.Join(classes(), ", "))
	}
	for _, p := range f.Points {
		if _, isKind := gateway.ParseKind(p.Is); !isKind && !gateway.ValidUnit(p.Is) {
			report("points."+p.Name, fmt.Sprintf("%q is neither a unit nor a kind of point", p.Is), "such as MPa, discrete, enum, counter, bitset or analog; units are "+strings.Join(gateway.Units(), ", "))
		}
		if p.Unit != "" && (p.Is != gateway.Counter.String() || !gateway.ValidUnit(p.Unit)) {
			report("points."+p.Name+".unit", fmt.Sprintf("a point that is %s has no unit %q", p.Is, p.Unit), "a total has one, such as {is: counter, unit: m3}")
		}
	}
	points := f.points()
	formula.Compile(points, 0, func(i int, err *formula.Error) {
		report("points."+points[i].Name+".formula", err.Error(), err.Hint)
	})
}

func classes() []string {
	var names []string
	for _, c := range gateway.Classes() {
		names = append(names, string(c))
	}
	return names
}

func (f *File) validateTest(t *Test, report gateway.Report) {
	if t.Every < 0 {
		report("every", "time does not run backwards", "")
	}
	if len(t.Expect) == 0 && len(t.Never) == 0 && len(t.Counts) == 0 {
		report("", fmt.Sprintf("test %q expects nothing", t.Name), "add expect:, never: or expect_count:")
	}
	for id, text := range t.Series {
		at := report.At("series." + string(id))
		if p := f.point(id); p == nil {
			at("", fmt.Sprintf("there is no point %s", id), "write facility/point; the points are "+strings.Join(f.pointIDs(), ", "))
		} else if p.Formula != "" {
			at("", fmt.Sprintf("%s is computed", id), "give series to what it is made from")
		} else if _, err := parseSeries(text, p); err != nil {
			at("", err.Error(), `write value x count, such as "0.9x10 ?x5 _x2"; ? is a bad sample, _ none`)
		}
	}
	for i, e := range t.Events {
		e.validate(f, report.At(fmt.Sprintf("events[%d]", i)))
	}
	for i, e := range t.Expect {
		if e.At < 0 {
			report(fmt.Sprintf("expect[%d].at", i), "a test begins at 0s", "")
		}
		if e.empty() {
			report(fmt.Sprintf("expect[%d]", i), "nothing is expected at this moment", "add is:, tickets: or notices:")
		}
	}
}

func (e Event) validate(f *File, report gateway.Report) {
	given := 0
	for _, is := range []bool{e.Restart != 0, e.Lost != "", e.Reset != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		report("", "an event is one of restart, lost and reset", "such as {at: 4s, restart: 3s}, {at: 5s, lost: p1, for: 10s} or {at: 9s, reset: p1/leak}")
	case e.At < 0 || e.Restart < 0 || e.For < 0:
		report("", "time does not run backwards", "")
	case e.For != 0 && e.Lost == "":
		report("for", "only lost takes a time for", "")
	case e.Lost != "" && f.facility(e.Lost) == nil:
		report("lost", fmt.Sprintf("there is no facility %q", e.Lost), "")
	}
}

// Check reports what tests name that is not at work on any facility: rules,
// families of tickets and receivers.
func (f *File) Check(instances []rules.Instance, report gateway.Report) {
	c := checker{report: report}
	for _, in := range instances {
		c.keys = append(c.keys, in.Key)
		if in.Rule.SLA != "" {
			c.families = append(c.families, string(in.Facility)+"/"+in.Rule.Family)
		}
	}
	for _, r := range f.Notify.config().Receivers {
		c.receivers = append(c.receivers, r.ID)
	}
	slices.Sort(c.keys)
	slices.Sort(c.families)
	for i := range f.Tests {
		c.test(&f.Tests[i], fmt.Sprintf("tests[%d]", i))
	}
}

// checker holds the names in tests against what is at work.
type checker struct {
	report                    gateway.Report
	keys, families, receivers []string
}

func (c *checker) test(t *Test, path string) {
	for i, e := range t.Expect {
		at := fmt.Sprintf("%s.expect[%d]", path, i)
		for key := range e.Is {
			c.rule(at+".is."+key, key)
		}
		for j, ticket := range e.Tickets {
			c.ticket(fmt.Sprintf("%s.tickets[%d]", at, j), ticket)
		}
		for j, n := range e.Notices {
			c.notice(fmt.Sprintf("%s.notices[%d]", at, j), n)
		}
	}
	for i, key := range t.Never {
		c.rule(fmt.Sprintf("%s.never[%d]", path, i), key)
	}
	for key := range t.Counts {
		if key != countTickets && key != countNotices {
			c.rule(path+".expect_count."+key, key)
		}
	}
	for i, e := range t.Events {
		if e.Reset != "" {
			c.rule(fmt.Sprintf("%s.events[%d].reset", path, i), e.Reset)
		}
	}
}

func (c *checker) rule(path, key string) {
	if !slices.Contains(c.keys, key) {
		c.report(path, fmt.Sprintf("no rule %q is at work", key), hint(key, c.keys))
	}
}

func (c *checker) ticket(path string, t Ticket) {
	if name := string(t.Facility) + "/" + t.Family; !slices.Contains(c.families, name) {
		c.report(path, fmt.Sprintf("no rule opens a ticket %q", name), "write facility/family; tickets are opened for "+strings.Join(slices.Compact(slices.Clone(c.families)), ", "))
	}
}

func (c *checker) notice(path string, n Notice) {
	c.rule(path, n.Rule)
	if n.To != "" && !slices.Contains(c.receivers, n.To) {
		c.report(path, fmt.Sprintf("there is no receiver %q", n.To), "one of "+strings.Join(c.receivers, ", "))
	}
}

// hint returns the rules of the facility that key names.
func hint(key string, keys []string) string {
	facility, _, _ := strings.Cut(key, "/")
	own := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !strings.HasPrefix(k, facility+"/") })
	if len(own) == 0 {
		return "write facility/rule, or facility/rule/point for a rule that lists points"
	}
	return "at work are " + strings.Join(own, ", ") + "; a rule works only if the facility has all points it names"
}
