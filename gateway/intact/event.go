package intact

import "github.com/intact-gateway/intact/gateway"

// Class is what one millisecond of one facility counts as.
type Class uint8

// The classes. Their numbers are those of the intact_facility_state metric.
const (
	Up       Class = 0
	Degraded Class = 1 // counts as Up
	Down     Class = 2
	Planned  Class = 3
	Unknown  Class = 4
	Excluded Class = 5
)

// Event says that a facility counts as Class from Effective on.
//
// Recorded is when the gateway knew it. Effective lies between the Effective of
// the facility's previous event and Recorded: a fault is raised after its hold
// time but counts from its first bad sample.
type Event struct {
	Facility  gateway.FacilityID
	Recorded  gateway.Instant
	Effective gateway.Instant
	Class     Class
	Cause     string // the alert or act behind it, for people
}

// Tally is how long, in milliseconds, a facility or a set of them spent in each
// class within a window.
type Tally struct {
	Up       int64 `json:"up_ms"`
	Down     int64 `json:"down_ms"`
	Planned  int64 `json:"planned_ms"`
	Unknown  int64 `json:"unknown_ms"`
	Excluded int64 `json:"excluded_ms"`
	Faults   int64 `json:"faults"` // times it went from up to down
}
