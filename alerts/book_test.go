package alerts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The rule instances of the test site: comm_loss of the line and of two lifts
// behind it, and a limit on lift 1.
const (
	lineLoss = rules.Ref(iota)
	lift1Loss
	lift2Loss
	lift1Hot
	lift1Note
)

type desk struct {
	t     *testing.T
	site  *gateway.Site
	rules []rules.Instance
	book  *alerts.Book
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	link := []gateway.Point{{Name: "link", Role: "link", Kind: gateway.Discrete}}
	lift := append(link, gateway.Point{Name: "temp", Unit: "degC"})
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "bus-b1", Class: gateway.Line, Points: link},
		{ID: "lift-1", Class: gateway.Elevator, Lines: []gateway.FacilityID{"bus-b1"}, Points: lift},
		{ID: "lift-2", Class: gateway.Elevator, Lines: []gateway.FacilityID{"bus-b1"}, Points: lift},
	})
	if err != nil {
		t.Fatal(err)
	}
	loss := &rules.Rule{ID: "comm_loss", Family: "comm_loss", Severity: rules.Warning, SLA: "ordinary"}
	d := &desk{t: t, site: site, rules: []rules.Instance{
		{Key: "bus-b1/comm_loss/link", Facility: "bus-b1", Rule: loss},
		{Key: "lift-1/comm_loss/link", Facility: "lift-1", Rule: loss},
		{Key: "lift-2/comm_loss/link", Facility: "lift-2", Rule: loss},
		{Key: "lift-1/hot", Facility: "lift-1", Rule: &rules.Rule{ID: "hot", Family: "hot", Severity: rules.Critical, Impairs: true}},
		{Key: "lift-1/note", Facility: "lift-1", Rule: &rules.Rule{ID: "note", Severity: rules.Info}},
	}}
	d.book = alerts.NewBook(site, d.rules, nil, 0, alerts.Options{})
	return d
}

// told writes events down as "kind facility#id" with the cause of hidden ones.
func told(events []alerts.Event) (s []string) {
	for _, e := range events {
		line := fmt.Sprintf("%s %s#%d", e.Kind, e.Alert.Facility, e.Alert.ID)
		if e.Alert.Cause != 0 {
			line += fmt.Sprintf(" behind #%d", e.Alert.Cause)
		}
		s = append(s, line)
	}
	return s
}

func (d *desk) want(got []alerts.Event, want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(want, told(got)); diff != "" {
		d.t.Errorf("events (-want +got):\n%s", diff)
	}
}

func (d *desk) change(ref rules.Ref, to rules.Phase, second int, f ...func(*rules.Change)) []alerts.Event {
	c := rules.Change{Ref: ref, To: to, Severity: d.rules[ref].Rule.Severity, Point: gateway.NoPoint, Value: math.NaN(), Limit: math.NaN(),
		Since: gateway.Instant(second*1000 - 500), At: gateway.Instant(second * 1000)}
	for _, f := range f {
		f(&c)
	}
	return d.book.Apply(nil, c)
}

func (d *desk) advance(second int) []alerts.Event {
	return d.book.Advance(nil, gateway.Instant(second*1000))
}

