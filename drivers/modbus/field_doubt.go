package modbus

import (
	"encoding/binary"

	"github.com/intact-gateway/intact/gateway"
)

// An answer in which every register holds the same is believed to be none if it
// has at least so many registers and values in so many units: no device has a
// voltage, a current and an energy whose raw numbers are all alike, while states
// of a kind, such as those of detectors, often are.
const (
	equalRegisters = 8
	equalUnits     = 3
)

// doubt takes the values from the fields of b if its answer, which is right by
// its form, cannot be true: some devices and converters answer with one word in
// all registers, or with the registers of something else.
func (u *unit) doubt(b *block, data []byte) {
	why := ""
	switch {
	case u.allEqual(&b.Request, data):
		why = "all registers hold the same"
	case u.demands.sentinels && !u.sentinelsHold(&b.Request):
		why = "a constant register holds something else"
	}
	if why != "" && !b.doubted {
		u.log.Warn("answer cannot be true", "unit", u.id, "table", b.Table, "address", b.Start, "count", b.Count, "reason", why)
	}
	if b.doubted = why != ""; !b.doubted {
		return
	}
	for _, i := range b.Fields {
		if v := &u.values[i]; v.Quality.HasValue() {
			v.Value, v.Quality = 0, gateway.BadImplausible
		}
	}
}

// allEqual reports whether the registers of an answer to r hold the same word,
// other than 0, where they should not.
func (u *unit) allEqual(r *Request, data []byte) bool {
	least := equalRegisters
	if u.equal != 0 {
		least = u.equal
	}
	if r.Table.Single() || least < 0 || len(data) < 2*least {
		return false
	}
	first := binary.BigEndian.Uint16(data)
	if first == 0 {
		return false
	}
	for at := 2; at+1 < len(data); at += 2 {
		if binary.BigEndian.Uint16(data[at:]) != first {
			return false
		}
	}
	return u.equal != 0 || u.unitsOf(r) >= equalUnits
}

// unitsOf returns in how many units the fields of r are measured.
func (u *unit) unitsOf(r *Request) int {
	seen := make(map[string]bool)
	for _, i := range r.Fields {
		if unit := u.fields[i].Unit; unit != "" {
			seen[unit] = true
		}
	}
	return len(seen)
}

// sentinelsHold reports whether the registers of r that never change hold what
// they always do.
func (u *unit) sentinelsHold(r *Request) bool {
	for _, i := range r.Fields {
		if want := u.fields[i].Sentinel; want != nil {
			if v := &u.values[i]; v.Quality != gateway.Good || v.Value != *want {
				return false
			}
		}
	}
	return true
}
