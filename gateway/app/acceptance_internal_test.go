package app

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	simulator "github.com/intact-gateway/intact/simulators/modbus"
)

const flappingSite = `
site: {id: flapping, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {plc: {tcp: "plc:502"}}
facilities:
  - {id: toggles, profile: acme-pump, bus: plc, unit: 1}
  - {id: comes-and-goes, profile: acme-pump, bus: plc, unit: 2}
  - {id: well, profile: acme-pump, bus: plc, unit: 3}
profiles: [pump.yaml]
rules: {packs: [pump]}
`

const flappingProfile = `
profile: acme-pump
name: {zh: 水泵, en: Pump}
class: pump
source: made for a test
trust: paper
defaults: {numbering: wire_0based, group: fast}
limits: {timeout: 500ms}
points:
  fault: {reg: 0, bit: 0, role: fault, name: {zh: 故障, en: Fault}}
`

// plc is a Modbus server behind the dialer of a gateway.
type plc struct {
	simulator.Server
	serving sync.WaitGroup
}

func (p *plc) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.serving.Go(func() { p.ServeConn(context.Background(), far) })
	return near, nil
}

// unit adds a unit that holds 0 in as many registers.
func (p *plc) unit(t *testing.T, id byte, registers int) *simulator.Unit {
	t.Helper()
	u, err := p.AddUnit(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at := range registers {
		u.SetRegister(simulator.Holding, uint16(at), 0)
	}
	return u
}

// TestAcceptance09WhatFlapsIsOneAlertAndOneTicket has a fault contact toggle
// nearly five times a second, so that polls meet it in every state, and a unit
// come and go every three seconds, for ten minutes, from the wire to the tickets
// with the rules that ship. How the coming and going falls on polls and probes
// decides what is seen of it, so it begins at six different times.
func TestAcceptance09WhatFlapsIsOneAlertAndOneTicket(t *testing.T) {
	for begin := range 6 {
		synctest.Test(t, func(t *testing.T) { flap(t, time.Duration(7+begin)*time.Second) })
	}
}

func flap(t *testing.T, begin time.Duration) {
	const toggle, swap, span = 101500 * time.Microsecond, 3 * time.Second, 10 * time.Minute
	p := new(plc)
	toggles, comes := p.unit(t, 1, 1), p.unit(t, 2, 1)
	p.unit(t, 3, 1)
	a, _ := startSite(t, fstest.MapFS{
		"site.yaml": {Data: []byte(flappingSite)}, "pump.yaml": {Data: []byte(flappingProfile)},
	}, p.dial)
	time.Sleep(begin)

	began := time.Now()
	for i := 0; time.Since(began) < span; i++ {
		toggles.SetRegister(simulator.Holding, 0, uint16(i%2))
		var away simulator.Fault
		if time.Since(began)/swap%2 == 1 {
			away.Kind = simulator.Dead
		}
		comes.SetFault(away)
		time.Sleep(toggle)
	}
	synctest.Wait()
	once(t, a.Snapshot())

	toggles.SetRegister(simulator.Holding, 0, 0)
	comes.SetFault(simulator.Fault{})
	time.Sleep(3 * time.Minute)
	for _, al := range a.Snapshot().Alerts {
		if al.Cleared.IsZero() {
			t.Errorf("%s of %s is still there three minutes after all is well", al.Rule, al.Facility)
		}
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	p.serving.Wait()
}

// once fails unless the two facilities that flap have one alert and one ticket
// each, of all that there ever were.
func once(t *testing.T, s *pipeline.Snapshot) {
	t.Helper()
	rules := make(map[gateway.FacilityID][]string)
	for _, al := range s.Alerts {
		rules[al.Facility] = append(rules[al.Facility], al.Rule)
		if al.ID > 2 {
			t.Errorf("alert %d is %s of %s", al.ID, al.Rule, al.Facility)
		}
	}
	for facility, rule := range map[gateway.FacilityID]string{"toggles": "tripped", "comes-and-goes": "comm_loss"} {
		if got := rules[facility]; len(got) != 1 || got[0] != rule {
			t.Errorf("the alerts of %s are %v, want %s", facility, got, rule)
		}
	}
	if len(s.Alerts) != 2 || len(s.Tickets) != 2 {
		t.Errorf("there are %d alerts and %d tickets, want 2 of each", len(s.Alerts), len(s.Tickets))
	}
	for _, ticket := range s.Tickets {
		if ticket.ID > 2 || ticket.Count != 1 {
			t.Errorf("ticket %d of %s has %d occurrences", ticket.ID, ticket.Facility, ticket.Count)
		}
	}
}

// overloadedSite reads 5,000 registers every ten seconds through a converter,
// whose line may have a speed.
const overloadedSite = `
site: {id: overloaded, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {gw: {rtu_over_tcp: "gw:4001"%s}}
facilities:
  - {id: plc-1, profile: acme-plc, bus: gw, unit: 1}
  - {id: plc-2, profile: acme-plc, bus: gw, unit: 2}
  - {id: plc-3, profile: acme-plc, bus: gw, unit: 3}
  - {id: plc-4, profile: acme-plc, bus: gw, unit: 4}
  - {id: plc-5, profile: acme-plc, bus: gw, unit: 5}
profiles: [plc.yaml]
`

const overloadedProfile = `
profile: acme-plc
name: {zh: 控制器, en: Controller}
class: pump
source: made for a test
trust: paper
defaults: {numbering: wire_0based, group: fast}
periods: {fast: 10s}
repeat:
  words:
    name: "word{n}"
    over: {n: 1..1000}
    points: {now: {reg: 0, name: {zh: "数值{n}", en: "Word {n}"}}}
`

func overloaded(line string) fstest.MapFS {
	return fstest.MapFS{
		"site.yaml": {Data: fmt.Appendf(nil, overloadedSite, line)}, "plc.yaml": {Data: []byte(overloadedProfile)},
	}
}

// TestAcceptance09ALineThatCannotKeepUpIsRefused: its speed is known.
func TestAcceptance09ALineThatCannotKeepUpIsRefused(t *testing.T) {
	_, err := configs.Load(overloaded(", baud: 9600"), "site.yaml", configs.Options{})
	if err == nil || !strings.Contains(err.Error(), "site.yaml:4:9: what is read through bus gw takes") {
		t.Errorf("5,000 registers in ten seconds at 9600 baud gave %v", err)
	}
}

// TestAcceptance09AnOverloadedLineSkipsAndCounts runs the same where the speed is
// not known. Each answer takes its time at 9600 baud.
func TestAcceptance09AnOverloadedLineSkipsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const points, units, answer, period, span = 5000, 5, 320 * time.Millisecond, 10 * time.Second, 10 * time.Minute
		const pass = points / 125 * (answer + 20*time.Millisecond)
		p := new(plc)
		p.Wire = simulator.RTUOverTCP
		for unit := byte(1); unit <= units; unit++ {
			p.unit(t, unit, points/units).SetFault(simulator.Fault{Kind: simulator.Slow, Delay: answer})
		}
		a, _ := startSite(t, overloaded(""), p.dial)
		time.Sleep(span)
		synctest.Wait()
		s, began := a.Snapshot(), time.Now()
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > answer {
			t.Errorf("stopping took %s, more than a request", took)
		}
		p.serving.Wait()

		seen := 0
		for ref, point := range s.Site.Points() {
			v := s.Values[ref]
			if !strings.HasPrefix(point.Name, "word") {
				continue
			}
			seen++
			if age := s.At.Sub(v.At); v.Quality != gateway.Good || age > 2*pass {
				t.Fatalf("%s is %s and %s old", point.Name, v.Quality, age)
			}
		}
		// Every other cycle is read; those that were not are counted.
		read, skipped, due := s.Stats.Samples/points, a.running.Load().sources["gw"].Stats().Modbus.Overruns, uint64(span/period)
		if seen != points || read < due/2-2 || read > due/2+2 || skipped < due/2-2 {
			t.Errorf("of %d points %d of %d cycles were read and %d skipped", seen, read, due, skipped)
		}
		if s.Stats.Coalesced > 0 {
			t.Errorf("%d samples were too many for the loop", s.Stats.Coalesced)
		}
	})
}
