package alerts_test

import (
	"testing"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

func TestWhatWasEverWorseThanInformationWaitsForSomebody(t *testing.T) {
	d := newDesk(t)
	level := func(s rules.Severity) func(*rules.Change) { return func(c *rules.Change) { c.Severity = s } }
	d.change(lift1Hot, rules.Active, 1, level(rules.Critical))
	d.change(lift1Hot, rules.Active, 2, level(rules.Info))
	d.change(lift1Hot, rules.Normal, 3)
	if open := d.book.Open(); len(open) != 1 || open[0].ISA() != "D" {
		t.Errorf("a critical alarm that nobody saw stepped down and left: %+v", open)
	}
}

func TestALineThatIsJustBeingJudgedHoldsItsFacilitiesBack(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Pending, 4)
	d.change(lift1Loss, rules.Active, 10)
	d.change(lift2Loss, rules.Active, 11)
	d.want(d.advance(18))
	d.want(d.change(lineLoss, rules.Active, 19), "raised bus-b1#3", "hidden lift-1#1 behind #3", "hidden lift-2#2 behind #3")
	d.want(d.advance(100))
}

func TestALineThatComesThroughReleasesItsFacilities(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Pending, 4)
	d.change(lift1Loss, rules.Active, 10)
	d.want(d.advance(16))
	d.change(lineLoss, rules.Normal, 17)
	d.want(d.advance(22), "raised lift-1#1")
}

// stored returns what the store knows: each alert as its newest event told it.
func stored(events []alerts.Event) (rows []alerts.Alert) {
	at := map[alerts.ID]int{}
	for _, e := range events {
		if i, ok := at[e.Alert.ID]; ok {
			rows[i] = e.Alert
			continue
		}
		at[e.Alert.ID] = len(rows)
		rows = append(rows, e.Alert)
	}
	return rows
}

func TestChildrenAreCountedAfreshAfterARestart(t *testing.T) {
	d := newDesk(t)
	log := d.change(lineLoss, rules.Active, 1)
	log = append(log, d.change(lift1Loss, rules.Active, 2)...)
	log = append(log, d.change(lift2Loss, rules.Active, 2)...)
	d.book = alerts.NewBook(d.site, d.rules, stored(log), 3, alerts.Options{})
	if n := d.book.Open()[0].Children; n != 2 {
		t.Errorf("the line has %d children after the restart, want 2", n)
	}
	d.change(lift1Loss, rules.Normal, 10)
	if n := d.book.Open()[0].Children; n != 1 {
		t.Errorf("the line has %d children after one came back, want 1", n)
	}
}

func TestARestartWhileFacilitiesComeBackGivesThemTheirTime(t *testing.T) {
	d := newDesk(t)
	log := d.change(lineLoss, rules.Active, 1)
	log = append(log, d.change(lift1Loss, rules.Active, 2)...)
	log = append(log, d.change(lift2Loss, rules.Active, 2)...)
	log = append(log, d.change(lineLoss, rules.Normal, 100)...)
	d.book = alerts.NewBook(d.site, d.rules, stored(log), 3, alerts.Options{})
	d.want(d.advance(110))
	d.want(d.change(lift2Loss, rules.Normal, 120), "returned lift-2#3")
	d.want(d.advance(139))
	d.want(d.advance(140), "revealed lift-1#2")
}

func TestAFacilityBehindTwoDeadLinesStaysHiddenWhenOneComesBack(t *testing.T) {
	link := []gateway.Point{{Name: "link", Role: "link", Kind: gateway.Discrete}}
	d := newDesk(t)
	site, err := gateway.NewSite("s", gateway.Text{}, d.site.Location, gateway.English, []gateway.Facility{
		{ID: "bus-b1", Class: gateway.Line, Points: link}, {ID: "bus-b2", Class: gateway.Line, Points: link},
		{ID: "lift-1", Class: gateway.Elevator, Lines: []gateway.FacilityID{"bus-b1", "bus-b2"}, Points: link},
	})
	if err != nil {
		t.Fatal(err)
	}
	loss := d.rules[lineLoss].Rule
	d.rules = []rules.Instance{
		{Key: "bus-b1/comm_loss/link", Facility: "bus-b1", Rule: loss},
		{Key: "lift-1/comm_loss/link", Facility: "lift-1", Rule: loss},
		{Key: "bus-b2/comm_loss/link", Facility: "bus-b2", Rule: loss},
	}
	d.book = alerts.NewBook(site, d.rules, nil, 0, alerts.Options{})
	d.change(0, rules.Active, 1)
	d.change(2, rules.Active, 1)
	d.change(1, rules.Active, 2)
	d.change(0, rules.Normal, 100)
	d.want(d.advance(200), "hidden lift-1#3 behind #2")
	d.change(2, rules.Normal, 300)
	d.want(d.advance(330), "revealed lift-1#3")
}

