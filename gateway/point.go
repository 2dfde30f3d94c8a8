package gateway

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// PointRef is the dense number of a point within its Site: 0 to Site.Len()-1.
// The hot path indexes slices by it and never looks up a name.
type PointRef int32

// NoPoint is the PointRef of no point.
const NoPoint PointRef = -1

// PointID is the full name of a point: "facility/point".
type PointID string

// Kind says what the number of a point stands for.
type Kind uint8

// The kinds of points. A change of a point that is not analog or a counter is
// never dropped on its way to the rules.
const (
	Analog   Kind = iota // a measured quantity
	Discrete             // 0 or 1
	Enum                 // one of several named states or codes
	Counter              // a total that only grows
	Bitset               // independent flags in one word
)

var kindNames = [...]string{"analog", "discrete", "enum", "counter", "bitset"}

// String returns the kind as it is written in profiles.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind returns the kind named s.
func ParseKind(s string) (Kind, bool) {
	for i, n := range kindNames {
		if n == s {
			return Kind(i), true
		}
	}
	return 0, false
}

// Stepwise reports whether every change of the point matters, so that no two
// samples of it may be merged into the newer one.
func (k Kind) Stepwise() bool { return k == Discrete || k == Enum || k == Bitset }

// State is one named state of an enum point, or one flag of a bitset.
type State struct {
	Name string // as rules write it, such as "fire_return"
	Text Text   // as people read it
}

// LinkPoint is the name of the point every facility has beside those of its
// profile: 1 while its device answers, 0 while it does not. It is told by the
// driver and is always of good quality.
const LinkPoint = "link"

// LinkStates returns what formulas, rules and screens call the values of a link.
func LinkStates() map[int64]State {
	return map[int64]State{0: {"lost", Text{"中断", "lost"}}, 1: {"good", Text{"在线", "online"}}}
}

// BlindPoint is the name of the point that says which inputs of rules have had
// no value for too long although the facility's devices answer. It is told by
// the gateway itself and is always of good quality.
const BlindPoint = "blind"

// The values of a blind point.
const (
	BlindToNothing = 0
	BlindToSome    = 1 // an input of a rule is missing
	BlindToFaults  = 2 // an input of a rule that says when the facility is down is missing
)

// BlindnessPoint returns the point named BlindPoint.
func BlindnessPoint() Point {
	return Point{
		Name: BlindPoint, Text: Text{"监测盲区", "Blind to"}, Role: BlindPoint, Kind: Enum, Period: time.Second,
		States: map[int64]State{
			BlindToNothing: {"nothing", Text{"无", "nothing"}},
			BlindToSome:    {"some", Text{"部分测点", "some points"}},
			BlindToFaults:  {"faults", Text{"故障测点", "faults"}},
		},
	}
}

// Point is one measured or derived value of a facility.
type Point struct {
	Facility FacilityID
	Name     string // [a-z0-9_.]+, unique within the facility
	Text     Text
	Role     string          // what the value means to rules and screens, such as "voltage.l1"; "" if nothing
	Unit     string          // as in package gateway's unit table; "" for none
	Kind     Kind            // analog unless said otherwise
	States   map[int64]State // of an enum: by value; of a bitset: by bit number
	Period   time.Duration   // how often a new sample is expected; 0 if it comes on events only
	MaxAge   time.Duration   // without a new sample for this long the value is stale; 0 for never
	Decimals int             // digits worth showing after the point
	// Deadband and Heartbeat thin out what is stored of the point, and nothing
	// else: only a value further than Deadband from the one stored last, and one
	// each Heartbeat. Without both every sample is stored.
	Deadband  float64
	Heartbeat time.Duration
	// Formula is how the value is made from other points of the facility, as
	// package formula reads it; "" for a point that is measured.
	Formula string
	// Line is, for a link point, the facility of class Line that its source is
	// reached through; "" for any other point.
	Line FacilityID
}

// ID returns the full name of the point.
func (p Point) ID() PointID { return PointID(string(p.Facility) + "/" + p.Name) }

// ParseValue reads a value of the point as people and exports write it: a number
// in the unit of the point, the name of a state, or true or false of a discrete
// point.
func (p *Point) ParseValue(text string) (float64, error) {
	switch {
	case p.Kind == Discrete && text == "true":
		return 1, nil
	case p.Kind == Discrete && text == "false":
		return 0, nil
	case p.Kind == Enum:
		for number, state := range p.States {
			if state.Name == text {
				return float64(number), nil
			}
		}
	}
	number, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(number) || math.IsInf(number, 0):
		return 0, fmt.Errorf("%q is no value of point %s", text, p.Name)
	case p.Kind == Discrete && number != 0 && number != 1:
		return 0, fmt.Errorf("%q is neither 0 nor 1, and %s knows nothing else", text, p.Name)
	}
	return number, nil
}

// Sample is one value of one point at one moment. Value has no meaning unless
// Quality.HasValue.
type Sample struct {
	Point   PointRef
	Quality Quality
	Value   float64
	At      Instant // when the answer or message came
}
