// Package rules compiles rule files and says of each sample which conditions
// changed.
//
// A rule is written once for a class of facilities and works on every facility
// that has the points it names. The Engine holds each sample against all of
// them in three-valued logic: what is not known is neither true nor false, so
// a broken wire can neither raise nor clear an alarm by itself. Hold and clear
// times run on the time of the samples and on the time told to Advance; nothing
// here reads a clock, so that the same engine runs live, in tests and in replay.
//
// The package knows no driver, no alert and no storage.
package rules

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Severity is how bad it is while a rule's condition holds.
type Severity uint8

// The severities, from least to worst.
const (
	Info       Severity = iota // worth knowing, nobody is called
	Warning                    // needs somebody in working hours
	Critical                   // needs somebody now
	LifeSafety                 // a person may be in danger
)

// Pack is one rule file: the rules for the facilities of one class, or of every
// class ("any").
type Pack struct {
	Class  gateway.Class `yaml:"class,required"`
	Params []Param       `yaml:"params,keyed"`
	Rules  []Spec        `yaml:"rules,keyed,required"`
}

// Param is a named limit that a site or a facility may set otherwise.
type Param struct {
	Name  string           `yaml:",key"`
	Value gateway.Quantity `yaml:"value,scalar,required"`
	Text  gateway.Text     `yaml:"name"`
}

// Spec is one rule as it is written. Exactly one of When and Levels is given.
type Spec struct {
	ID       string       `yaml:",key"`
	Title    gateway.Text `yaml:"title,required"`
	Severity string       `yaml:"severity"` // info warning critical life_safety; not with levels

	When  *Condition `yaml:"when"`
	Reset *Condition `yaml:"reset"` // default: not when

	Points []string `yaml:"points"` // with levels: one instance of the rule for each point or role
	Value  string   `yaml:"value"`  // with levels, instead of points: what is computed from several
	Levels []Level  `yaml:"levels,keyed"`

	Facilities []gateway.FacilityID `yaml:"facilities"` // works on these only; default all of the class

	OnlyWhen   *Condition    `yaml:"only_when"`
	During     *During       `yaml:"during"`
	Hold       Hold          `yaml:"hold"`
	ClearAfter time.Duration `yaml:"clear_after"`
	MinActive  time.Duration `yaml:"min_active"`
	Latch      bool          `yaml:"latch"`
	BadData    string        `yaml:"bad_data"` // keep (default), alarm or clear
	Restart    string        `yaml:"restart"`  // continue (default), reset or alarm_if_true

	Why     Why    `yaml:"why,required"`
	Impairs bool   `yaml:"impairs"` // the facility cannot do its work: counts as down
	Ticket  string `yaml:"ticket"`  // SLA of the ticket it opens: rescue emergency ordinary; "" for none
	Family  string `yaml:"family"`  // faults of one family share a ticket; default the rule's id
}

// Level is one step of a limit rule; its name is its severity.
type Level struct {
	Severity string `yaml:",key"`
	Above    string `yaml:"above"` // a quantity such as "75 degC", or $param with + or -
	Below    string `yaml:"below"`
	Reset    string `yaml:"reset"`
	Hold     Hold   `yaml:"hold"`
}

// Hold is how long a condition must last: a duration, or a number of the
// polls of the slowest point it looks at.
type Hold struct {
	Duration time.Duration
	Polls    int
}

// Condition is a comparison, or all, any or none of several conditions.
type Condition struct {
	Expr string      `yaml:",scalar"`
	All  []Condition `yaml:"all"`
	Any  []Condition `yaml:"any"`
	Not  *Condition  `yaml:"not"`
}

// Why is what makes a rule an alarm: what it means and what to do about it.
type Why struct {
	Cause       gateway.Text  `yaml:"cause,required"`
	Consequence gateway.Text  `yaml:"consequence,required"`
	Response    gateway.Text  `yaml:"response,required"`
	Within      time.Duration `yaml:"within"`
	Role        string        `yaml:"role"` // the trade that is called: electrician, plumber, lift, fire, hvac, general
}
