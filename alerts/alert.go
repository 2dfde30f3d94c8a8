// Package alerts is the life of an alert: raised, acknowledged, returned, hidden
// behind its cause.
//
// An alert is one occurrence of a rule on a facility. Its condition comes from
// package rules; whether somebody has acknowledged it and whether people are
// shown it are axes of their own, so that nothing that is hidden or taken in
// hand stops being watched. The machine of one alert, Alert.Next, is pure; the
// Book holds the open ones. Both take time as an argument, and belong to one
// goroutine.
//
//	condition:  active ──► clearing ──► normal        (from the rules)
//	ack:        unacknowledged ──ack──► acknowledged ──its time, worse level──► unacknowledged
//	shown:      suppressed ◄──cause──► shown
//	shelf:      none ──a person──► shelved ──its time, a person, worse──► none
//	chatter:    none ──comes too often──► chattering ──settles, worse than ever──► none
//
// An alert leaves the book when it has returned, somebody knows of it and it is
// neither shelved nor comes and goes.
package alerts

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// ID numbers alerts in the order in which they were raised, from 1.
type ID int64

// Visibility says whether people are shown an alert. Evaluation never stops.
type Visibility uint8

// The visibilities.
const (
	Shown      Visibility = iota
	Suppressed            // hidden behind the alert that causes it
)

// Alert is one occurrence of a rule on a facility.
type Alert struct {
	ID       ID                 `json:"id"`
	Key      string             `json:"key"` // of the rule instance
	Facility gateway.FacilityID `json:"facility"`
	Rule     string             `json:"rule"`
	Family   string             `json:"family"`
	Title    gateway.Text       `json:"title"`
	Why      rules.Why          `json:"why"`
	Severity rules.Severity     `json:"severity"`
	Worst    rules.Severity     `json:"worst"`           // the worst severity it has had: who heard of it then hears how it ends
	Impairs  bool               `json:"impairs"`         // the facility is down while the alert is active
	SLA      string             `json:"sla,omitempty"`   // of the ticket it opens; "" for none
	Latch    bool               `json:"latch,omitempty"` // active until a person resets it

	Phase rules.Phase `json:"phase"` // Active, Clearing, or Normal once it has returned
	Stale bool        `json:"stale"`

	Point     gateway.PointID `json:"point,omitempty"`
	Unit      string          `json:"unit,omitempty"`
	Value     float64         `json:"value"`      // newest that changed something; NaN for none
	Limit     float64         `json:"limit"`      // in force then; NaN for none
	Trip      float64         `json:"trip"`       // value when it was raised; NaN for none
	TripLimit float64         `json:"trip_limit"` // in force then; NaN for none
	Peak      float64         `json:"peak"`       // the value farthest beyond the limit while it was active; NaN if it has no limit
	Started   gateway.Instant `json:"started"`    // first bad sample
	Raised    gateway.Instant `json:"raised"`     // when hold had passed
	Cleared   gateway.Instant `json:"cleared"`    // first good sample before it returned; zero until then

	Acked    bool            `json:"acked"`
	AckedBy  string          `json:"acked_by,omitempty"`
	AckedAt  gateway.Instant `json:"acked_at"`
	AckNote  string          `json:"ack_note,omitempty"`
	AckVia   string          `json:"ack_via,omitempty"` // the channel by which it was acknowledged
	AckUntil gateway.Instant `json:"ack_until"`         // when it comes back if it is still active; zero for never

	Shelf   Shelf   `json:"shelf,omitzero"`
	Chatter Chatter `json:"chatter,omitzero"`
	Told    bool    `json:"told"` // people were told that it is active
	Call    Call    `json:"call,omitzero"`

	Visibility Visibility      `json:"visibility"`
	Cause      ID              `json:"cause,omitempty"`    // the alert it is a consequence of, while suppressed; 0 while that is not yet known
	Children   int             `json:"children,omitempty"` // alerts that are hidden behind this one now
	Closed     gateway.Instant `json:"closed"`             // when it left the book
}

// Next returns the alert after the change c of its rule, and what happened; 0 if
// nothing that anybody must know.
func (a Alert) Next(c rules.Change) (Alert, EventKind) {
	before := a
	a.Phase, a.Stale = c.To, c.Stale
	if c.To == rules.Normal {
		a.Stale = false
		a.Cleared = c.Since
		a.AckUntil = 0
		a.Value, a.Limit = c.Value, c.Limit
		return a, Returned
	}
	a.Severity = c.Severity
	a.Worst = max(a.Worst, c.Severity)
	switch {
	case a.Severity != before.Severity:
		a.Value, a.Limit = c.Value, c.Limit
		a.reach(c.Value)
		if a.Severity > before.Severity {
			a.unacknowledge()
		}
		return a, LevelChanged
	case a.Stale && !before.Stale:
		return a, WentStale
	case before.Stale && !a.Stale:
		return a, Fresh
	default:
		return a, 0
	}
}

