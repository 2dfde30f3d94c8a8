package modbus

import (
	"math"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Field is one value within the tables of a device: where it lies, how often it
// is read, and how its bytes become the value of a point.
type Field struct {
	Name    string           // for the log
	Point   gateway.PointRef // NoPoint for a value that only serves as a gate
	Kind    gateway.Kind
	Period  time.Duration
	Table   Table
	Address uint16 // as on the wire, from 0
	Type    Type
	Order   Order

	// Shift and Bits cut a field of Bits bits, the lowest of which is bit Shift,
	// out of an unsigned value. Bits 0 stands for the whole value.
	Shift, Bits int

	Scale float64 // value = raw*Scale + Offset; 0 stands for 1
	// Divisor, if it is not 0, is used instead of Scale: 1/10 has no exact
	// binary form, so 3*0.1 is a little more than 0.3 while 3/10 is the same.
	Divisor float64
	Offset  float64
	Invert  bool      // of a discrete point: 1 reads as 0
	NA      []int64   // raw values of the type, before bits are cut out, that mean "not available"
	Range   []float64 // lowest and highest possible value, after scaling; nil for any
	Gate    *Gate
	Factor  *Factor

	Unit    string   // of the value; tells measurements of different kinds apart
	Counter *Counter // of a total, nil to take every reading as it is
	MaxStep float64  // the most the value changes from one reading to the next; 0 for anything
	// Stuck is for how long the value may be exactly the same before its sensor is
	// taken for broken; 0 for ever.
	Stuck    time.Duration
	Sentinel *float64 // the value of a register that never changes: another one disproves the whole answer
}

// Gate names the field that vouches for another one. If it is bad or outside
// Min and Max, the gated field has no value.
type Gate struct {
	Field    int // index in the device's fields
	Min, Max float64
	Mask     uint64 // if it is not 0, one of these bits must be set instead
}

// Open reports whether a gate of this value and quality lets others pass.
func (g *Gate) Open(v float64, q gateway.Quality) bool {
	if g.Mask != 0 {
		return q.HasValue() && uint64(v)&g.Mask != 0
	}
	return q.HasValue() && v >= g.Min && v <= g.Max
}

// Factor names the field whose value another one is to be multiplied by, before
// the offset is added: meters with exchangeable transformers tell their scale.
type Factor struct {
	Field int  // index in the device's fields
	Power bool // the value is n of 10^n
}

// maxPower is the highest power of ten that a device may scale by. What lies
// beyond is no scale but a register that was never set.
const maxPower = 10

// Apply returns the value of f, which Decode gave as v, with the factor by of
// the quality q. Without a factor there is no value: a raw number alone may be
// wrong by powers of ten.
func (f *Field) Apply(v, by float64, q gateway.Quality) (float64, gateway.Quality) {
	switch {
	case !q.HasValue():
		return 0, gateway.BadNotAvailable
	case !f.Factor.Power && by == 0:
		return 0, gateway.BadOutOfRange
	case !f.Factor.Power:
		v *= by
	case by != math.Trunc(by) || math.Abs(by) > maxPower:
		return 0, gateway.BadOutOfRange
	case by < 0:
		v /= math.Pow10(int(-by)) // which is exact, while its reciprocal is not
	default:
		v *= math.Pow10(int(by))
	}
	return bounded(float64(v)+f.Offset, f.Range)
}

// end returns the address after the field's last register.
func (f *Field) end() int { return int(f.Address) + f.Type.Registers() }

// Decode returns the value of the field in data, the payload of a reply to a
// request that began at the address start: registers high byte first, or coils
// from the lowest bit of the first byte on.
//
// It never guesses: what is not there, is infinite or is no value of the type is
// BadDecode, a NaN and the device's own codes are BadNotAvailable, what the profile calls impossible
// is BadOutOfRange. A value comes with Good only. Gates are not looked at, and a value with a
// Factor waits for Apply.
func (f *Field) Decode(data []byte, start uint16) (float64, gateway.Quality) {
	at := int(f.Address) - int(start)
	if at < 0 {
		return 0, gateway.BadDecode
	}
	if f.Table.Single() {
		if at/8 >= len(data) {
			return 0, gateway.BadDecode
		}
		return f.mean(float64(data[at/8] >> (at % 8) & 1))
	}
	size := 2 * f.Type.Registers()
	at *= 2
	if f.Type == Bit || at+size > len(data) {
		return 0, gateway.BadDecode
	}
	raw := f.Order.uint(data[at : at+size])
	if f.Type > F64 {
		raw = f.Type.cut(raw)
	}
	if (len(f.NA) > 0 || f.Type == Epoch32) && f.notAvailable(raw) {
		return 0, gateway.BadNotAvailable
	}
	if f.Bits > 0 {
		raw = raw >> f.Shift & (1<<f.Bits - 1)
	}
	switch f.Type { // the types that most registers are of, without a call
	case U16, U32, U64:
		return f.mean(float64(raw))
	case F32:
		return f.mean(float64(math.Float32frombits(uint32(raw))))
	}
	v, ok := f.Type.number(raw)
	if !ok {
		return 0, gateway.BadDecode
	}
	return f.mean(v)
}

// notAvailable reports whether raw is one of the device's codes for "no value".
// A negative code is a signed number; all others are the bits as they lie.
func (f *Field) notAvailable(raw uint64) bool {
	if f.Type == Epoch32 && (raw == 0 || raw == math.MaxUint32) {
		return true
	}
	width := f.Type.Width()
	for _, na := range f.NA {
		if na < 0 {
			if na >= -1<<(width-1) && raw == uint64(na)<<(64-width)>>(64-width) {
				return true
			}
		} else if raw == uint64(na) {
			return true
		}
	}
	return false
}

// mean turns the raw number into the value of the point.
func (f *Field) mean(v float64) (float64, gateway.Quality) {
	if f.Kind == gateway.Discrete {
		if v != 0 && v != 1 {
			return 0, gateway.BadOutOfRange
		}
		if f.Invert {
			v = 1 - v
		}
		return v, gateway.Good
	}
	switch {
	case f.Divisor != 0:
		v /= f.Divisor
	case f.Scale != 0:
		// The conversion keeps the product from being fused with the sum, which
		// would give other last digits on another processor.
		v = float64(v * f.Scale)
	}
	if f.Factor != nil {
		return bounded(v, nil)
	}
	return bounded(v+f.Offset, f.Range)
}

// bounded returns v, unless it is no number or not one that the point can have.
func bounded(v float64, within []float64) (float64, gateway.Quality) {
	if v-v != 0 { // NaN or infinite
		if math.IsNaN(v) {
			return 0, gateway.BadNotAvailable
		}
		return 0, gateway.BadDecode
	}
	if len(within) == 2 && (v < within[0] || v > within[1]) {
		return 0, gateway.BadOutOfRange
	}
	return v, gateway.Good
}