func TestRaisedAcknowledgedReturned(t *testing.T) {
	d := newDesk(t)
	d.want(d.change(lift1Hot, rules.Pending, 1))
	d.want(d.change(lift1Hot, rules.Active, 2, func(c *rules.Change) { c.Point, c.Value, c.Limit = 2, 91, 90 }), "raised lift-1#1")
	a := d.book.Open()[0]
	if a.ISA() != "B" || a.Started != 1500 || a.Raised != 2000 || a.Value != 91 || a.Limit != 90 || a.Point != "lift-1/temp" || a.Unit != "degC" {
		t.Errorf("raised as %+v, ISA %s", a, a.ISA())
	}
	acked, err := d.book.Ack(nil, 1, alerts.Acknowledgement{By: "王强", Note: "on my way"}, 3000)
	if err != nil {
		t.Fatal(err)
	}
	d.want(acked, "acknowledged lift-1#1")
	if a := d.book.Open()[0]; a.ISA() != "C" || a.AckedBy != "王强" || a.AckedAt != 3000 {
		t.Errorf("acknowledged as %+v", a)
	}
	d.want(d.change(lift1Hot, rules.Clearing, 4))
	got := d.change(lift1Hot, rules.Normal, 5)
	d.want(got, "returned lift-1#1")
	if a := got[0].Alert; a.Cleared != 4500 || a.Closed != 5000 || a.ShownAs() != "closed" {
		t.Errorf("returned as %+v", a)
	}
	if len(d.book.Open()) != 0 {
		t.Error("an acknowledged alert that has returned is still open")
	}
}

func TestReturnedBeforeAnybodySawItStaysOpenUntilAcknowledged(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	d.change(lift1Hot, rules.Normal, 2)
	if a := d.book.Open()[0]; a.ISA() != "D" || a.ShownAs() != "returned" {
		t.Errorf("it is %s, %s", a.ISA(), a.ShownAs())
	}
	got, err := d.book.Ack(nil, 1, alerts.Acknowledgement{By: "li"}, 3000)
	if err != nil || got[0].Alert.Closed != 3000 || len(d.book.Open()) != 0 {
		t.Errorf("acknowledged: %v, %v, still open %d", got, err, len(d.book.Open()))
	}
}

func TestANewOccurrenceIsANewRecord(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	d.change(lift1Hot, rules.Normal, 2)
	d.want(d.change(lift1Hot, rules.Active, 3), "superseded lift-1#1", "raised lift-1#2")
	if n := len(d.book.Open()); n != 1 {
		t.Errorf("%d open alerts of one rule", n)
	}
}

func TestAWorseLevelMustBeAcknowledgedAgain(t *testing.T) {
	d := newDesk(t)
	level := func(s rules.Severity) func(*rules.Change) { return func(c *rules.Change) { c.Severity = s } }
	d.change(lift1Hot, rules.Active, 1, level(rules.Warning))
	d.book.Ack(nil, 1, alerts.Acknowledgement{By: "li"}, 2000)
	d.want(d.change(lift1Hot, rules.Active, 3, level(rules.Critical)), "level lift-1#1")
	if d.book.Open()[0].Acked {
		t.Error("the acknowledgement of a warning holds for a critical alarm")
	}
	d.book.Ack(nil, 1, alerts.Acknowledgement{By: "li"}, 4000)
	d.want(d.change(lift1Hot, rules.Active, 5, level(rules.Warning)), "level lift-1#1")
	if !d.book.Open()[0].Acked {
		t.Error("stepping down took the acknowledgement away")
	}
}

func TestUnknownInputsAreShownAndClearNothing(t *testing.T) {
	d := newDesk(t)
	stale := func(c *rules.Change) { c.Stale = true }
	d.change(lift1Hot, rules.Active, 1)
	d.want(d.change(lift1Hot, rules.Active, 2, stale), "stale lift-1#1")
	if a := d.book.Open()[0]; !a.Stale || a.Phase != rules.Active {
		t.Errorf("it is %+v", a)
	}
	d.want(d.change(lift1Hot, rules.Active, 3), "fresh lift-1#1")
}

func TestInformationClosesByItself(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Note, rules.Active, 1)
	d.want(d.change(lift1Note, rules.Normal, 2), "returned lift-1#1")
	if len(d.book.Open()) != 0 {
		t.Error("a note that is over waits for somebody")
	}
}

