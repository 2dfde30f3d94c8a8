package ruletest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Notify says who is told in a test, and of what. Nothing is sent, so a receiver
// is no more than a name; the routes are those of a site file.
type Notify struct {
	Receivers []string       `yaml:"receivers"` // default one, "desk"
	Routes    []notify.Route `yaml:"routes"`    // default everything to everybody
}

// config returns the block as a site file would have it.
func (n *Notify) config() notify.Config {
	names := n.Receivers
	if len(names) == 0 {
		names = []string{"desk"}
	}
	c := notify.Config{Routes: n.Routes}
	for _, name := range names {
		c.Receivers = append(c.Receivers, notify.Receiver{ID: name, Channel: notify.Channel{Webhook: &notify.Webhook{URL: "http://localhost/"}}})
	}
	return c
}

// Ticket is an open ticket as a test writes it: "lift-1/entrapment rescue new",
// by facility and fault family. What is left out fits anything, but "recovered"
// is to be said of a ticket whose readings are good again.
type Ticket struct {
	Facility  gateway.FacilityID
	Family    string
	Priority  tickets.Priority // "" for any
	State     tickets.State    // "" for any
	Recovered bool
}

// states are those of an open ticket.
var states = []tickets.State{tickets.New, tickets.Assigned, tickets.Accepted, tickets.Arrived, tickets.Working, tickets.OnHold, tickets.Done}

// UnmarshalText reads a ticket as a test writes it.
func (t *Ticket) UnmarshalText(b []byte) error {
	const such = `want such as "lift-1/entrapment rescue new": facility/family, then priority and state where they matter, then recovered`
	words := strings.Fields(string(b))
	if len(words) == 0 {
		return fmt.Errorf("no ticket is named; %s", such)
	}
	facility, family, ok := strings.Cut(words[0], "/")
	if !ok {
		return fmt.Errorf("%q is no ticket; %s", b, such)
	}
	*t = Ticket{Facility: gateway.FacilityID(facility), Family: family}
	for _, word := range words[1:] {
		switch {
		case tickets.Priority(word).Valid() && t.Priority == "":
			t.Priority = tickets.Priority(word)
		case slices.Contains(states, tickets.State(word)) && t.State == "":
			t.State = tickets.State(word)
		case word == "recovered" && !t.Recovered:
			t.Recovered = true
		default:
			return fmt.Errorf("%q does not belong behind %s; %s", word, words[0], such)
		}
	}
	return nil
}

// String returns the ticket as it is written in test files.
func (t Ticket) String() string {
	words := []string{string(t.Facility) + "/" + t.Family, string(t.Priority), string(t.State)}
	if t.Recovered {
		words = append(words, "recovered")
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// fits reports whether got is the ticket that t wants.
func (t Ticket) fits(got Ticket) bool {
	return t.Facility == got.Facility && t.Family == got.Family && t.Recovered == got.Recovered &&
		(t.Priority == "" || t.Priority == got.Priority) && (t.State == "" || t.State == got.State)
}

// ticketOf returns an open ticket as a test would write it.
func ticketOf(t *tickets.Ticket) Ticket {
	return Ticket{Facility: t.Facility, Family: t.Family, Priority: t.Priority, State: t.State, Recovered: !t.Recovered.IsZero()}
}

// Notice is a notice as a test writes it: "raised p1/dry_run critical to desk".
// Severity and receiver may be left out.
type Notice struct {
	Event    string
	Rule     string // key
	Severity rules.Severity
	AnyLevel bool // no severity was written
	To       string
}

// events are what receivers may be told of.
var events = []string{"raised", "level", "returned", "acknowledged", "withdrawn"}

// UnmarshalText reads a notice as a test writes it.
func (n *Notice) UnmarshalText(b []byte) error {
	const such = `want such as "raised p1/dry_run critical to desk": what happened, which rule, then severity and receiver where they matter`
	words := strings.Fields(string(b))
	if len(words) < 2 || !slices.Contains(events, words[0]) {
		return fmt.Errorf("%q is no notice; %s; what happens is one of %s", b, such, strings.Join(events, ", "))
	}
	*n = Notice{Event: words[0], Rule: words[1], AnyLevel: true}
	words = words[2:]
	if len(words) > 0 {
		if sev, known := rules.ParseSeverity(words[0]); known {
			n.Severity, n.AnyLevel = sev, false
			words = words[1:]
		}
	}
	if len(words) == 2 && words[0] == "to" {
		n.To = words[1]
		words = nil
	}
	if len(words) > 0 {
		return fmt.Errorf("%q does not belong there; %s", strings.Join(words, " "), such)
	}
	return nil
}

// String returns the notice as it is written in test files.
func (n Notice) String() string {
	text := n.Event + " " + n.Rule
	if !n.AnyLevel {
		text += " " + n.Severity.String()
	}
	if n.To != "" {
		text += " to " + n.To
	}
	return text
}

// fits reports whether got is the notice that n wants.
func (n Notice) fits(got Notice) bool {
	return n.Event == got.Event && n.Rule == got.Rule && (n.AnyLevel || n.Severity == got.Severity) && (n.To == "" || n.To == got.To)
}

// allFit reports whether got is what is wanted, each once and in any order.
func allFit[T any](want, got []T, fits func(want, got T) bool) bool {
	rest := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(rest, func(g T) bool { return fits(w, g) })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return len(rest) == 0
}

// list writes what is wanted or what was there, for people.
func list[T fmt.Stringer](all []T) string {
	if len(all) == 0 {
		return "none"
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = one.String()
	}
	return strings.Join(texts, ", ")
}

// Count is how often something may happen: "3", "<= 3" or ">= 3".
type Count struct {
	Least, Most int // Most is -1 for any number
}

// UnmarshalText reads a count as a test writes it.
func (c *Count) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	most, isMost := strings.CutPrefix(text, "<=")
	least, isLeast := strings.CutPrefix(text, ">=")
	number := text
	switch {
	case isMost:
		number = most
	case isLeast:
		number = least
	}
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 0 {
		return fmt.Errorf(`%q is no count; want such as 3, "<= 3" or ">= 3"`, b)
	}
	switch {
	case isMost:
		*c = Count{0, n}
	case isLeast:
		*c = Count{n, -1}
	default:
		*c = Count{n, n}
	}
	return nil
}

// String returns the count as it is written in test files.
func (c Count) String() string {
	switch {
	case c.Most < 0:
		return fmt.Sprintf(">= %d", c.Least)
	case c.Least == c.Most:
		return strconv.Itoa(c.Least)
	default:
		return fmt.Sprintf("<= %d", c.Most)
	}
}

func (c Count) fits(n int) bool { return n >= c.Least && (c.Most < 0 || n <= c.Most) }
