package drivers

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// How a device is asked that nobody knows: patiently, and not too fast.
const (
	probeTimeout = time.Second
	probePause   = 20 * time.Millisecond
)

// Prober finds out what answers at a place. It reads only.
type Prober struct {
	Profiles []*Profile // to hold against what is there; those without a probe are left out
	Units    []int      // to try; nil for those that devices mostly have
	Timeout  time.Duration
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	// Step is told what is tried next, number n of about all; nil for nobody.
	Step func(n, all int, what string)
}

// Findings is what a probe has found.
type Findings struct {
	Tried []Attempt   `json:"tried"` // ways that led to nothing
	Bus   *Bus        `json:"-"`     // the way that led to a device; nil if none did
	Way   string      `json:"way,omitempty"`
	Units []FoundUnit `json:"units"`
}

// Attempt is one question that nobody answered as it should.
type Attempt struct {
	Way    string          `json:"way"`
	Unit   int             `json:"unit"`
	Reason gateway.Quality `json:"-"`
	Why    string          `json:"why"`
	Code   byte            `json:"exception,omitempty"` // of a gateway that does not reach the unit
}

// FoundUnit is a device that answers.
type FoundUnit struct {
	Unit     int             `json:"unit"`
	Identity modbus.Identity `json:"identity"`
	Matches  []Match         `json:"matches"` // the best first
}

// ProbePlaces returns the ways in which text may be meant: tcp://host:port,
// rtu_over_tcp://host:port, host or host:port for either, and a serial port as
// /dev/… or rtu:///dev/…?baud=9600&frame=8N1, of which the common settings are
// tried if none is given.
func ProbePlaces(text string) ([]Bus, error) {
	if strings.HasPrefix(text, "/") {
		text = "rtu://" + text
	}
	if !strings.Contains(text, "://") {
		address := withPort(text)
		if !validAddress(address) {
			return nil, fmt.Errorf("%q is no address: want host:port, such as 10.0.0.20:502, or /dev/serial/by-id/…", text)
		}
		return []Bus{{TCP: address}, {RTUOverTCP: address}}, nil
	}
	scheme, rest, _ := strings.Cut(text, "://")
	u, err := url.Parse("bus://" + rest) // a scheme with _ in it is none by RFC 3986
	if err != nil {
		return nil, fmt.Errorf("%q is no address", text)
	}
	var b Bus
	switch scheme {
	case "tcp":
		b.TCP = withPort(u.Host)
	case "rtu_over_tcp":
		b.RTUOverTCP = withPort(u.Host)
	case "rtu":
		b.RTU = u.Path
	default:
		return nil, fmt.Errorf("%s:// is no way to a Modbus device: want tcp://, rtu_over_tcp:// or rtu://", scheme)
	}
	return b.settings(u.Query())
}

// withPort adds the port of Modbus TCP to a host without one.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err != nil && !strings.Contains(host, "]:") {
		return net.JoinHostPort(strings.Trim(host, "[]"), "502")
	}
	return host
}

// commonSettings are what serial lines mostly run at.
var commonSettings = []struct {
	baud  int
	frame string
}{{9600, "8N1"}, {9600, "8E1"}, {19200, "8N1"}, {19200, "8E1"}, {38400, "8N1"}, {115200, "8N1"}, {4800, "8N1"}, {2400, "8E1"}}

// settings returns the bus with the settings of its line as query gives them.
func (b Bus) settings(query url.Values) ([]Bus, error) {
	for key := range query {
		if key != "baud" && key != "frame" || b.TCP != "" {
			return nil, fmt.Errorf("unknown setting %q: a serial line has baud and frame, such as ?baud=9600&frame=8N1", key)
		}
	}
	if text := query.Get("baud"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("baud %q is no number", text)
		}
		b.Baud = n
	}
	b.ID, b.Frame = "probe", query.Get("frame")
	var wrong error
	b.Validate(func(path, problem, hint string) { wrong = fmt.Errorf("%s (%s)", problem, hint) })
	if wrong != nil {
		return nil, wrong
	}
	if b.RTU == "" || b.Baud != 0 || b.Frame != "" {
		return []Bus{b}, nil
	}
	var all []Bus
	for _, s := range commonSettings {
		b.Baud, b.Frame = s.baud, s.frame
		all = append(all, b)
	}
	return all, nil
}

// way says how a bus is reached, in one line.
func (b *Bus) way() string {
	text := b.Kind() + " " + b.Address()
	if b.Baud != 0 {
		text += fmt.Sprintf(" %d %s", b.Baud, b.Frame)
	}
	return strings.TrimSpace(text)
}

// usualUnits are the ids that devices leave the works with, and those that
// converters answer themselves.
func (p *Prober) usualUnits(b *Bus) []int {
	switch {
	case p.Units != nil:
		return p.Units
	case b.TCP != "":
		return []int{1, 255, 0, 2, 3}
	default:
		return []int{1, 2, 3, 4, 5, 10, 247}
	}
}

