package drivers

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Protocol says how a profile's device is spoken to.
type Protocol string

// The protocols.
const (
	Modbus Protocol = "modbus"
	MQTT   Protocol = "mqtt"
)

// Profile is everything that is true of a device model: what can be read from
// it, how, and what it means. It holds nothing about one installation.
//
// The same group of points at several places is written once, under Repeat;
// Normalize writes it out. A profile that extends another one has everything of
// that but its samples, and changes what it says itself: configs puts the two
// together before Validate and Normalize.
type Profile struct {
	Name     string        `yaml:"profile,required"`
	Extends  string        `yaml:"extends"`
	Without  []string      `yaml:"without"` // points of the extended profile that the device does not have
	Title    gateway.Text  `yaml:"name"`
	Protocol Protocol      `yaml:"protocol"` // default modbus
	Class    gateway.Class `yaml:"class"`
	Source   []string      `yaml:"source"` // where the facts come from
	Trust    string        `yaml:"trust"`  // paper, bench or site
	Safety   string        `yaml:"safety"` // "life" for fire and lift devices
	Defaults Defaults      `yaml:"defaults"`
	Limits   Limits        `yaml:"limits"`
	Periods  Periods       `yaml:"periods"`
	Quirks   Quirks        `yaml:"quirks"`
	Points   []Point       `yaml:"points,keyed"`
	Repeat   []Repeat      `yaml:"repeat,keyed"`
	Derive   []Derived     `yaml:"derive,keyed"` // computed from the others, and from the link
	Sentinel []Sentinel    `yaml:"sentinel"`
	Probe    *Probe        `yaml:"probe"` // how a device of the model is recognised

	// MQTT.
	ExpectEvery time.Duration `yaml:"expect_every"` // how often a message comes at the latest; a site may set it with expect:
	Time        *Stamp        `yaml:"time"`         // when a message says that it was made
	Birth       *Sign         `yaml:"birth"`        // by which a device says that it is there
	Death       *Sign         `yaml:"death"`        // by which it, or its will, says that it is gone
	Auto        Auto          `yaml:"auto"`         // what becomes of values that are no points

	Samples []Vector `yaml:"samples"`
}

// Defaults are taken by every point of the profile that does not say otherwise.
type Defaults struct {
	Table     string  `yaml:"table"`     // coil, discrete, holding (default, unless the numbering says) or input
	Numbering string  `yaml:"numbering"` // wire_0based (default), manual_1based, modicon5 or modicon6
	Type      string  `yaml:"type"`      // default u16
	Order     string  `yaml:"order"`     // ABCD (default), CDAB, BADC or DCBA
	Group     string  `yaml:"group"`     // fast, normal (default) or slow
	NA        []int64 `yaml:"na"`
}

// Limits are what the device or its maker demands of who asks it.
type Limits struct {
	MaxRegs int           `yaml:"max_regs"` // registers in one request; default and most 125
	MaxGap  *int          `yaml:"max_gap"`  // unwanted registers read to join two blocks; default 8
	Timeout time.Duration `yaml:"timeout"`  // the most for one answer; default 1s
	Pause   time.Duration `yaml:"pause"`    // silence between two requests
	// Pipeline is how many requests the device takes on one connection before it
	// has answered the first; default 1. Modbus TCP only, and not with a pause.
	Pipeline int `yaml:"pipeline"`
	// AllEqual is in how many registers or more one word, other than 0, makes an
	// answer bad; 0 for never. Default: 8, if they hold values in three units.
	AllEqual *int `yaml:"all_equal"`
}

// Sentinel is a register that never changes, such as the code of the model. An
// answer in which it holds something else is bad as a whole. Modbus only.
type Sentinel struct {
	Reg   int     `yaml:"reg,required"`
	Table string  `yaml:"table"`
	Type  string  `yaml:"type"`
	Order string  `yaml:"order"`
	Value float64 `yaml:"value,required"`
}

// Quirks are what a model does against the protocol and is forgiven.
type Quirks struct {
	LenientUnit bool `yaml:"lenient_unit"` // Modbus TCP: it answers as unit 0 or 255, whichever was asked
}

// Periods are how often the points of each group are read.
type Periods struct {
	Fast   time.Duration `yaml:"fast"`   // default 1s
	Normal time.Duration `yaml:"normal"` // default 5s; a site may set it with every:
	Slow   time.Duration `yaml:"slow"`   // default 1m
}

// Auto has the values of a device listed that its profile does not know, so that
// points can be written for them. It makes no points: those of a site are
// counted when it starts, and what nobody described cannot be judged.
type Auto struct {
	MaxPoints int `yaml:"max_points"` // how many of one device; default none
}

// Stamp is where in a JSON payload the time stands.
type Stamp struct {
	Path    string        `yaml:"path,required"`
	Format  string        `yaml:"format,required"` // unix, unix_ms or rfc3339
	MaxSkew time.Duration `yaml:"max_skew"`        // how far it may be off before it is doubted; default 5min
}

