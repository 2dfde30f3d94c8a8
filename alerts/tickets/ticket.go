// Package tickets is the repair job: who must act, by when, and how far it has
// come.
//
// Ticket.Move is the machine of one ticket, pure, with its guards; the Desk holds
// the open ones, at most one for a facility and family of faults, and opens and
// extends them as alerts come. Clocks run from the first bad sample and are
// stored as deadlines: nothing but a move, a raised priority or a wall clock that
// is set forward changes them. All time comes as an argument; one goroutine owns
// a Desk.
//
//	     assign       accept       arrive      start       done      verify
//	new ───────► assigned ──► accepted ──► arrived ──► working ──► done ──► closed
//	                                                hold ▼ ▲ resume
//	                                                     hold
//
// Besides, accept leads on from new, and start from accepted; decline leads back
// to new, reject from done to working; cancel ends a ticket that is not done.
// Readings alone move a ticket in two cases only. A fault that comes back takes
// a done ticket to working. An ordinary ticket that nobody has ever accepted
// closes once its readings have been seen good for half an hour; while the
// facility is silent nothing is seen, and the time the gateway was not running
// does not count. Everything else is an act of a person.
package tickets

import (
	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
)

// ID numbers tickets in the order in which they were opened, from 1.
type ID int64

// State is how far the repair has come.
type State string

// The states.
const (
	New       State = "new"
	Assigned  State = "assigned"
	Accepted  State = "accepted"
	Arrived   State = "arrived"
	Working   State = "working"
	OnHold    State = "hold"
	Done      State = "done"
	Closed    State = "closed"
	Cancelled State = "cancelled"
)

// Over reports whether a ticket in this state is finished for good.
func (s State) Over() bool { return s == Closed || s == Cancelled }

// Priority is the SLA a ticket runs under.
type Priority string

// The priorities.
const (
	Rescue    Priority = "rescue"    // a person is in danger
	Emergency Priority = "emergency" // on site in 30 min
	Ordinary  Priority = "ordinary"  // answered in 2 h
)

// rank orders priorities from ordinary to rescue; 0 for none.
func (p Priority) rank() int {
	switch p {
	case Rescue:
		return 3
	case Emergency:
		return 2
	case Ordinary:
		return 1
	default:
		return 0
	}
}

// Valid reports whether p is one of the priorities.
func (p Priority) Valid() bool { return p.rank() > 0 }

// Deadlines are when each clock of a ticket runs out; zero for a clock that
// does not run.
type Deadlines struct {
	Respond gateway.Instant `json:"respond"`
	Arrive  gateway.Instant `json:"arrive"`
	Reply   gateway.Instant `json:"reply"`
	Finish  gateway.Instant `json:"finish"`
}

// Ticket is one repair job.
type Ticket struct {
	ID        ID                 `json:"id"`
	Number    string             `json:"number"` // such as WX20260310-0007
	Facility  gateway.FacilityID `json:"facility"`
	Family    string             `json:"family"`
	Title     gateway.Text       `json:"title"`
	Priority  Priority           `json:"priority"`
	State     State              `json:"state"`
	Alert     alerts.ID          `json:"alert,omitempty"`  // the alert that opened it; 0 if a person did
	Latest    alerts.ID          `json:"latest,omitempty"` // the newest occurrence
	Active    []alerts.ID        `json:"active,omitempty"` // what keeps the readings from being good: occurrences that have not returned, and silence
	Count     int                `json:"count"`            // occurrences so far
	Recovered gateway.Instant    `json:"recovered"`        // since when the readings have been good again; zero while they are not

	Opened    gateway.Instant `json:"opened"`  // when it was written
	Started   gateway.Instant `json:"started"` // first bad sample: the clocks run from here
	Deadlines Deadlines       `json:"deadlines"`
	Responded gateway.Instant `json:"responded"`
	ArrivedAt gateway.Instant `json:"arrived"`
	Finished  gateway.Instant `json:"finished"`
	Ended     gateway.Instant `json:"ended"`              // closed or cancelled
	Breached  []string        `json:"breached,omitempty"` // clocks that ran out before they were stopped

	Owner  string `json:"owner,omitempty"` // to whom it is assigned, or who accepted it
	Cause  string `json:"cause,omitempty"`
	Action string `json:"action,omitempty"`
	Note   string `json:"note,omitempty"` // newest
	Text   string `json:"text,omitempty"` // what the person who opened it wrote
}

// Event is one step of a ticket, with the ticket as it is after it.
type Event struct {
	// Name is opened, occurrence, relapsed, raised, silent, eased, recovered,
	// breached or postponed, or the move that was made: assign, accept, …; verify
	// in the name of nobody is a ticket that closed by itself.
	Name   string
	At     gateway.Instant
	By     string // "" for the gateway itself; two persons where it took two
	From   State
	Note   string // of a move; of breached the clock; of postponed by how much
	Ticket Ticket
}
