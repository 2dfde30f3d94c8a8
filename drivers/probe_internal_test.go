package drivers

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// registers are those of a device, by table; a read beyond them is refused.
type registers map[modbus.Table][]uint16

func (r registers) read(t modbus.Table, address, count uint16) ([]byte, bool) {
	words := r[t]
	if int(address)+int(count) > len(words) {
		return nil, false
	}
	var data []byte
	for _, w := range words[address : address+count] {
		data = append(data, byte(w>>8), byte(w))
	}
	return data, true
}

// put writes v at a register, its bytes in the order that profiles call by name.
func (r registers) put(t modbus.Table, at int, v float32, order string) {
	bits := math.Float32bits(v)
	abcd := [4]byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)}
	var on [4]byte
	for i, letter := range order {
		on[i] = abcd[letter-'A']
	}
	r[t][at], r[t][at+1] = uint16(on[0])<<8|uint16(on[1]), uint16(on[2])<<8|uint16(on[3])
}

func probed(name string, reg int) *Profile {
	at := func(n int) *int { return new(reg + n) }
	return &Profile{
		Name: name, Class: gateway.ElectricMeter, Defaults: Defaults{Table: "input", Type: "f32"},
		Points: []Point{{Name: "volts", Reg: at(0), Unit: "V"}, {Name: "hertz", Reg: at(4), Unit: "Hz"}},
		Probe:  &Probe{Point: "volts", Range: []float64{80, 300}, Also: map[string][]float64{"hertz": {45, 65}}},
	}
}

// TestAMeterIsRecognisedHoweverItsRegistersLie: 230 V and 50 Hz in every order of
// bytes, one register off either way, in either table.
func TestAMeterIsRecognisedHoweverItsRegistersLie(t *testing.T) {
	for _, table := range []modbus.Table{modbus.InputRegisters, modbus.HoldingRegisters} {
		for _, shift := range []int{0, -1, 1} {
			for _, order := range modbus.Orders() {
				t.Run(fmt.Sprint(table, shift, order), func(t *testing.T) {
					device := registers{table: make([]uint16, 40)}
					device.put(table, 10+shift, 230.4, order)
					device.put(table, 12+shift, 229.3, order)
					device.put(table, 14+shift, 50.02, order)
					got := probed("meter", 10).match(device.read, modbus.Identity{})
					want := Variant{Shift: shift}
					if table != modbus.InputRegisters {
						want.Table = table.String()
					}
					if order != "ABCD" {
						want.Order = order
					}
					if len(got) == 0 || got[0].Variant != want || len(got[0].Found) != 2 {
						t.Fatalf("got %+v, want %+v", got, want)
					}
				})
			}
		}
	}
}

func TestWhatFitsByChanceIsNotCalledSure(t *testing.T) {
	device := registers{modbus.InputRegisters: make([]uint16, 200)}
	device.put(modbus.InputRegisters, 10, 230.4, "ABCD")
	device.put(modbus.InputRegisters, 14, 50.02, "ABCD")
	device.put(modbus.InputRegisters, 100, 228, "ABCD")
	judged := func(id modbus.Identity, profiles ...*Profile) (verdicts []string) {
		var all []Match
		for _, p := range profiles {
			if m := p.match(device.read, id); len(m) > 0 {
				all = append(all, m[0])
			}
		}
		judge(all)
		for _, m := range all {
			verdicts = append(verdicts, m.Profile+" "+string(m.Verdict))
		}
		return verdicts
	}
	three := probed("three", 10)
	three.Points = append(three.Points, Point{Name: "amps", Reg: new(30), Unit: "A"})
	three.Probe.Also["amps"] = []float64{1, 100}
	named := probed("named", 150)
	named.Probe.DeviceID = DeviceID{Vendor: "ACME", Product: "m5"}
	for _, tt := range []struct {
		name string
		got  []string
		want []string
	}{
		{"one model fits", judged(modbus.Identity{}, probed("a", 10), probed("b", 100)), []string{"a likely", "b possible"}},
		{"two models fit as well", judged(modbus.Identity{}, probed("b", 10), probed("a", 10)), []string{"a possible", "b possible"}},
		{"one is nearer to what its profile says", judged(modbus.Identity{}, probed("off", 9), probed("exact", 10)), []string{"exact likely", "off possible"}},
		{"one lacks a value that the other does not want", judged(modbus.Identity{}, three, probed("two", 10)), []string{"two likely", "three possible"}},
		{"one value of two", judged(modbus.Identity{}, probed("b", 100)), []string{"b possible"}},
		{"the device says what it is", judged(modbus.Identity{Vendor: "Acme Ltd", Model: "M5-100"}, probed("a", 10), named), []string{"named certain", "a possible"}},
		{"it says that it is another", judged(modbus.Identity{Vendor: "Acme Ltd", Model: "M7"}, named), nil},
		{"nothing but zeros", judged(modbus.Identity{}, probed("z", 60)), nil},
		{"beyond its registers", judged(modbus.Identity{}, probed("far", 300)), nil},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestWaysToADevice(t *testing.T) {
	for text, want := range map[string][]string{
		"10.0.0.20":       {"tcp 10.0.0.20:502", "rtu_over_tcp 10.0.0.20:502"},
		"10.0.0.7:4001":   {"tcp 10.0.0.7:4001", "rtu_over_tcp 10.0.0.7:4001"},
		"tcp://plc.local": {"tcp plc.local:502"},
		"rtu_over_tcp://10.0.0.7:4001?baud=19200": {"rtu_over_tcp 10.0.0.7:4001 19200"},
		"rtu:///dev/ttyUSB0?baud=9600&frame=8E1":  {"rtu /dev/ttyUSB0 9600 8E1"},
		"tcp://10.0.0.20:70000":                   nil,
		"tcp://10.0.0.20?baud=9600":               nil,
		"rtu:///dev/ttyUSB0?speed=9600":           nil,
		"rtu:///dev/ttyUSB0?frame=7E1":            nil,
		"mqtt://broker":                           nil,
		"":                                        nil,
	} {
		places, err := ProbePlaces(text)
		var got []string
		for i := range places {
			got = append(got, places[i].way())
		}
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	if places, err := ProbePlaces("/dev/ttyUSB0"); err != nil || len(places) != len(commonSettings) || places[1].way() != "rtu /dev/ttyUSB0 9600 8E1" {
		t.Errorf("a port without settings: %v, %v", places, err)
	}
}

func TestAProbeSaysWhatIsWrongWithIt(t *testing.T) {
	for want, change := range map[string]func(*Probe){
		"probe.point: there is no point \"amps\"":                       func(p *Probe) { p.Point = "amps" },
		"probe.range: want the lowest and the highest value":            func(p *Probe) { p.Range = []float64{300, 80} },
		"probe.range: 0 is in the range":                                func(p *Probe) { p.Range = []float64{0, 300} },
		"probe.also.hertz: want the lowest and the highest value":       func(p *Probe) { p.Also["hertz"] = nil },
		"probe: nothing says how the device is recognised":              func(p *Probe) { *p = Probe{} },
		"probe.also: there is no first point beside which others count": func(p *Probe) { p.Point, p.DeviceID.Vendor = "", "x" },
	} {
		p := probed("meter", 10)
		change(p.Probe)
		var got []string
		p.validateProbe(func(path, problem, _ string) { got = append(got, path+": "+problem) })
		if !slices.ContainsFunc(got, func(s string) bool { return len(s) >= len(want) && s[:len(want)] == want }) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
