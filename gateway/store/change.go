package store

import (
	"encoding/json"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/rules"
)

// Entry is one row of the journal: what happened, to what, by whom.
type Entry struct {
	Seq      int64              `json:"seq"` // set by the store, from 1 without gaps
	Gateway  string             `json:"gateway"`
	At       gateway.Instant    `json:"at"`
	Kind     string             `json:"kind"` // alert.raised, ticket.accept, intact.down, gateway.started, …
	Facility gateway.FacilityID `json:"facility,omitempty"`
	By       string             `json:"by,omitempty"`
	Body     json.RawMessage    `json:"body,omitempty"`
	Hash     string             `json:"hash"` // set by the store: over this row and the hash before it
}

// Change is everything that one step of the loop has to say. It is written
// whole or not at all.
type Change struct {
	At      gateway.Instant // also the heartbeat: the gateway was alive then
	Entries []Entry
	Alerts  []alerts.Alert   // as they are now
	Tickets []tickets.Ticket // as they are now
	Notices []notify.Notice
	States  []intact.Event
	Rules   []rules.State // where instances stand now; one without records is forgotten
}

// State is what the loop needs to go on where it stopped.
type State struct {
	Heartbeat  gateway.Instant  // the last sign of life; zero on a new store
	Alerts     []alerts.Alert   // open ones
	Tickets    []tickets.Ticket // open ones, and those that ended within tickets.Remembered
	Rules      []rules.State    // by key
	LastAlert  alerts.ID
	LastTicket tickets.ID
	// Numbers holds the last ticket number of each day, by day "20260310".
	Numbers map[string]int
	// Past is the time of every facility that ever was, up to now.
	Past map[gateway.FacilityID]intact.Past
}
