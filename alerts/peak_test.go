package alerts_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// read gives good values of a point.
func (d *desk) read(point gateway.PointID, values ...float64) {
	ref, _ := d.site.Lookup(point)
	for _, v := range values {
		d.book.Observe([]gateway.Sample{{Point: ref, Quality: gateway.Good, Value: v}})
	}
}

// at puts a value of lift 1's temperature and the limit it was held against into
// a change.
func (d *desk) at(value, limit float64) func(*rules.Change) {
	ref, _ := d.site.Lookup("lift-1/temp")
	return func(c *rules.Change) { c.Point, c.Value, c.Limit = ref, value, limit }
}

func TestAnAlertKnowsItsWorstValue(t *testing.T) {
	nan := math.NaN()
	type values struct{ Trip, TripLimit, Peak, Value, Limit float64 }
	tests := []struct {
		name  string
		steps func(d *desk)
		want  values // when it has returned with 60
	}{
		{"above a limit", func(d *desk) {
			d.read("lift-1/temp", 99) // before it was raised
			d.change(lift1Hot, rules.Active, 1, d.at(91, 90))
			d.read("lift-1/temp", 92, 95, 93)
		}, values{91, 90, 95, 60, 90}},
		{"below a limit", func(d *desk) {
			d.change(lift1Hot, rules.Active, 1, d.at(3, 4))
			d.read("lift-1/temp", 3.5, 1, 2)
		}, values{3, 4, 1, 60, 90}},
		{"never worse than when it was raised", func(d *desk) {
			d.change(lift1Hot, rules.Active, 1, d.at(91, 90))
			d.read("lift-1/temp", 90, 89)
		}, values{91, 90, 91, 60, 90}},
		{"a bad value is none", func(d *desk) {
			d.change(lift1Hot, rules.Active, 1, d.at(91, 90))
			ref, _ := d.site.Lookup("lift-1/temp")
			d.book.Observe([]gateway.Sample{{Point: ref, Quality: gateway.BadTimeout, Value: 120}, {Point: ref, Quality: gateway.Good, Value: nan}})
		}, values{91, 90, 91, 60, 90}},
		{"without a limit there is no worst", func(d *desk) {
			d.change(lift1Hot, rules.Active, 1, d.at(1, nan))
			d.read("lift-1/temp", 5)
		}, values{1, nan, nan, 60, 90}},
		{"a worse level", func(d *desk) {
			d.change(lift1Hot, rules.Active, 1, d.at(76, 75), severity(rules.Warning))
			d.change(lift1Hot, rules.Active, 2, d.at(91, 90))
			d.change(lift1Hot, rules.Active, 3, d.at(80, 75), severity(rules.Warning))
		}, values{76, 75, 91, 60, 90}},
		{"over a restart", func(d *desk) {
			d.change(lift1Hot, rules.Active, 1, d.at(91, 90))
			d.read("lift-1/temp", 95)
			d.restart(alerts.Options{})
			d.read("lift-1/temp", 94, 97)
		}, values{91, 90, 97, 60, 90}},
		{"what comes and goes keeps the worst of all its times", func(d *desk) {
			for i := range 3 {
				d.change(lift1Hot, rules.Active, 10*i, d.at(91, 90))
				d.read("lift-1/temp", 95+float64(i))
				d.change(lift1Hot, rules.Normal, 10*i+1, d.at(60, 90))
				d.read("lift-1/temp", 200) // it is not active
			}
			d.change(lift1Hot, rules.Active, 31, d.at(92, 90))
		}, values{92, 90, 97, 60, 90}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.steps(d)
			a := d.change(lift1Hot, rules.Normal, 99, d.at(60, 90))[0].Alert
			if diff := cmp.Diff(tt.want, values{a.Trip, a.TripLimit, a.Peak, a.Value, a.Limit}, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("it returned with (-want +got):\n%s", diff)
			}
			d.ack(a.ID, 100)
			d.advance(1000)
			d.read("lift-1/temp", 500) // of no alert any more
		})
	}
}

func TestFollowingValuesAllocatesNothing(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1, d.at(91, 90))
	ref, _ := d.site.Lookup("lift-1/temp")
	samples := []gateway.Sample{{Point: ref, Quality: gateway.Good, Value: 92}, {Point: 0, Quality: gateway.Good, Value: 1}}
	if n := testing.AllocsPerRun(100, func() { d.book.Observe(samples) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
