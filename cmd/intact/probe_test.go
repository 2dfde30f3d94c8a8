package main_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// float returns the two registers of a number, high word first.
func float(v float32) []uint16 {
	bits := math.Float32bits(v)
	return []uint16{uint16(bits >> 16), uint16(bits)}
}

// meter puts what an Eastron SDM630 holds into the input registers of a unit,
// shift registers off, with the words swapped if so.
func (p *pymodbus) meter(unit, table, shift int, swapped bool) {
	for at, v := range map[int]float32{0: 231.5, 2: 230.25, 4: 229.75, 0x46: 50.02} {
		words := float(v)
		if swapped {
			words[0], words[1] = words[1], words[0]
		}
		p.set(unit, table, at+shift, words...)
	}
}

// TestProbe holds the true command against a foreign server.
func TestProbe(t *testing.T) {
	probe := func(p *pymodbus, args ...string) (string, int) {
		stdout, stderr, code := call(t, append([]string{"probe", "--timeout", "300ms", fmt.Sprint("127.0.0.1:", p.port)}, args...)...)
		return stdout + stderr, code
	}
	holds := func(t *testing.T, out string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("no %q in\n%s", w, out)
			}
		}
	}
	t.Run("a meter over TCP", func(t *testing.T) {
		p := startPymodbus(t)
		p.meter(1, 4, 0, false)
		out, code := probe(p)
		holds(t, out, "tcp 127.0.0.1:", "answers", "eastron-sdm630", "4 of 4: v_l1 231.5 V", "{id: electric-meter-1, profile: eastron-sdm630, bus: line-1, unit: 1}")
		if code != 0 || !strings.Contains(out, "likely    eastron-sdm630") {
			t.Errorf("exit %d\n%s", code, out)
		}
	})
	t.Run("registers off by one, words swapped, in the other table", func(t *testing.T) {
		p := startPymodbus(t)
		p.meter(1, 3, 1, true)
		out, code := probe(p, "--profile", "eastron-sdm630")
		holds(t, out, "registers 1 higher, holding registers, order CDAB", "The device differs from the profile")
		if code != 0 {
			t.Errorf("exit %d", code)
		}
	})
	t.Run("RTU frames over TCP, by another unit", func(t *testing.T) {
		p := startPymodbus(t, "rtu")
		p.meter(3, 4, 0, false)
		out, code := probe(p, "--unit", "3")
		holds(t, out, "rtu_over_tcp 127.0.0.1:", "eastron-sdm630", `{line-1: {rtu_over_tcp: "127.0.0.1:`, "unit: 3}")
		if code != 0 {
			t.Errorf("exit %d", code)
		}
	})
	t.Run("a device that says what it is", func(t *testing.T) {
		for _, framing := range [][]string{nil, {"rtu"}} {
			out, code := probe(startPymodbus(t, append(framing, "Eastron", "SDM630-Modbus V2")...), "--json")
			var found struct {
				Units []struct {
					Identity struct{ Vendor, Product string }
				}
			}
			out, _, _ = strings.Cut(out, "\n")
			if err := json.Unmarshal([]byte(out), &found); err != nil || len(found.Units) != 1 || found.Units[0].Identity.Vendor != "Eastron" || found.Units[0].Identity.Product != "SDM630-Modbus V2" {
				t.Errorf("%v, exit %d: %v\n%s", framing, code, err, out)
			}
		}
	})
	t.Run("a device that holds nothing but zeros", func(t *testing.T) {
		out, code := probe(startPymodbus(t))
		holds(t, out, "unit 1: does not say what it is", "No profile fits")
		if code != 1 {
			t.Errorf("exit %d", code)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		out, code := probe(&pymodbus{port: freePort(t)})
		holds(t, out, "no device answers", "Nothing listens there")
		if code != 1 {
			t.Errorf("exit %d", code)
		}
	})
}
