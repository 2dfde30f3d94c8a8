package modbus

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/intact-gateway/intact/drivers"
)

// Table is one of the four tables of a Modbus unit, as profiles name them.
type Table string

// The tables.
const (
	Coil     Table = "coil"
	Discrete Table = "discrete"
	Holding  Table = "holding"
	Input    Table = "input"
)

// Function codes.
const (
	readCoils    = 1
	readDiscrete = 2
	readHolding  = 3
	readInput    = 4
)

// The most that one request may ask for, by the Modbus application protocol.
const (
	mostBits      = 2000
	mostRegisters = 125
)

// Values tells what a device measures for a role, and whether it has the role.
// The devices of package plant do; values come in the unit of plant.UnitOf.
type Values interface {
	Value(role string) (float64, bool)
}

// Unit is one Modbus unit: the registers it has and what they hold. A request
// never sees half an update.
type Unit struct {
	mu     sync.Mutex
	most   int
	tables map[Table]map[uint16]uint16 // of coils and discrete inputs 0 or 1
	fields []field
	raw    []uint64 // what the device measures, by field
	fault  Fault
	owed   []byte // of Merged: the answer that is to come with the next one
	busy   bool   // on a serial line: thinking, and deaf
}

// newUnit returns a unit without registers.
func newUnit() *Unit {
	u := &Unit{most: mostRegisters, tables: make(map[Table]map[uint16]uint16)}
	for _, t := range []Table{Coil, Discrete, Holding, Input} {
		u.tables[t] = make(map[uint16]uint16)
	}
	return u
}

// lay gives the unit the registers of the profile.
func (u *Unit) lay(profile *drivers.Profile) error {
	p := *profile
	p.Points = slices.Clone(p.Points)
	p.Samples = slices.Clone(p.Samples)
	p.Normalize()
	fields, err := fieldsOf(&p)
	if err != nil {
		return fmt.Errorf("profile %s: %w", p.Name, err)
	}
	u.fields, u.most = fields, min(p.Limits.MaxRegs, mostRegisters)
	for _, f := range fields {
		u.raw = append(u.raw, f.missing())
	}
	u.refresh()
	// Makers leave room between values. What the profile allows to be read in
	// passing reads as 0; farther off there is nothing.
	for _, t := range u.tables {
		fillGaps(t, *p.Limits.MaxGap)
	}
	return nil
}

// fillGaps adds zeros between addresses that are at most widest apart.
func fillGaps(t map[uint16]uint16, widest int) {
	addresses := slices.Sorted(maps.Keys(t))
	for i := 1; i < len(addresses); i++ {
		from, to := addresses[i-1], addresses[i]
		if int(to-from)-1 > widest {
			continue
		}
		for a := from + 1; a < to; a++ {
			t[a] = 0
		}
	}
}

// Update fills the registers of the profile with what the device measures now.
// What the device does not have, or NaN, becomes the profile's "not available".
func (u *Unit) Update(v Values) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.fields {
		u.raw[i] = u.fields[i].encode(v)
	}
	u.refresh()
}

// refresh writes what the device measures into the registers, as the fault has
// it. The lock is held.
func (u *Unit) refresh() {
	for i, f := range u.fields {
		raw := u.raw[i]
		if u.fault.Kind == NaN && f.size > 1 {
			raw = f.nonsense()
		}
		u.store(f, raw)
	}
}

// store writes a raw value into the registers of a field, and leaves the other
// bits of these registers as they are.
func (u *Unit) store(f field, raw uint64) {
	table := u.tables[f.table]
	words, mask := f.words(raw<<f.shift), f.words(f.mask())
	if u.fault.Kind == Swapped && f.width == f.size {
		slices.Reverse(words)
	}
	for i, word := range words {
		at := f.address + uint16(i)
		table[at] = table[at]&^mask[i] | word&mask[i]
	}
}

// SetRegister puts a raw value at an address on the wire, whether the unit had
// it before or not. Of coils and discrete inputs anything but 0 is 1.
func (u *Unit) SetRegister(table Table, address, value uint16) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t, ok := u.tables[table]; ok {
		t[address] = value
	}
}

// SetFault spoils the answers of the unit from now on; the zero Fault heals
// them.
func (u *Unit) SetFault(f Fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault, u.owed = f, nil
	u.refresh()
}

// read returns the PDU that answers r, and the fault it must suffer. A unit that
// is busy does not hear.
func (u *Unit) read(r request) (pdu []byte, f Fault, hears bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy {
		return nil, Fault{}, false
	}
	pdu, code := u.lookup(r)
	if code != 0 {
		pdu = exception(r.function, code)
	}
	return pdu, u.fault, true
}

// think begins or ends the time in which the unit does not hear.
func (u *Unit) think(busy bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.busy = busy
}

// keep returns frame behind the one that was kept before. If there is none, it
// keeps frame and returns nil.
func (u *Unit) keep(frame []byte) []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.owed == nil {
		u.owed = frame
		return nil
	}
	both := append(u.owed, frame...)
	u.owed = nil
	return both
}

// lookup returns the good answer to r, or the exception code for it.
func (u *Unit) lookup(r request) ([]byte, byte) {
	var table Table
	switch r.function {
	case readCoils:
		table = Coil
	case readDiscrete:
		table = Discrete
	case readHolding:
		table = Holding
	case readInput:
		table = Input
	default:
		return nil, illegalFunction
	}
	if len(r.body) != 4 {
		return nil, illegalValue
	}
	first, count := binary.BigEndian.Uint16(r.body), int(binary.BigEndian.Uint16(r.body[2:]))
	bits := r.function <= readDiscrete
	if count == 0 || bits && count > mostBits || !bits && count > u.most {
		return nil, illegalValue
	}
	values := make([]uint16, count)
	for i := range values {
		at := int(first) + i
		v, ok := u.tables[table][uint16(at)]
		if !ok || at > 0xFFFF {
			return nil, illegalAddress
		}
		values[i] = v
	}
	if bits {
		return bitAnswer(r.function, values), 0
	}
	return registerAnswer(r.function, values), 0
}

// bitAnswer packs bits eight to a byte, the first one lowest.
func bitAnswer(function byte, values []uint16) []byte {
	n := (len(values) + 7) / 8
	pdu := make([]byte, 2+n)
	pdu[0], pdu[1] = function, byte(n)
	for i, v := range values {
		if v != 0 {
			pdu[2+i/8] |= 1 << (i % 8)
		}
	}
	return pdu
}

// registerAnswer sends registers one after the other, the high byte first.
func registerAnswer(function byte, values []uint16) []byte {
	pdu := []byte{function, byte(2 * len(values))}
	for _, v := range values {
		pdu = binary.BigEndian.AppendUint16(pdu, v)
	}
	return pdu
}
