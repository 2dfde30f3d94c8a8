package alerts_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// flap lets the line of the test site fail and come back every minute, from
// second 0 on: judged for 15 s, dead for 25 s, back for 20 s. It returns what
// was announced of the facilities behind it, and when.
func (d *desk) flap(minutes int) (announced []string) {
	steps := map[int]rules.Phase{0: rules.Pending, 15: rules.Active, 40: rules.Normal}
	for s := range 60 * minutes {
		var events []alerts.Event
		if to, ok := steps[s%60]; ok {
			events = d.change(lineLoss, to, s)
		}
		if s == 16 {
			events = append(events, d.change(lift1Loss, rules.Active, s)...)
		}
		for _, e := range append(events, d.advance(s)...) {
			if e.Announces() && e.Alert.Facility != "bus-b1" {
				announced = append(announced, fmt.Sprintf("%s %s at %d s", e.Kind, e.Alert.Facility, s))
			}
		}
	}
	return announced
}

func TestALineThatFlapsDoesNotHideADeadDeviceForEver(t *testing.T) {
	d := newDesk(t)
	got := d.flap(60)
	// Held back while the line was up from 40 to 75 s and from 100 s on.
	if diff := cmp.Diff([]string{"revealed lift-1 at 125 s"}, got); diff != "" {
		t.Errorf("in an hour (-want +got):\n%s", diff)
	}
	d.want(d.change(lift1Loss, rules.Normal, 3600), "returned lift-1#2")
	d.change(lineLoss, rules.Active, 3601)
	if a := d.change(lift1Loss, rules.Active, 3602); a[len(a)-1].Kind != alerts.Hidden {
		t.Errorf("a new silence is not hidden behind its line: %v", told(a))
	}
}

func TestALineThatIsJudgedAgainAndAgainDoesNotHideADeadDeviceForEver(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Loss, rules.Active, 1)
	var shown gateway.Instant
	for s := 2; s < 600; s++ {
		if s%5 == 0 { // whenever the silence of the device is looked at
			d.change(lineLoss, rules.Pending, s)
		}
		for _, e := range d.advance(s) {
			shown = e.At
		}
		if s%5 == 2 {
			d.change(lineLoss, rules.Normal, s)
		}
	}
	if shown == 0 || shown > 61_000 {
		t.Errorf("silent from 1 s on, it was announced at %v", shown)
	}
}

func TestADeviceThatKeepsReturningForAMomentIsAnnounced(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Loss, rules.Active, 1)
	var shown gateway.Instant
	for s := 2; s < 600; s++ {
		if s%5 == 0 { // about to return whenever it is looked at
			d.change(lift1Loss, rules.Clearing, s)
		}
		for _, e := range d.advance(s) {
			shown = e.At
		}
		if s%5 == 2 {
			d.change(lift1Loss, rules.Active, s)
		}
	}
	if shown == 0 || shown > 61_000 {
		t.Errorf("flapping from 1 s on, it was announced at %v", shown)
	}
}

func TestALongOutageOfALineTakesNothingOfTheTimeItsDevicesAreGiven(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Active, 1)
	d.change(lift1Loss, rules.Active, 2)
	d.change(lineLoss, rules.Normal, 100_000)
	d.want(d.advance(100_029))
	d.want(d.advance(100_030), "revealed lift-1#2")
}
