package alerts_test

import (
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// occur lets an alert of lift 1 come and go at each of the seconds.
func (d *desk) occur(seconds ...int) {
	for _, s := range seconds {
		d.change(lift1Hot, rules.Active, s, severity(rules.LifeSafety)) // told every time
		d.change(lift1Hot, rules.Normal, s)
		d.advance(s)
	}
}

func TestAFloodIsMoreThanTenInTenMinutesAndEndsBelowFive(t *testing.T) {
	d := newDesk(t)
	for i := range 10 {
		d.occur(60 + i)
	}
	if l := d.book.Load(); l.Flood || l.TenMinutes != 10 {
		t.Errorf("after ten it is %+v", l)
	}
	d.occur(120, 121, 122, 123, 124)
	if l := d.book.Load(); !l.Flood || l.Hour != 15 || l.Told[rules.LifeSafety] != 15 {
		t.Errorf("after fifteen it is %+v", l)
	}
	d.advance(659) // those of the first minute are still within ten
	d.advance(660)
	if l := d.book.Load(); !l.Flood || l.TenMinutes != 5 {
		t.Errorf("five are left: %+v", l)
	}
	d.advance(720)
	d.advance(3660)
	if l := d.book.Load(); l.Flood || l.TenMinutes != 0 || l.Hour != 5 || l.InFlood != 600*time.Second {
		t.Errorf("in the end it is %+v", l)
	}
	d.advance(1_000_000)
	if l := d.book.Load(); l.Hour != 0 || l.Told[rules.LifeSafety] != 15 {
		t.Errorf("after days it is %+v", l)
	}
}

func TestAClockSetForwardIsNoTimeInFlood(t *testing.T) {
	d := newDesk(t)
	for i := range 11 {
		d.occur(60 + i)
	}
	d.book.Skip(nil, gateway.Instant(36_070_000), 10*time.Hour)
	d.advance(36_070)
	if l := d.book.Load(); l.InFlood >= time.Second || l.Flood {
		t.Errorf("it is %+v", l)
	}
}

func TestTheLoadIsOfWhatPeopleAreTold(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	d.ack(1, 31)
	d.shelve(1, 40)
	d.change(lift1Hot, rules.Normal, 50)
	d.change(lift1Hot, rules.Active, 60)
	d.change(lineLoss, rules.Active, 70)
	d.change(lift2Loss, rules.Active, 70)
	want := alerts.Load{TenMinutes: 2, Hour: 2, Acked: 1, AckTime: 30 * time.Second}
	want.Told[rules.Critical], want.Told[rules.Warning] = 1, 1
	if got := d.book.Load(); got != want {
		t.Errorf("load %+v, want %+v", got, want)
	}
}
