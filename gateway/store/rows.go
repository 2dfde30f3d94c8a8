package store

import (
	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/rules"
)

// A field that is added to one of these types needs a column here and a
// numbered migration that adds it.

var alertTable = table[alerts.Alert]{"alert", func(a *alerts.Alert) []column {
	return []column{
		{"id", &a.ID}, {"key", &a.Key}, {"facility", &a.Facility}, {"rule", &a.Rule}, {"family", &a.Family},
		{"title_zh", &a.Title.ZH}, {"title_en", &a.Title.EN},
		{"cause_zh", &a.Why.Cause.ZH}, {"cause_en", &a.Why.Cause.EN},
		{"consequence_zh", &a.Why.Consequence.ZH}, {"consequence_en", &a.Why.Consequence.EN},
		{"response_zh", &a.Why.Response.ZH}, {"response_en", &a.Why.Response.EN},
		{"within", &a.Why.Within}, {"role", &a.Why.Role},
		{"severity", named{&a.Severity}}, {"worst", named{&a.Worst}}, {"impairs", &a.Impairs}, {"sla", &a.SLA}, {"latch", &a.Latch},
		{"phase", named{&a.Phase}}, {"stale", &a.Stale},
		{"point", &a.Point}, {"unit", &a.Unit}, {"value", measured{&a.Value}}, {"limit", measured{&a.Limit}},
		{"trip", measured{&a.Trip}}, {"trip_limit", measured{&a.TripLimit}}, {"peak", measured{&a.Peak}},
		{"started", &a.Started}, {"raised", &a.Raised}, {"cleared", &a.Cleared},
		{"acked", &a.Acked}, {"acked_by", &a.AckedBy}, {"acked_at", &a.AckedAt}, {"ack_note", &a.AckNote},
		{"ack_via", &a.AckVia}, {"ack_until", &a.AckUntil},
		{"shelf_since", &a.Shelf.Since}, {"shelf_until", &a.Shelf.Until}, {"shelf_by", &a.Shelf.By}, {"shelf_second", &a.Shelf.Second},
		{"shelf_reason", &a.Shelf.Reason}, {"shelf_severity", named{&a.Shelf.Severity}}, {"told", &a.Told},
		{"chatter_since", &a.Chatter.Since}, {"chatter_until", &a.Chatter.Until}, {"chatter_times", &a.Chatter.Times},
		{"call_count", &a.Call.Count}, {"call_since", &a.Call.Since}, {"call_rungs", &a.Call.Rungs}, {"call_passed", &a.Call.Passed}, {"call_heard", &a.Call.Heard},
		{"visibility", &a.Visibility}, {"cause", &a.Cause}, {"children", &a.Children}, {"closed", &a.Closed},
	}
}}

var ticketTable = table[tickets.Ticket]{"ticket", func(t *tickets.Ticket) []column {
	return []column{
		{"id", &t.ID}, {"number", &t.Number}, {"facility", &t.Facility}, {"family", &t.Family},
		{"title_zh", &t.Title.ZH}, {"title_en", &t.Title.EN},
		{"priority", &t.Priority}, {"state", &t.State},
		{"alert", &t.Alert}, {"latest", &t.Latest}, {"active", list[alerts.ID]{&t.Active}}, {"count", &t.Count}, {"recovered", &t.Recovered},
		{"opened", &t.Opened}, {"started", &t.Started},
		{"respond_by", &t.Deadlines.Respond}, {"arrive_by", &t.Deadlines.Arrive},
		{"reply_by", &t.Deadlines.Reply}, {"finish_by", &t.Deadlines.Finish},
		{"responded", &t.Responded}, {"arrived", &t.ArrivedAt}, {"finished", &t.Finished}, {"ended", &t.Ended},
		{"breached", list[string]{&t.Breached}},
		{"owner", &t.Owner}, {"cause", &t.Cause}, {"action", &t.Action}, {"note", &t.Note}, {"text", &t.Text},
	}
}}

var stateTable = table[intact.Event]{"state_event", func(e *intact.Event) []column {
	return []column{
		{"facility", &e.Facility}, {"recorded", &e.Recorded}, {"effective", &e.Effective},
		{"class", &e.Class}, {"cause", &e.Cause},
	}
}}

// spanTable is stateTable with only what the sums of time need: all of it is
// read at every start.
var spanTable = table[intact.Event]{"state_event", func(e *intact.Event) []column {
	return []column{{"facility", &e.Facility}, {"effective", &e.Effective}, {"class", &e.Class}}
}}

var ruleTable = table[rules.State]{"rule_state", func(s *rules.State) []column {
	return []column{{"id", &s.Key}, {"terms", &s.Terms}, {"state", list[rules.Record]{&s.Records}}}
}}

var journalTable = table[Entry]{"journal", func(e *Entry) []column {
	return []column{
		{"seq", &e.Seq}, {"gateway", &e.Gateway}, {"at", &e.At}, {"kind", &e.Kind}, {"facility", &e.Facility},
		{"actor", &e.By}, {"body", raw{(*[]byte)(&e.Body)}}, {"hash", &e.Hash},
	}
}}

// letter is a notice with what became of it.
type letter struct {
	DeadLetter
	state string
}

var noticeTable = table[letter]{"notice", func(l *letter) []column {
	n := &l.Notice
	return []column{
		{"key", &n.Key}, {"receiver", &n.Receiver}, {"alert", &n.Alert}, {"event", &n.Event}, {"body", raw{&n.Body}},
		{"made", &n.Made}, {"attempts", &n.Attempts}, {"due", &n.Due},
		{"state", &l.state}, {"tried", &l.At}, {"error", &l.Err},
	}
}}