// Sign is a message that says whether a device is there.
type Sign struct {
	Topic   string `yaml:"topic,required"` // of its own; ./ and ../ begin one below or beside the topic of the device
	Path    string `yaml:"path"`           // into a JSON payload; the whole payload if left out
	Payload string `yaml:"payload"`        // what must stand there; anything if left out
}

// Point is one value of a device model: where it is found and what it means.
type Point struct {
	Name string       `yaml:",key"`
	Text gateway.Text `yaml:"name"`

	// Modbus.
	Reg   *int   `yaml:"reg"` // in the numbering of the profile
	Table string `yaml:"table"`
	Type  string `yaml:"type"` // one of modbus.Types; of a coil or discrete input: bit
	Order string `yaml:"order"`
	Bit   *int   `yaml:"bit"`  // one bit of the register, 0 the lowest
	Bits  string `yaml:"bits"` // a bit field such as "8-15"

	// MQTT.
	Path string `yaml:"path"` // dotted path into the JSON payload, such as "data.temp" or "values.2.v"

	// Meaning.
	Scale     *float64         `yaml:"scale"` // value = raw*scale + offset
	Factor    *Factor          `yaml:"scale_from"`
	Offset    float64          `yaml:"offset"`
	Invert    bool             `yaml:"invert"`   // a normally closed contact: 1 reads as 0
	NA        []int64          `yaml:"na"`       // raw values of the register or registers, or in the payload, that mean "not available"
	Range     []float64        `yaml:"range"`    // lowest and highest possible value, after scaling
	MaxStep   float64          `yaml:"max_step"` // Modbus: the most it changes from one reading to the next; 0 for anything
	Stuck     time.Duration    `yaml:"stuck"`    // for how long an analog value may be exactly the same; 0 for ever
	MaxRate   Rate             `yaml:"max_rate"` // Modbus: the most a counter grows, such as 100/h
	Rollover  float64          `yaml:"rollover"` // Modbus: the value at which a counter begins again; default by its type
	Gate      *Gate            `yaml:"valid_when"`
	Unit      string           `yaml:"unit"`
	Role      string           `yaml:"role"`
	Kind      string           `yaml:"kind"` // analog discrete enum counter bitset; the obvious one if not given
	Enum      map[int64]Choice `yaml:"enum"`
	Group     string           `yaml:"group"`
	MaxAge    time.Duration    `yaml:"max_age"` // default 3 periods, at least 10s; of MQTT points none
	Decimals  *int             `yaml:"decimals"`
	Deadband  float64          `yaml:"deadband"`  // for storage only: a value no further than this from the one stored last is not stored
	Heartbeat time.Duration    `yaml:"heartbeat"` // for storage only: stored at least so often; default 10min if there is a deadband
	Verify    bool             `yaml:"verify"`    // the source leaves a doubt that only a device can settle
}

// Rate is a growth in a second, in the unit of its point. It is written 100/h.
type Rate float64

// UnmarshalText reads "100/h": a number above 0 for each s, min, h or d.
func (r *Rate) UnmarshalText(b []byte) error {
	number, each, _ := strings.Cut(string(b), "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	q, errUnit := gateway.ConvertUnit(1, strings.TrimSpace(each), "s")
	if err != nil || errUnit != nil || strings.TrimSpace(each) == "" || !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is no rate such as 100/h", b)
	}
	*r = Rate(v / q)
	return nil
}

// Factor is a scale that the device tells in another point: value =
// raw*scale*factor + offset. Without the factor the point has no value. Modbus
// only.
type Factor struct {
	Point string `yaml:"point,required"`
	As    string `yaml:"as"` // factor (default), or exponent: the n of 10^n
}

// Gate makes a point count only while another point of the same device lies
// within bounds: an ultrasonic meter without signal reads flow 0.
type Gate struct {
	Point string   `yaml:"point,required"`
	Min   *float64 `yaml:"min"`
	Max   *float64 `yaml:"max"`
	Bit   *int     `yaml:"bit"` // Modbus: instead of bounds, a bit of a bitset that must be set
}

// Choice is one state of an enum or bitset point: a name alone, or a name with
// the text people read.
type Choice struct {
	Name string `yaml:"name,scalar"`
	ZH   string `yaml:"zh"`
	EN   string `yaml:"en"`
}

// Vector is raw data as it lies on the wire and the values it must give.
type Vector struct {
	Block `yaml:",inline"`
	Also  []Block            `yaml:"also"` // more registers of the same moment
	JSON  string             `yaml:"json"` // MQTT: a payload
	Want  map[string]float64 `yaml:"want"` // by point; .nan for a value that must be bad
}

// Block is what a run of registers holds.
type Block struct {
	Table string `yaml:"table"`
	At    int    `yaml:"at"`  // first register, in the numbering of the profile
	Hex   string `yaml:"hex"` // registers, high byte first
}
