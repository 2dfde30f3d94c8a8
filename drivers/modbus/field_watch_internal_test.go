package modbus

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// TestWatchWalks feeds readings, one every 5 s, and tells what is made of each:
// a value alone is good, "?" uncertain, "bad" has no value. A reading of -1 was
// not answered.
func TestWatchWalks(t *testing.T) {
	const perHour = 1.0 / 3600
	meter := Field{Type: U32, Counter: &Counter{MaxRate: 3600 * perHour, Rollover: 1 << 32, Step: 1}}
	blind := Field{Type: U32, Counter: &Counter{Rollover: 1 << 32, Step: 1}}
	short := Field{Type: U16, Counter: &Counter{Rollover: 65536, Step: 1}}
	float := Field{Type: F32, Counter: &Counter{MaxRate: 100 * perHour}}
	level := Field{Type: U16, MaxStep: 10}
	tests := []struct {
		name     string
		field    Field
		readings []float64
		want     string
	}{
		{"grows and stands still", meter, []float64{100, 105, 105, 108}, "100 105 105 108"},
		{"rolls over", meter, []float64{1<<32 - 3, 1<<32 - 1, 2, 4}, "4294967293 4294967295 2 4"},
		{"rolls over without a known rate", short, []float64{65000, 65535, 7, 20}, "65000 65535 7 20"},
		{"rolls over while it is not answered", meter, []float64{1<<32 - 3, -1, -1, 4}, "4294967293 bad bad 4"},
		{"falls to 0 for one poll and returns", meter, []float64{123456, 0, 123458, 123459}, "123456 123456? 123458 123459"},
		{"falls to 0 for three polls and returns", meter, []float64{123456, 0, 0, 0, 123460}, "123456 123456? 123456? 123456? 123460"},
		{"is reset for good", meter, []float64{123456, 0, 2, 4, 6, 8}, "123456 123456? 123456? 123456? 6 8"},
		{"is reset for good, between failed polls", meter, []float64{123456, 0, -1, 2, 4, -1, 6}, "123456 123456? bad 123456? 123456? bad 6"},
		{"is reset without a known rate", blind, []float64{123456, 0, 2, 4, 6}, "123456 123456? 123456? 123456? 6"},
		{"falls by one", blind, []float64{100, 99, 100, 101}, "100 100? 100 101"},
		{"leaps once", meter, []float64{100, 9000000, 102}, "100 bad 102"},
		{"leaps for good, such as a meter that was exchanged", meter, []float64{100, 9000, 9001, 9002, 9003, 9004}, "100 bad bad bad 9003 9004"},
		{"leaps and leaps", meter, []float64{100, 9000, 50000, 90000, 200000, 400000, 101}, "100 bad bad bad bad bad 101"},
		{"leaps without a known rate", blind, []float64{100, 9000}, "100 9000"},
		{"falls and leaps: the last good one is not shown for ever", meter, []float64{500, 0, 200, 7, 150, 3, 501}, "500 500? 500? 500? bad bad 501"},
		{"begins with 0 and knows its total later", meter, []float64{0, 123456, 123458}, "0? 123456 123458"},
		{"is a new meter", meter, []float64{0, 0, 0, 0, 1}, "0? 0? 0? 0 1"},
		{"catches up after a long silence", meter, []float64{100, -1, -1, -1, -1, -1, 130}, "100 bad bad bad bad bad 130"},
		{"a float that steps by its last digit", float, []float64{16777216, 16777218}, "16777216 16777218"},
		{"a concentrator that is behind by a minute", meter, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 160}, strings.Repeat("100 ", 13) + "160"},
		{"a level that moves", level, []float64{50, 60, 51}, "50 60 51"},
		{"a level that leaps once", level, []float64{50, 90, 52}, "50 bad 52"},
		{"a level that leaps for good", level, []float64{50, 90, 91, 90, 92, 93}, "50 bad bad bad 92 93"},
		{"a level after missed polls", level, []float64{50, -1, -1, 78}, "50 bad bad 78"},
		{"a level at 0 from the start", level, []float64{0, 5}, "0 5"},
	}
	for _, tt := range tests {
		tt.field.Period = 5 * time.Second
		at := gateway.InstantOf(time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC))
		var w watch
		var got []string
		for _, r := range tt.readings {
			s := gateway.Sample{Value: r, Quality: gateway.Good, At: at}
			if r < 0 {
				s = gateway.Sample{Quality: gateway.BadTimeout, At: at}
			}
			w.judge(&tt.field, &s)
			at = at.Add(tt.field.Period)
			switch s.Quality {
			case gateway.Good:
				got = append(got, fmt.Sprintf("%.0f", s.Value))
			case gateway.Uncertain:
				got = append(got, fmt.Sprintf("%.0f?", s.Value))
			default:
				if s.Value != 0 {
					t.Errorf("%s: a bad sample carries %v", tt.name, s.Value)
				}
				got = append(got, "bad")
			}
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, g, tt.want)
		}
	}
}