// ISA returns the letter of the state in the diagram of ISA-18.2-2016: A normal,
// B active and unacknowledged, C active and acknowledged, D returned and
// unacknowledged, G shelved, H suppressed by design.
func (a Alert) ISA() string {
	switch {
	case a.Shelved():
		return "G"
	case a.Visibility == Suppressed:
		return "H"
	case a.Phase == rules.Normal && !a.Acked && a.Closed.IsZero():
		return "D"
	case a.Phase == rules.Normal:
		return "A"
	case a.Acked:
		return "C"
	default:
		return "B"
	}
}

// ShownAs returns the state in one plain word: shelved, suppressed, closed,
// returned, acknowledged or unacknowledged.
func (a Alert) ShownAs() string {
	switch {
	case !a.Closed.IsZero():
		return "closed"
	case a.Shelved():
		return "shelved"
	case a.Visibility == Suppressed:
		return "suppressed"
	case a.Phase == rules.Normal:
		return "returned"
	case a.Acked:
		return "acknowledged"
	default:
		return "unacknowledged"
	}
}

// alertJSON is Alert without its methods.
type alertJSON Alert

// alertDocument is an alert as it is written: a value or limit that is no number
// is null.
type alertDocument struct {
	alertJSON
	Value     *float64 `json:"value"`
	Limit     *float64 `json:"limit"`
	Trip      *float64 `json:"trip"`
	TripLimit *float64 `json:"trip_limit"`
	Peak      *float64 `json:"peak"`
}

func (a Alert) document() alertDocument {
	return alertDocument{alertJSON(a), finite(a.Value), finite(a.Limit), finite(a.Trip), finite(a.TripLimit), finite(a.Peak)}
}

// MarshalJSON writes a value or limit that is no number as null.
func (a Alert) MarshalJSON() ([]byte, error) { return json.Marshal(a.document()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Alert) UnmarshalJSON(b []byte) error {
	read := struct {
		*alertJSON
		Value     *float64 `json:"value"`
		Limit     *float64 `json:"limit"`
		Trip      *float64 `json:"trip"`
		TripLimit *float64 `json:"trip_limit"`
		Peak      *float64 `json:"peak"`
	}{alertJSON: (*alertJSON)(a)}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	a.Value, a.Limit = orNaN(read.Value), orNaN(read.Limit)
	a.Trip, a.TripLimit, a.Peak = orNaN(read.Trip), orNaN(read.TripLimit), orNaN(read.Peak)
	return nil
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// EventKind says what happened to an alert.
type EventKind uint8

// The kinds of events.
const (
	Raised       EventKind = iota + 1
	LevelChanged           // its severity went up or down
	Returned               // the condition is gone
	Acknowledged
	Hidden     // recorded but not shown: it is, or may turn out to be, a consequence of another alert
	Revealed   // its cause is gone and it is still bad
	WentStale  // kept on trust: an input is of bad quality
	Fresh      // its inputs are good again
	Superseded // closed because its rule raised a new alert before this one was acknowledged
	Withdrawn  // closed because its rule or facility no longer exists, or begins anew with the gateway
	Reset      // a person has ended its latch
	Shelved    // a person has put it aside: nobody is told of it for a while
	Unshelved  // that is over: what is still active speaks for itself
	Postponed  // its times are others: the clock was set
	Realarmed  // still active when its acknowledgement ran out: it is unacknowledged again
	Again      // it chatters, and has come once more
	Calmed     // it chatters no more: it has returned for good, or stays
	Retuned    // its rule was changed: from now on it is held against other limits
	Escalated  // nobody has taken it in hand: the next ones on its ladder are told
)

var kindNames = [...]string{"", "raised", "level", "returned", "acknowledged", "hidden", "revealed", "stale", "fresh", "superseded", "withdrawn", "reset",
	"shelved", "unshelved", "postponed", "realarmed", "again", "calmed", "retuned", "escalated"}

// String returns the kind as the journal and notices write it.
func (k EventKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("event(%d)", uint8(k))
}

// Calls reports whether people are called by the event, unless it is quiet: the
// alert is active, and they hear so for the first time or again.
func (k EventKind) Calls() bool {
	return k == Raised || k == Revealed || k == Unshelved || k == Realarmed || k == Again
}

// Event is one step of an alert, with the alert as it is after it.
type Event struct {
	Kind  EventKind
	At    gateway.Instant
	By    string // the person, or "" for the gateway itself
	Quiet bool   // it is recorded, and nobody outside is told
	Alert Alert
	To    []string // of Escalated: the receivers that are told
	// Reason is why it was withdrawn.
	Reason string
	// Was and Now are the terms of its rule before and after it was retuned, as
	// rules.Engine.Terms.
	Was, Now string
}

// MarshalJSON writes the alert as it is after the event, with what is said of
// the event alone.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		alertDocument
		To     []string `json:"to,omitempty"`
		Reason string   `json:"reason,omitempty"`
		Was    string   `json:"was,omitempty"`
		Now    string   `json:"now,omitempty"`
	}{e.Alert.document(), e.To, e.Reason, e.Was, e.Now})
}

// Announces reports whether the alert begins to stand for itself, told or not:
// what it calls for, such as a ticket, begins now.
func (e Event) Announces() bool { return e.Kind == Raised || e.Kind == Revealed || e.Kind == Again }