func TestADeadLineIsOneAlertWithItsConsequencesHidden(t *testing.T) {
	for _, order := range [][]rules.Ref{{lineLoss, lift1Loss, lift2Loss}, {lift1Loss, lineLoss, lift2Loss}, {lift1Loss, lift2Loss, lineLoss}} {
		d := newDesk(t)
		var all []alerts.Event
		for i, ref := range order {
			all = append(all, d.change(ref, rules.Active, 1+i)...)
		}
		all = append(all, d.advance(60)...)
		announced := 0
		for _, e := range all {
			if e.Announces() {
				announced++
			}
		}
		open := d.book.Open()
		if announced != 1 || len(open) != 3 {
			t.Errorf("order %v: %d announced, %d open: %v", order, announced, len(open), told(all))
		}
		for _, a := range open {
			if a.Facility == "bus-b1" && (a.Children != 2 || a.ISA() == "H") || a.Facility != "bus-b1" && (a.ISA() != "H" || a.Cause == 0) {
				t.Errorf("order %v: %s is %s, cause %d, children %d", order, a.Facility, a.ISA(), a.Cause, a.Children)
			}
		}
	}
}

func TestASilentDeviceOnALivingLineIsAnnouncedAfterAMoment(t *testing.T) {
	d := newDesk(t)
	d.want(d.change(lift1Loss, rules.Active, 10), "hidden lift-1#1")
	d.want(d.advance(14))
	if at, ok := d.book.Next(); !ok || at != 15000 {
		t.Errorf("next at %v, %v", at, ok)
	}
	d.want(d.advance(15), "raised lift-1#1")
	if a := d.book.Open()[0]; a.Visibility != alerts.Shown || a.Started != 9500 {
		t.Errorf("announced as %+v", a)
	}
}

func TestWhatIsStillSilentWhenTheLineIsBackSpeaksForItself(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Active, 1)
	d.change(lift1Loss, rules.Active, 2)
	d.change(lift2Loss, rules.Active, 2)
	d.want(d.change(lineLoss, rules.Normal, 100), "returned bus-b1#1")
	d.want(d.change(lift2Loss, rules.Normal, 110), "returned lift-2#3")
	d.want(d.advance(129))
	d.want(d.advance(130), "revealed lift-1#2")
	var got []string
	for _, a := range d.book.Open() {
		got = append(got, string(a.Facility))
	}
	if diff := cmp.Diff([]string{"bus-b1", "lift-1"}, got); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
}

func TestADeviceThatIsComingBackIsNotRevealed(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Active, 1)
	d.change(lift1Loss, rules.Active, 2)
	d.change(lineLoss, rules.Normal, 100)
	d.change(lift1Loss, rules.Clearing, 128)
	d.want(d.advance(131))
	d.want(d.change(lift1Loss, rules.Normal, 134), "returned lift-1#2")
	d.want(d.advance(200))
}

func TestARestartGoesOnWithTheSameAlerts(t *testing.T) {
	d := newDesk(t)
	d.change(lineLoss, rules.Active, 1)
	d.change(lift1Loss, rules.Active, 2)
	d.change(lift1Hot, rules.Active, 3)
	before := d.book.Open()
	d.book = alerts.NewBook(d.site, d.rules, before, 3, alerts.Options{})
	if diff := cmp.Diff(before, d.book.Open(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("after the restart (-before +after):\n%s", diff)
	}
	d.want(d.advance(1000))
	d.change(lineLoss, rules.Normal, 1001)
	d.want(d.advance(1100), "revealed lift-1#2")
	d.change(lift1Hot, rules.Normal, 1101)
	d.want(d.change(lift1Hot, rules.Active, 1102), "superseded lift-1#3", "raised lift-1#4")
}

func TestAnAlertHeldBackWhenTheGatewayDiedIsAnnouncedAfterIt(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Loss, rules.Active, 1)
	d.book = alerts.NewBook(d.site, d.rules, d.book.Open(), 1, alerts.Options{})
	d.want(d.advance(500))
	d.want(d.advance(529))
	d.want(d.advance(530), "raised lift-1#1")
}