// TestWhatIsConsumedIsRight adds up the rises of the readings that are believed,
// as a report does, through each fault that a counter has.
func TestWhatIsConsumedIsRight(t *testing.T) {
	const modulus = 1 << 32
	f := Field{Type: U32, Period: 5 * time.Second, Counter: &Counter{MaxRate: 2, Rollover: modulus, Step: 1}}
	for _, tt := range []struct {
		name  string
		start float64
		fault func(i int, total float64) float64
	}{
		{"no fault", 1000, func(_ int, total float64) float64 { return total }},
		{"rollover", modulus - 60, func(_ int, total float64) float64 {
			if total >= modulus {
				return total - modulus
			}
			return total
		}},
		{"0 for one poll", 1000, func(i int, total float64) float64 {
			if i == 50 {
				return 0
			}
			return total
		}},
		{"reset for good", 1000, func(i int, total float64) float64 {
			if i >= 50 {
				return total - (1000 + 49)
			}
			return total
		}},
		{"a leap and back", 1000, func(i int, total float64) float64 {
			if i == 50 {
				return 4e9
			}
			return total
		}},
	} {
		at := gateway.InstantOf(time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC))
		var w watch
		before, consumed := tt.start, 0.0
		for i := range 100 {
			s := gateway.Sample{Value: tt.fault(i, tt.start+float64(i)), Quality: gateway.Good, At: at}
			w.judge(&f, &s)
			at = at.Add(f.Period)
			if !s.Quality.HasValue() {
				continue
			}
			rise := s.Value - before
			if rise < 0 {
				// The total began again: at its end, or at 0.
				if rise += modulus; rise > modulus/8 {
					rise = s.Value
				}
			}
			if rise < 0 || rise > 100 {
				t.Errorf("%s: reading %d books %v", tt.name, i, rise)
			}
			consumed += rise
			before = s.Value
		}
		if consumed < 98 || consumed > 100 {
			t.Errorf("%s: %v consumed, want 99", tt.name, consumed)
		}
	}
}

// TestAClockThatIsSetBackLeapsNothing: the time of the gateway is not the
// meter's.
func TestAClockThatIsSetBackLeapsNothing(t *testing.T) {
	f := Field{Type: U32, Period: 5 * time.Second, Counter: &Counter{MaxRate: 1, Step: 1}}
	at := gateway.InstantOf(time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC))
	var w watch
	for i, back := range []time.Duration{0, 0, time.Hour, 0, 0} {
		at = at.Add(f.Period - back)
		s := gateway.Sample{Value: float64(100 + 5*i), Quality: gateway.Good, At: at}
		if w.judge(&f, &s); s.Quality != gateway.Good {
			t.Errorf("reading %d is %s", i, s.Quality)
		}
	}
}
