package modbus

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/intact-gateway/intact/gateway"
)

// cell is where one field lies in the answers to one request, with all worked
// out that is the same for each of them. Numbers of the plain forms are read
// without asking again what the field is; anything else, and whatever is no good
// value, is left to Field.Decode, which alone says why.
type cell struct {
	form plainForm
	at   int16 // first byte of the data
	// The bytes of a plain form are in the order ABCD once they have been turned
	// by so many bits and then, if they are reversed, the last has become the first.
	turn     uint8
	reversed bool

	// The value is raw*scale + offset, or raw/divisor + offset if there is a
	// divisor, and good between least and most.
	scale, divisor, offset float64
	least, most            float64
}

// plainForm is a form of number that needs no more than a conversion.
type plainForm uint8

const (
	notPlain plainForm = iota
	plainU16
	plainI16
	plainU32
	plainI32
	plainF32
)

// plainFormOf returns the form in which f can be read, if any.
func plainFormOf(f *Field) plainForm {
	if f.Table.Single() || f.Kind == gateway.Discrete || f.Bits > 0 || len(f.NA) > 0 || f.Factor != nil {
		return notPlain
	}
	switch f.Type {
	case U16:
		return plainU16
	case I16:
		return plainI16
	case U32:
		return plainU32
	case I32:
		return plainI32
	case F32:
		return plainF32
	default:
		return notPlain
	}
}

// cellsOf returns where the fields of r lie.
func cellsOf(fields []Field, r *Request) []cell {
	cells := make([]cell, len(r.Fields))
	for i, n := range r.Fields {
		cells[i] = cellOf(&fields[n], r.Start)
	}
	return cells
}

// cellOf returns where f lies in the answers to requests from start on.
func cellOf(f *Field, start uint16) cell {
	c := cell{form: plainFormOf(f), scale: 1, divisor: f.Divisor, offset: f.Offset, least: -math.MaxFloat64, most: math.MaxFloat64}
	if c.form == notPlain {
		return c
	}
	c.at = int16(2 * (f.Address - start))
	swapped := f.Order == DCBA || f.Order == BADC
	switch {
	case f.Type.Registers() == 2:
		c.reversed = swapped
		if f.Order == CDAB || f.Order == BADC {
			c.turn = 16
		}
	case swapped:
		c.turn = 8
	}
	if f.Scale != 0 {
		c.scale = f.Scale
	}
	if len(f.Range) == 2 {
		c.least, c.most = max(c.least, f.Range[0]), min(c.most, f.Range[1])
	}
	return c
}

// decode puts what data, the answer to b, says into the values of its fields,
// which lie together.
func (b *block) decode(fields []Field, values []gateway.Sample, data []byte, at gateway.Instant) {
	first := b.Fields[0]
	values = values[first:][:len(b.cells)]
	for i := range b.cells {
		c, s := &b.cells[i], &values[i]
		s.At = at
		if c.form != notPlain {
			v := c.number(data)
			if c.divisor != 0 {
				v /= c.divisor
			} else {
				v = float64(v * c.scale) // never fused with the sum, as in Field.Decode
			}
			v += c.offset
			if v >= c.least && v <= c.most { // neither of which a NaN is
				s.Value, s.Quality = v, gateway.Good
				continue
			}
		}
		s.Value, s.Quality = fields[first+i].Decode(data, b.Start)
	}
}

// number returns the number of a plain form that is in data.
func (c *cell) number(data []byte) float64 {
	if c.form >= plainU32 {
		raw := bits.RotateLeft32(binary.BigEndian.Uint32(data[c.at:]), int(c.turn))
		if c.reversed {
			raw = bits.ReverseBytes32(raw)
		}
		switch c.form {
		case plainF32:
			return float64(math.Float32frombits(raw))
		case plainI32:
			return float64(int32(raw))
		default:
			return float64(raw)
		}
	}
	raw := bits.RotateLeft16(binary.BigEndian.Uint16(data[c.at:]), int(c.turn))
	if c.form == plainI16 {
		return float64(int16(raw))
	}
	return float64(raw)
}
