package rules

import "github.com/intact-gateway/intact/gateway"

// Truth is the value of a condition: an input of bad quality makes it Unknown
// unless the other inputs decide it alone.
type Truth uint8

// The truth values.
const (
	Unknown Truth = iota
	False
	True
)

// Phase is where one rule stands on one facility.
//
//	Normal --true--> Pending --hold--> Active --reset--> Clearing --clear_after--> Normal
//	   ^-----false-----'                  ^------true again------'
//
// Unknown keeps the phase; what it does beyond that is the rule's bad_data.
type Phase uint8

// The phases.
const (
	Normal Phase = iota
	Pending
	Active
	Clearing
)

// Ref is the dense number of a rule instance: one rule on one facility (and on
// one point, if the rule lists points).
type Ref int32

// Instance is one rule on one facility.
type Instance struct {
	// Key names the instance across restarts: "facility/rule", or
	// "facility/rule/point" for a rule that lists points.
	Key      string
	Facility gateway.FacilityID
	Rule     *Rule
	Point    gateway.PointRef // the point the limit is on, else the first the condition names
}

// Change is one step of one instance. A change of severity or of staleness
// while the phase stays also is one.
type Change struct {
	Ref      Ref
	From, To Phase
	Severity Severity // of the level in force; of an instance that returns, the last one
	Stale    bool     // an input is of bad quality: the phase is kept on trust
	Point    gateway.PointRef
	Value    float64 // of Point when the change came; NaN if it had none
	Limit    float64 // that Value was held against, in the unit of Point; NaN if there is none
	// Since is when the condition became what it now is, before hold or
	// clear_after: a fault begins and ends at its first sample.
	Since gateway.Instant
	At    gateway.Instant
}

// Rule is a rule as compiled: what every instance of it has in common.
type Rule struct {
	ID       string
	Title    gateway.Text
	Severity Severity // the worst it can reach
	Why      Why
	Impairs  bool
	SLA      string
	Family   string
	Latch    bool // active until a person resets it
	Restart  Restart
}

// Restart is what a rule does when the gateway starts.
type Restart uint8

// The ways to start.
const (
	Continue    Restart = iota // an active alert goes on, and so does a hold that ran if it is still true
	Anew                       // an active alert is withdrawn, and the condition judged from the beginning
	AlarmIfTrue                // as Continue; a condition that is true at first sight needs no hold
)