// newTwoSourceDesk returns a desk for a lift with a source on each of two lines.
// Its rule instances are the comm_loss of line 1, line 2, source 1 and source 2.
func newTwoSourceDesk(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	link := func(name string, line gateway.FacilityID) gateway.Point {
		return gateway.Point{Name: name, Role: "link", Kind: gateway.Discrete, Line: line}
	}
	site, err := gateway.NewSite("s", gateway.Text{}, d.site.Location, gateway.English, []gateway.Facility{
		{ID: "bus-b1", Class: gateway.Line, Points: []gateway.Point{link("link", "")}},
		{ID: "bus-b2", Class: gateway.Line, Points: []gateway.Point{link("link", "")}},
		{ID: "lift-1", Class: gateway.Elevator, Lines: []gateway.FacilityID{"bus-b1", "bus-b2"},
			Points: []gateway.Point{link("link", "bus-b1"), link("link.2", "bus-b2")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	loss := d.rules[lineLoss].Rule
	d.site, d.rules = site, []rules.Instance{
		{Key: "bus-b1/comm_loss/link", Facility: "bus-b1", Rule: loss},
		{Key: "bus-b2/comm_loss/link", Facility: "bus-b2", Rule: loss},
		{Key: "lift-1/comm_loss/link", Facility: "lift-1", Rule: loss},
		{Key: "lift-1/comm_loss/link.2", Facility: "lift-1", Rule: loss},
	}
	d.book = alerts.NewBook(site, d.rules, nil, 0, alerts.Options{})
	return d
}

// onPoint makes a change tell of the point numbered ref.
func onPoint(ref gateway.PointRef) func(*rules.Change) {
	return func(c *rules.Change) { c.Point = ref }
}

func TestADeadLineHidesOnlyTheSourcesThatAreReachedThroughIt(t *testing.T) {
	const line1, source1, source2 = 0, 2, 3
	d := newTwoSourceDesk(t)
	d.change(line1, rules.Active, 1, onPoint(0))
	d.want(d.change(source1, rules.Active, 2, onPoint(2)), "hidden lift-1#2 behind #1")
	d.want(d.change(source2, rules.Active, 3, onPoint(3)), "hidden lift-1#3")
	d.want(d.advance(8), "raised lift-1#3")
}

func TestOnlyTheLineOfItsOwnSourceHoldsASilenceBackWhileItIsJudged(t *testing.T) {
	const line1, line2, source2 = 0, 1, 3
	d := newTwoSourceDesk(t)
	d.change(line1, rules.Pending, 1)
	d.change(source2, rules.Active, 3, onPoint(3))
	d.want(d.advance(8), "raised lift-1#1")
	d.change(source2, rules.Normal, 9, onPoint(3))
	d.change(line2, rules.Pending, 10)
	d.change(source2, rules.Active, 12, onPoint(3))
	d.want(d.advance(17))
}

func TestARestartFindsTheLineOfASource(t *testing.T) {
	const line1, source2 = 0, 3
	d := newTwoSourceDesk(t)
	log := d.change(line1, rules.Active, 1, onPoint(0))
	log = append(log, d.change(source2, rules.Active, 2, onPoint(3))...)
	d.book = alerts.NewBook(d.site, d.rules, stored(log), 2, alerts.Options{})
	d.want(d.advance(10))
	d.want(d.advance(40), "raised lift-1#2")
}

func TestAHundredFacilitiesOnADeadLineAreOneAnnouncement(t *testing.T) {
	const n = 100
	link := []gateway.Point{{Name: "link", Role: "link", Kind: gateway.Discrete}}
	facilities := []gateway.Facility{{ID: "bus-b1", Class: gateway.Line, Points: link}}
	d := newDesk(t)
	loss := d.rules[lineLoss].Rule
	d.rules = []rules.Instance{{Key: "bus-b1/comm_loss/link", Facility: "bus-b1", Rule: loss}}
	for i := range n {
		id := gateway.FacilityID("f" + string(rune('a'+i/26)) + string(rune('a'+i%26)))
		facilities = append(facilities, gateway.Facility{ID: id, Class: gateway.Pump, Lines: []gateway.FacilityID{"bus-b1"}, Points: link})
		d.rules = append(d.rules, rules.Instance{Key: string(id) + "/comm_loss/link", Facility: id, Rule: loss})
	}
	site, err := gateway.NewSite("s", gateway.Text{}, d.site.Location, gateway.English, facilities)
	if err != nil {
		t.Fatal(err)
	}
	d.book = alerts.NewBook(site, d.rules, nil, 0, alerts.Options{})
	announced, revealed := 0, 0
	count := func(events []alerts.Event) {
		for _, e := range events {
			if e.Announces() {
				announced++
			}
			if e.Kind == alerts.Revealed {
				revealed++
			}
		}
	}
	count(d.change(0, rules.Pending, 5))
	for i := range n {
		count(d.change(rules.Ref(i+1), rules.Active, 10+i/10))
		count(d.advance(10 + i/10))
	}
	count(d.change(0, rules.Active, 21))
	count(d.advance(60))
	if a := d.book.Open(); announced != 1 || len(a) != n+1 || a[n].Children != n {
		t.Errorf("%d announced, %d open, %d children", announced, len(a), a[n].Children)
	}
	count(d.change(0, rules.Normal, 100))
	for i := range n - 1 {
		count(d.change(rules.Ref(i+2), rules.Normal, 110))
	}
	count(d.advance(130))
	if announced != 2 || revealed != 1 {
		t.Errorf("%d announced, %d revealed after the line came back to all but one", announced, revealed)
	}
}

// TestWhatIsHiddenBehindAWithdrawnAlertIsRevealed: the line is no longer judged,
// and its lift is as silent as before.
func TestWhatIsHiddenBehindAWithdrawnAlertIsRevealed(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Active, 1)
	d.want(d.change(lift1Loss, rules.Active, 2), "hidden lift-1#2 behind #1")
	open := d.book.Open()
	d.rules = d.rules[lift1Loss:]
	d.book = alerts.NewBook(d.site, d.rules, open, 2, alerts.Options{})
	d.wantHeard(d.book.Withdraw(nil, 3000), "withdrawn bus-b1#1")
	var later []alerts.Event
	for second := 3; second < 100; second++ {
		later = append(later, d.advance(second)...)
	}
	d.wantHeard(later, "revealed lift-1#2")
}