func TestAlertsOfRulesThatAreGoneAreWithdrawn(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	d.change(lineLoss, rules.Active, 1)
	d.book = alerts.NewBook(d.site, d.rules[:2], d.book.Open(), 2, alerts.Options{})
	got := d.book.Withdraw(nil, 9000)
	d.want(got, "withdrawn lift-1#1")
	if a := got[0].Alert; a.Phase != rules.Normal || a.Closed != 9000 {
		t.Errorf("withdrawn as %+v", a)
	}
	if got[0].Reason != alerts.RuleRemoved {
		t.Errorf("withdrawn because of %q", got[0].Reason)
	}
}

func TestAnAlertWhoseFacilityIsGoneSaysSo(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	empty, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := alerts.NewBook(empty, nil, d.book.Open(), 1, alerts.Options{}).Withdraw(nil, 9000)
	d.want(got, "withdrawn lift-1#1")
	if body, err := json.Marshal(got[0]); err != nil || !strings.Contains(string(body), `"reason":"facility removed"`) {
		t.Errorf("recorded as %s, %v", body, err)
	}
}

// TestARetunedAlertGoesOnAndNobodyIsTold: what the new limit makes of it people
// hear from what follows.
func TestARetunedAlertGoesOnAndNobodyIsTold(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	before := d.book.Open()[0]
	got := d.book.Retune(nil, []rules.Retuned{
		{Key: before.Key, Was: "critical: temp > 75 degC", Now: "critical: temp > 80 degC"},
		{Key: "lift-2/hot", Was: "nobody was told", Now: "of this one"},
	}, 9000)
	d.want(got, "retuned lift-1#1")
	if !got[0].Quiet {
		t.Error("people are told")
	}
	if diff := cmp.Diff([]alerts.Alert{before}, d.book.Open(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("the alert is another (-before +after):\n%s", diff)
	}
	if body, err := json.Marshal(got[0]); err != nil || !strings.Contains(string(body), `"was":"critical: temp \u003e 75 degC","now":"critical: temp \u003e 80 degC"`) {
		t.Errorf("recorded as %s, %v", body, err)
	}
}

func TestAnAlertWhoseRuleBeginsAnewIsWithdrawnAtTheStart(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	anew := slices.Clone(d.rules)
	hot := *anew[lift1Hot].Rule
	hot.Restart = rules.Anew
	anew[lift1Hot].Rule = &hot
	d.book = alerts.NewBook(d.site, anew, d.book.Open(), 1, alerts.Options{})
	d.want(d.book.Withdraw(nil, 9000), "withdrawn lift-1#1")
}

func TestAckRefuses(t *testing.T) {
	d := newDesk(t)
	d.change(lift1Hot, rules.Active, 1)
	if _, err := d.book.Ack(nil, 7, alerts.Acknowledgement{By: "li"}, 2); !errors.Is(err, alerts.ErrNotFound) {
		t.Errorf("an alert that does not exist: %v", err)
	}
	if _, err := d.book.Ack(nil, 1, alerts.Acknowledgement{By: ""}, 2); !errors.Is(err, alerts.ErrNoName) {
		t.Errorf("without a name: %v", err)
	}
	d.book.Ack(nil, 1, alerts.Acknowledgement{By: "li"}, 2)
	if _, err := d.book.Ack(nil, 1, alerts.Acknowledgement{By: "wang"}, 3); !errors.Is(err, alerts.ErrAcked) {
		t.Errorf("twice: %v", err)
	}
}

func TestAnAlertComesBackFromJSONAsItWas(t *testing.T) {
	for _, v := range []float64{235.4, math.NaN()} {
		a := alerts.Alert{ID: 3, Severity: rules.LifeSafety, Phase: rules.Clearing, Value: v, Limit: v, Started: 5, Visibility: alerts.Suppressed, Why: rules.Why{Within: time.Hour}}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back alerts.Alert
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, back, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	}
}
