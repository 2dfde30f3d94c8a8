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
	refs := make([]gateway.PointRef, len(p.Points))
	for i := range refs {
		refs[i] = gateway.PointRef(i)
	}
	decode := p.mqttDecoder
	if p.Protocol != MQTT {
		decode = p.modbusDecoder
	}
	read, err := decode(refs)
	if err != nil {
		return err
	}
	var errs []error
	for i, v := range p.Samples {
		got, err := read(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("samples[%d]: %w", i, err))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(v.Want)) {
			if err := compare(got[p.pointIndex(name)], v.Want[name]); err != nil {
				errs = append(errs, fmt.Errorf("samples[%d]: %s: %w", i, name, err))
			}
		}
	}
	return errors.Join(errs...)
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
		data, err := hex.DecodeString(strings.Join(strings.Fields(v.Hex), ""))
		if err != nil {
			return nil, fmt.Errorf("hex: %w", err)
		}
		start, err := p.WireAddress(v.At)
		if err != nil {
			return nil, err
		}
		table, ok := modbus.ParseTable(p.tableOf(v.Table, v.At))
		if !ok {
			return nil, fmt.Errorf("unknown table %q", v.Table)
		}
		got := make(map[int]gateway.Sample, len(fields))
		read := func(i int) gateway.Sample {
			s := gateway.Sample{Point: fields[i].Point}
			if fields[i].Table == table {
				s.Value, s.Quality = fields[i].Decode(data, start)
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
		if disproved(fields[len(p.Points):], table, data, start) {
			for i, s := range got {
				if s.Quality.HasValue() {
					got[i] = gateway.Sample{Point: refs[i], Quality: gateway.BadImplausible}
				}
			}
		}
		return got, nil
	}, nil
}

// disproved reports whether one of the sentinels is among the data and does not
// hold what it always does.
func disproved(sentinels []modbus.Field, table modbus.Table, data []byte, start uint16) bool {
	return slices.ContainsFunc(sentinels, func(f modbus.Field) bool {
		at := int(f.Address) - int(start)
		if f.Table != table || at < 0 || 2*(at+f.Type.Registers()) > len(data) {
			return false
		}
		v, q := f.Decode(data, start)
		return q != gateway.Good || v != *f.Sentinel
	})
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