// Run tries the places one after the other until a device answers, and then asks
// what it is. The error is that of ctx, or of a place that cannot be used.
func (p *Prober) Run(ctx context.Context, places []Bus) (*Findings, error) {
	f := &Findings{Tried: []Attempt{}, Units: []FoundUnit{}}
	for i := range places {
		if err := p.tryPlace(ctx, f, &places[i]); err != nil {
			return f, err
		}
		if len(f.Units) > 0 {
			f.Bus, f.Way = &places[i], places[i].way()
			break
		}
	}
	return f, nil
}

func (p *Prober) tryPlace(ctx context.Context, f *Findings, b *Bus) error {
	c := modbus.Config{Address: b.Address(), Transport: modbus.TCP}
	serial, err := b.serial()
	if err != nil {
		return err
	}
	c.Serial = serial
	switch b.Kind() {
	case "rtu":
		c.Transport = modbus.RTU
	case "rtu_over_tcp":
		c.Transport = modbus.RTUOverTCP
	}
	timeout := p.Timeout
	if timeout == 0 {
		timeout = probeTimeout
	}
	q, err := modbus.NewQuery(ctx, c, timeout, probePause, modbus.Options{Log: slog.New(slog.DiscardHandler), Dial: p.Dial})
	if err != nil {
		return err
	}
	defer q.Close()
	units := p.usualUnits(b)
	for n, unit := range units {
		p.step(n, len(units), fmt.Sprintf("%s, unit %d", b.way(), unit))
		_, err := q.Read(byte(unit), modbus.HoldingRegisters, 0, 1)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if modbus.Answered(err) {
			f.Units = append(f.Units, p.examine(q, unit))
			if p.Units == nil {
				return nil // the others would be the same device under another number
			}
			continue
		}
		a := Attempt{Way: b.way(), Unit: unit, Reason: modbus.Reason(err), Why: err.Error(), Code: modbus.Exception(err)}
		f.Tried = append(f.Tried, a)
		if a.Reason == gateway.BadRefused {
			return nil // nobody is there, whatever the unit
		}
	}
	return nil
}

// examine asks a unit that answers what it is.
func (p *Prober) examine(q *modbus.Query, unit int) FoundUnit {
	u := FoundUnit{Unit: unit, Matches: []Match{}}
	// Most devices do not know the question; the error says no more than that.
	u.Identity, _ = q.Identify(byte(unit))
	notes := notebook{q: q, unit: byte(unit), known: make(map[question]answer)}
	for n, profile := range p.Profiles {
		if profile.Probe == nil || profile.Protocol == MQTT {
			continue
		}
		p.step(n, len(p.Profiles), "profile "+profile.Name)
		// Of several variants of one profile the best is told.
		if m := profile.match(notes.read, u.Identity); len(m) > 0 {
			u.Matches = append(u.Matches, m[0])
		}
	}
	judge(u.Matches)
	return u
}

func (p *Prober) step(n, all int, what string) {
	if p.Step != nil {
		p.Step(n, all, what)
	}
}

// maxSilent is how many questions in a row a device may leave unanswered before it
// is asked no more: each costs the time-out.
const maxSilent = 6

// notebook is what was read from one unit: nothing is asked twice.
type notebook struct {
	q      *modbus.Query
	unit   byte
	known  map[question]answer
	silent int
}

type question struct {
	table          modbus.Table
	address, count uint16
}

type answer struct {
	data []byte
	ok   bool
}

// read implements reader. Neighbours are read together, as the variants of a point
// lie one register apart; a device that refuses them together is asked for each
// alone.
func (n *notebook) read(t modbus.Table, address, count uint16) ([]byte, bool) {
	if t.Single() {
		a := n.ask(question{t, address, count})
		return a.data, a.ok
	}
	for k, a := range n.known {
		if k.table == t && a.ok && k.address <= address && int(address)+int(count) <= int(k.address)+int(k.count) {
			return a.part(address-k.address, count), true
		}
	}
	first := max(int(address)-2, 0)
	end := min(int(address)+int(count)+2, math.MaxUint16+1)
	if a := n.ask(question{t, uint16(first), uint16(end - first)}); a.ok {
		return a.part(address-uint16(first), count), true
	}
	a := n.ask(question{t, address, count})
	return a.data, a.ok
}

// part returns count registers of the answer.
func (a answer) part(from, count uint16) []byte { return a.data[2*from : 2*(from+count)] }

func (n *notebook) ask(k question) answer {
	a, asked := n.known[k]
	if asked || n.silent >= maxSilent {
		return a
	}
	data, err := n.q.Read(n.unit, k.table, k.address, k.count)
	n.silent++
	if modbus.Answered(err) {
		n.silent = 0
	}
	a = answer{slices.Clone(data), err == nil}
	n.known[k] = a
	return a
}
