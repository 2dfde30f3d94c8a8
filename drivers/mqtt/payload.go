package mqtt

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/gateway"
)

// Point is one value within the messages of a device: where it stands in the
// JSON payload and what its number means.
type Point struct {
	Ref gateway.PointRef
	// Path leads to the value: keys joined by dots, array elements by number,
	// such as "data.temp", "values.2.v" or "values[2].v". "." is the whole
	// payload, for topics that carry a bare value.
	Path string
	Kind gateway.Kind

	Scale  float64 // value = raw*Scale + Offset; 0 stands for 1
	Offset float64
	Invert bool      // of a discrete point: 1 reads as 0
	NA     []int64   // raw numbers that mean "not available"
	Range  []float64 // lowest and highest possible value, after scaling; nil for any
	// Names are the numbers of the states that a device may send by name, such
	// as "inspection". Upper and lower case are the same.
	Names map[string]float64
	// MaxAge is how old a value may be, by the time its message says, to count at
	// all; 0 for any age.
	MaxAge time.Duration
	// Stuck is for how long the value may be exactly the same, in message after
	// message, before its sensor is taken for broken; 0 for ever.
	Stuck time.Duration
	// Gate makes the point count only while another point of the same message
	// lies within bounds.
	Gate *Gate
}

// Gate names the point that vouches for another one. If it is missing from the
// message, bad or outside Min and Max, the gated point has no value.
type Gate struct {
	Point    int // index in the device's points
	Min, Max float64
}

// Decoder turns the payloads of one device into samples. It holds no state, so
// the same payload always gives the same samples.
type Decoder struct {
	points []Point
	paths  []string // as gjson reads them; "" for the whole payload
}

// NewDecoder prepares the points of one device. It returns an error that names
// every point whose path cannot be read.
func NewDecoder(points []Point) (*Decoder, error) {
	d := &Decoder{points: slices.Clone(points), paths: make([]string, len(points))}
	var errs []error
	for i := range d.points {
		p := &d.points[i]
		path, err := compilePath(p.Path)
		if err != nil {
			errs = append(errs, err)
		}
		d.paths[i] = path
		if p.Scale == 0 {
			p.Scale = 1
		}
		if p.Gate != nil && (p.Gate.Point < 0 || p.Gate.Point >= len(points)) {
			errs = append(errs, fmt.Errorf("path %q: its gate is point %d of %d", p.Path, p.Gate.Point, len(points)))
		}
		names := make(map[string]float64, len(p.Names))
		for name, value := range p.Names {
			names[strings.ToLower(name)] = value
		}
		p.Names = names
	}
	return d, errors.Join(errs...)
}

// compilePath turns a dotted path into gjson's syntax, in which every other
// character that means something to gjson is escaped.
func compilePath(path string) (string, error) {
	if path == "." {
		return "", nil
	}
	dotted := strings.ReplaceAll(strings.ReplaceAll(path, "[", "."), "]", "")
	parts := strings.Split(dotted, ".")
	for i, part := range parts {
		if part == "" {
			return "", fmt.Errorf("path %q: want keys joined by dots, such as data.temp or values.2.v", path)
		}
		parts[i] = gjson.Escape(part)
	}
	return strings.Join(parts, "."), nil
}

// Decode appends the samples of one payload to dst, all stamped at.
//
// A path the payload lacks gives no sample, since devices may send what changed
// and nothing else. A value that is there but cannot be read as the point's
// kind is BadPayload, null and the NA numbers are BadNotAvailable, and what lies
// outside the range is BadOutOfRange. A payload that is not JSON makes every
// point BadPayload; ok tells whether it was JSON.
func (d *Decoder) Decode(dst []gateway.Sample, payload []byte, at gateway.Instant) (samples []gateway.Sample, ok bool) {
	if tooDeep(payload) || !gjson.ValidBytes(payload) {
		for i := range d.points {
			dst = append(dst, gateway.Sample{Point: d.points[i].Ref, Quality: gateway.BadPayload, At: at})
		}
		return dst, false
	}
	text := string(payload)
	for i := range d.points {
		value, quality, found := d.read(i, text)
		if !found {
			continue
		}
		if g := d.points[i].Gate; g != nil && quality.HasValue() && !d.open(g, text) {
			value, quality = 0, gateway.BadNotAvailable
		}
		dst = append(dst, gateway.Sample{Point: d.points[i].Ref, Quality: quality, Value: value, At: at})
	}
	return dst, true
}

// open reports whether the gate lets the values behind it pass.
func (d *Decoder) open(g *Gate, text string) bool {
	value, quality, found := d.read(g.Point, text)
	return found && quality.HasValue() && value >= g.Min && value <= g.Max
}

// read returns point i of the valid JSON text.
func (d *Decoder) read(i int, text string) (value float64, q gateway.Quality, found bool) {
	var r gjson.Result
	if path := d.paths[i]; path == "" {
		r = gjson.Parse(text)
	} else {
		r = gjson.Get(text, path)
	}
	if !r.Exists() {
		return 0, gateway.BadPayload, false
	}
	value, q = d.points[i].value(r)
	return value, q, true
}

// value reads r as the point's kind.
func (p *Point) value(r gjson.Result) (float64, gateway.Quality) {
	switch r.Type {
	case gjson.True:
		return p.flag(true)
	case gjson.False:
		return p.flag(false)
	case gjson.Number:
		return p.number(r.Num)
	case gjson.String:
		text := strings.TrimSpace(r.Str)
		if v, ok := p.Names[strings.ToLower(text)]; ok {
			return p.inRange(v)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(v) {
			return 0, gateway.BadPayload
		}
		return p.number(v)
	case gjson.Null:
		return 0, gateway.BadNotAvailable
	default: // an object or array
		return 0, gateway.BadPayload
	}
}

// flag returns the value of a contact. Scale and offset are for numbers.
func (p *Point) flag(on bool) (float64, gateway.Quality) {
	if on != (p.Invert && p.Kind == gateway.Discrete) {
		return p.inRange(1)
	}
	return p.inRange(0)
}

// number turns what the device sent as a number into the value of the point.
func (p *Point) number(raw float64) (float64, gateway.Quality) {
	for _, na := range p.NA {
		if raw == float64(na) {
			return 0, gateway.BadNotAvailable
		}
	}
	switch p.Kind {
	case gateway.Discrete:
		if raw != 0 && raw != 1 {
			return 0, gateway.BadOutOfRange
		}
		return p.flag(raw == 1)
	case gateway.Enum, gateway.Bitset:
		// A code between two codes is neither of them.
		if raw != math.Trunc(raw) {
			return 0, gateway.BadPayload
		}
	}
	return p.inRange(raw*p.Scale + p.Offset)
}

// inRange returns v, unless it is no number the point can have.
func (p *Point) inRange(v float64) (float64, gateway.Quality) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, gateway.BadOutOfRange
	}
	if len(p.Range) == 2 && (v < p.Range[0] || v > p.Range[1]) {
		return 0, gateway.BadOutOfRange
	}
	return v, gateway.Good
}

const (
	// maxDepth is how deep arrays and objects may be nested.
	maxDepth = 64
	// Payloads up to this length are not worth looking at: even if they were
	// brackets alone, the recursive parser would not go deep.
	harmlessLength = 1024
)

// tooDeep reports whether a payload is nested so deep that parsing it would
// cost more stack than any honest device is worth.
func tooDeep(payload []byte) bool {
	if len(payload) <= harmlessLength {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(payload); i++ {
		switch c := payload[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
