package drivers

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
)

// TestSamples reads the profile's samples as the drivers would and returns an
// error that names every point that does not come out as it should.
//
// A point with a gate or a scale_from has a value only if that is in the same
// sample.
func (p *Profile) TestSamples() error {
	var errs []error
	for i := range p.Samples {
		for _, err := range p.TestSample(i) {
			errs = append(errs, fmt.Errorf("samples[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// TestSample is TestSamples for one of them, with an error for each point.
func (p *Profile) TestSample(i int) []error {
	full := *p
	full.Points, _ = p.expanded()
	full.Derive = p.derived()
	refs := make([]gateway.PointRef, len(full.Points))
	for i := range refs {
		refs[i] = gateway.PointRef(i)
	}
	decode := full.mqttDecoder
	if p.Protocol != MQTT {
		decode = full.modbusDecoder
	}
	read, err := decode(refs)
	if err != nil {
		return []error{err}
	}
	v := p.Samples[i]
	got, err := read(v)
	if err != nil {
		return []error{err}
	}
	all := full.deriveSamples(got)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(v.Want)) {
		if err := compare(all[name], v.Want[name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errs
}

// compare returns an error unless s is want, to the precision of a float32.
func compare(s gateway.Sample, want float64) error {
	switch {
	case !s.Quality.HasValue() && math.IsNaN(want):
		return nil
	case !s.Quality.HasValue():
		return fmt.Errorf("bad (%s), want %v", s.Quality.Reason(), want)
	case math.IsNaN(want):
		return fmt.Errorf("%v, want a bad value", s.Value)
	case math.Abs(s.Value-want) > 1e-6*max(1, math.Abs(want)):
		return fmt.Errorf("%v, want %v", s.Value, want)
	}
	return nil
}

// decoding turns a vector into the samples of the points, by their index. A
// point that is not in the vector is not in the result.
type decoding func(Vector) (map[int]gateway.Sample, error)

func (p *Profile) modbusDecoder(refs []gateway.PointRef) (decoding, error) {
	fields, err := p.modbusFields(Device{}, refs)
	if err != nil {
		return nil, err
	}
	return func(v Vector) (map[int]gateway.Sample, error) {
		var blocks []block
		for _, b := range append([]Block{v.Block}, v.Also...) {
			read, err := p.block(b)
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, read)
		}
		got := make(map[int]gateway.Sample, len(fields))
		read := func(i int) gateway.Sample {
			s := gateway.Sample{Point: fields[i].Point}
			for _, b := range blocks {
				if b.holds(&fields[i]) {
					s.Value, s.Quality = fields[i].Decode(b.data, b.start)
				}
			}
			return s
		}
		scaled := func(i int) gateway.Sample {
			s := read(i)
			if x := fields[i].Factor; x != nil && s.Quality.HasValue() {
				by := read(x.Field)
				s.Value, s.Quality = fields[i].Apply(s.Value, by.Value, by.Quality)
			}
			return s
		}
		for i := range p.Points {
			got[i] = scaled(i)
			g := fields[i].Gate
			if g == nil || !got[i].Quality.HasValue() {
				continue
			}
			if by := scaled(g.Field); !g.Open(by.Value, by.Quality) {
				got[i] = gateway.Sample{Point: refs[i], Quality: gateway.BadNotAvailable}
			}
		}
		if disproved(fields[len(p.Points):], blocks) {
			for i, s := range got {
				if s.Quality.HasValue() {
					got[i] = gateway.Sample{Point: refs[i], Quality: gateway.BadImplausible}
				}
			}
		}
		return got, nil
	}, nil
}

// block is a Block as it lies on the wire.
type block struct {
	table modbus.Table
	start uint16
	data  []byte
}

// block reads b.
func (p *Profile) block(b Block) (block, error) {
	data, err := hex.DecodeString(strings.Join(strings.Fields(b.Hex), ""))
	if err != nil {
		return block{}, fmt.Errorf("hex: %w", err)
	}
	start, err := p.WireAddress(b.At)
	if err != nil {
		return block{}, err
	}
	table, ok := modbus.ParseTable(p.tableOf(b.Table, b.At))
	if !ok {
		return block{}, fmt.Errorf("unknown table %q", b.Table)
	}
	return block{table, start, data}, nil
}

// holds reports whether the registers of f are in the block.
func (b *block) holds(f *modbus.Field) bool {
	first := int(f.Address) - int(b.start)
	end := 2 * (first + f.Type.Registers())
	if f.Table.Single() {
		end = first/8 + 1
	}
	return f.Table == b.table && first >= 0 && end <= len(b.data)
}

// disproved reports whether one of the sentinels is in the blocks and does not
// hold what it always does.
func disproved(sentinels []modbus.Field, blocks []block) bool {
	for i := range sentinels {
		f := &sentinels[i]
		for _, b := range blocks {
			if !b.holds(f) {
				continue
			}
			if v, q := f.Decode(b.data, b.start); q != gateway.Good || v != *f.Sentinel {
				return true
			}
		}
	}
	return false
}

func (p *Profile) mqttDecoder(refs []gateway.PointRef) (decoding, error) {
	decoder, err := mqtt.NewDecoder(p.mqttPoints(refs))
	if err != nil {
		return nil, err
	}
	return func(v Vector) (map[int]gateway.Sample, error) {
		samples, ok := decoder.Decode(nil, []byte(v.JSON), 0)
		if !ok {
			return nil, errors.New("the payload is not JSON")
		}
		got := make(map[int]gateway.Sample, len(samples))
		for _, s := range samples {
			got[int(s.Point)] = s
		}
		return got, nil
	}, nil
}
