package report_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/report"
	"github.com/intact-gateway/intact/rules"
)

var shanghai = time.FixedZone("CST", 8*3600)

// at returns a moment of 2026 in Shanghai, such as "11-03 10:00".
func at(s string) gateway.Instant {
	t, err := time.ParseInLocation("2006-01-02 15:04", "2026-"+s, shanghai)
	if err != nil {
		panic(err)
	}
	return gateway.InstantOf(t)
}

// rows is a store that holds what the test says.
type rows struct {
	states  []intact.Event
	alerts  []alerts.Alert
	tickets []tickets.Ticket
}

func (r rows) States(_ context.Context, _ gateway.FacilityID, from, to gateway.Instant) (in []intact.Event, _ error) {
	for i, e := range r.states {
		last := true // of those before the window
		for _, later := range r.states[i+1:] {
			last = last && (later.Facility != e.Facility || later.Effective >= from)
		}
		if e.Effective >= from && e.Effective < to || e.Effective < from && last {
			in = append(in, e)
		}
	}
	return in, nil
}

func (r rows) AlertsIn(_ context.Context, from, to gateway.Instant) (in []alerts.Alert, _ error) {
	for _, a := range r.alerts {
		if a.Raised < to && (a.Closed == 0 || a.Closed >= from) {
			in = append(in, a)
		}
	}
	return in, nil
}

func (r rows) TicketsIn(_ context.Context, from, to gateway.Instant) (in []tickets.Ticket, _ error) {
	for _, t := range r.tickets {
		if t.Opened < to && (t.Ended == 0 || t.Ended >= from) {
			in = append(in, t)
		}
	}
	return in, nil
}

func site(t *testing.T) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("lakeside", gateway.Text{ZH: "湖畔花园", EN: "Lakeside Garden"}, shanghai, gateway.Chinese, []gateway.Facility{
		{ID: "lift-1", Class: gateway.Elevator, Building: "1", Name: gateway.Text{ZH: "1号楼1号电梯", EN: "Lift 1"}},
		{ID: "lift-2", Class: gateway.Elevator, Building: "2"},
		{ID: "pump-1", Class: gateway.Pump, Building: "1", Name: gateway.Text{ZH: "生活水泵", EN: "Water pump"}},
		{ID: "bus-b1", Class: gateway.Line},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func text(zh, en string) gateway.Text { return gateway.Text{ZH: zh, EN: en} }

// november is a month with a fault that is still open from October, one of 10 h,
// one that came twice, and 12 h in which nobody knew of lift-2.
func november() rows {
	up := func(f gateway.FacilityID, when string) intact.Event {
		return intact.Event{Facility: f, Effective: at(when), Recorded: at(when), Class: intact.Up}
	}
	down := func(f gateway.FacilityID, when, cause string) intact.Event {
		return intact.Event{Facility: f, Effective: at(when), Recorded: at(when), Class: intact.Down, Cause: cause}
	}
	door, trip := text("门故障", "Door fault"), text("跳闸", "Tripped")
	raised := func(id alerts.ID, f gateway.FacilityID, rule string, title gateway.Text, when, closed string) alerts.Alert {
		a := alerts.Alert{ID: id, Facility: f, Rule: rule, Title: title, Worst: rules.Critical, Impairs: true, Started: at(when), Raised: at(when)}
		if closed != "" {
			a.Closed = at(closed)
		}
		return a
	}
	acked := raised(3, "pump-1", "tripped", trip, "11-20 08:00", "11-20 09:00")
	acked.Acked, acked.AckedAt = true, at("11-20 08:10")
	hidden := raised(5, "lift-2", "comm_loss", text("通讯中断", "Communication lost"), "11-10 00:00", "11-10 12:00")
	hidden.Visibility, hidden.Worst = alerts.Suppressed, rules.Warning
	job := func(number string, f gateway.FacilityID, p tickets.Priority, title gateway.Text, started string) tickets.Ticket {
		s := at(started)
		return tickets.Ticket{Number: number, Facility: f, Priority: p, Title: title, State: tickets.New, Opened: s, Started: s,
			Deadlines: tickets.Deadlines{Respond: s.Add(2 * time.Hour), Arrive: s.Add(4 * time.Hour), Finish: s.Add(48 * time.Hour)}}
	}
	first, second, october := job("WX20261105-0001", "pump-1", tickets.Ordinary, trip, "11-05 08:00"), job("WX20261120-0001", "pump-1", tickets.Ordinary, trip, "11-20 08:00"), job("WX20261031-0001", "lift-1", tickets.Ordinary, door, "10-31 22:00")
	first.Responded, first.ArrivedAt, first.Finished, first.Ended = at("11-05 08:30"), at("11-05 13:00"), at("11-05 18:00"), at("11-05 18:30")
	first.State, first.Owner, first.Cause, first.Action = tickets.Closed, "王强", "轴承卡死 <b>", "更换轴承"
	second.State, second.Ended = tickets.Cancelled, at("11-20 09:00")
	october.Responded, october.ArrivedAt, october.State, october.Owner = at("10-31 22:10"), at("10-31 22:30"), tickets.Working, "李工"
	return rows{
		states: []intact.Event{
			up("lift-1", "10-01 00:00"), up("lift-2", "10-01 00:00"), up("pump-1", "10-01 00:00"), up("bus-b1", "10-01 00:00"),
			down("lift-1", "10-31 22:00", "door_fault"), up("lift-1", "11-01 02:00"),
			down("pump-1", "11-05 08:00", "tripped"), up("pump-1", "11-05 18:00"),
			{Facility: "lift-2", Effective: at("11-10 00:00"), Recorded: at("11-10 00:00"), Class: intact.Unknown, Cause: "silent"}, up("lift-2", "11-10 12:00"),
			down("pump-1", "11-20 08:00", "tripped"), up("pump-1", "11-20 09:00"),
			down("lift-1", "11-30 23:00", "door_fault"),
			down("bus-b1", "11-10 00:00", "comm_loss"),
		},
		alerts: []alerts.Alert{
			raised(1, "lift-1", "door_fault", door, "10-31 22:00", "11-01 03:00"), raised(2, "pump-1", "tripped", trip, "11-05 08:00", "11-05 18:00"), acked,
			raised(4, "lift-1", "door_fault", door, "11-30 23:00", ""), hidden,
		},
		tickets: []tickets.Ticket{october, first, second},
	}
}

func made(t *testing.T, r rows, now string) *report.Report {
	t.Helper()
	rep, err := report.New(t.Context(), site(t), r, at("11-15 12:00"), at(now))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

const hour = int64(3_600_000)

func TestAMonthIsCounted(t *testing.T) {
	r := made(t, november(), "12-02 09:00")
	if !r.Over || r.Month != "2026-11" || r.To.Format(time.RFC3339) != "2026-12-01T00:00:00+08:00" {
		t.Errorf("month %s to %v, over: %v", r.Month, r.To, r.Over)
	}
	// 3 facilities, 720 h each; down 2 + 10 + 1 + 1 h, unknown 12 h.
	if r.Total.Down != 14*hour || r.Total.Required != (3*720-12)*hour || *r.Total.Percent != "99.34" || !*r.Total.Pass || r.Total.Facilities != 3 {
		t.Errorf("total %+v", r.Total)
	}
	if r.Total.Faults != 3 { // the one of October began then
		t.Errorf("%d faults", r.Total.Faults)
	}
	// October is 744 h: two hours of one lift.
	if r.Before.Down != 2*hour || r.Before.Required != 3*744*hour {
		t.Errorf("the month before %+v", r.Before)
	}
	if r.Budget != (report.Budget{Allowed: (3*720 - 12) * hour / 50, Left: (3*720-12)*hour/50 - 14*hour}) {
		t.Errorf("budget %+v", r.Budget)
	}
	if r.Unrepaired != 1 {
		t.Errorf("%d facilities were down at the end", r.Unrepaired)
	}
	want := []report.Cause{
		{Rule: "tripped", Title: text("跳闸", "Tripped"), Down: 11 * hour, Faults: 2, Share: "78.57"},
		{Rule: "door_fault", Title: text("门故障", "Door fault"), Down: 3 * hour, Faults: 1, Share: "100.00"},
	}
	if diff := cmp.Diff(want, r.Causes); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if f := r.Facilities; f[0].Key != "pump-1" || f[1].Key != "lift-1" || f[2].Key != "lift-2" || *f[0].MTTR != 11*hour/2 || f[2].MTBF != nil {
		t.Errorf("facilities %+v", f)
	}
	if len(r.Days) != 30 || r.Days[4].Date != "2026-11-05" || r.Days[4].Down != 10*hour || r.Days[9].Unknown != 12*hour {
		t.Errorf("%d days, the fifth %+v", len(r.Days), r.Days[4])
	}
	sum := int64(0)
	for _, d := range r.Days {
		sum += d.Down
	}
	if sum != r.Total.Down {
		t.Errorf("the days add up to %d ms of %d", sum, r.Total.Down)
	}
}

func TestClocksAreJudgedInTheMonthInWhichTheyAreSettled(t *testing.T) {
	r := made(t, november(), "12-02 09:00")
	want := []report.Clock{
		{Priority: tickets.Ordinary, Name: "respond", Due: 1, Met: 1, Mean: hour / 2, Worst: hour / 2},
		{Priority: tickets.Ordinary, Name: "arrive", Due: 1, Mean: 5 * hour, Worst: 5 * hour},
		{Priority: tickets.Ordinary, Name: "finish", Due: 2, Met: 1, Mean: 10 * hour, Worst: 10 * hour},
	}
	if diff := cmp.Diff(want, r.Clocks); diff != "" {
		t.Errorf("clocks (-want +got):\n%s", diff)
	}
	var late []string
	for _, l := range r.Late {
		done := "never"
		if l.Met != nil {
			done = l.Met.Format("01-02 15:04")
		}
		late = append(late, l.Ticket+" "+l.Clock+" by "+l.Deadline.Format("01-02 15:04")+": "+done)
	}
	if diff := cmp.Diff([]string{"WX20261031-0001 finish by 11-02 22:00: never", "WX20261105-0001 arrive by 11-05 12:00: 11-05 13:00"}, late); diff != "" {
		t.Errorf("late (-want +got):\n%s", diff)
	}
	if len(r.Done) != 1 || r.Done[0].Ticket != "WX20261105-0001" || len(r.Open) != 1 || r.Open[0].Ticket != "WX20261031-0001" {
		t.Errorf("done %+v, open %+v", r.Done, r.Open)
	}
}

func TestWhatKeepsComingBackIsNamed(t *testing.T) {
	r := made(t, november(), "12-02 09:00")
	want := []report.Repeat{{Facility: "pump-1", Name: text("生活水泵", "Water pump"), Rule: "tripped", Title: text("跳闸", "Tripped"), Count: 2, Impairs: true}}
	if diff := cmp.Diff(want, r.Repeats); diff != "" {
		t.Errorf("repeats (-want +got):\n%s", diff)
	}
	a := r.Alarms
	if a.Raised != 4 || a.Hidden != 1 || a.Severity["critical"] != 3 || a.Acked != 1 || a.MeanToAck != 10*60_000 {
		t.Errorf("alarms %+v", a)
	}
}

// TestWhatComesAgainDoesNotTurnTimeAround: an alert that comes and goes is raised
// anew after somebody has acknowledged it.
func TestWhatComesAgainDoesNotTurnTimeAround(t *testing.T) {
	r := november()
	chatters := r.alerts[2]
	chatters.ID, chatters.Raised = 9, at("11-20 08:55")
	r.alerts = append(r.alerts, chatters)
	if a := made(t, r, "12-02 09:00").Alarms; a.Acked != 2 || a.MeanToAck != 10*60_000 {
		t.Errorf("%d were acknowledged after %d ms", a.Acked, a.MeanToAck)
	}
	r.alerts = []alerts.Alert{chatters}
	if a := made(t, r, "12-02 09:00").Alarms; a.Acked != 1 || a.MeanToAck != 0 {
		t.Errorf("%d was acknowledged after %d ms", a.Acked, a.MeanToAck)
	}
}

func TestAMonthThatIsNotOverSaysSo(t *testing.T) {
	r := made(t, november(), "11-11 00:00")
	if r.Over || len(r.Days) != 10 || r.Total.Required != (3*240-12)*hour {
		t.Errorf("over: %v, %d days, %+v", r.Over, len(r.Days), r.Total)
	}
	if want := ((3*240-12)*hour + 3*480*hour) / 50; r.Budget.Allowed != want {
		t.Errorf("allowed are %d ms, want %d", r.Budget.Allowed, want)
	}
	if _, err := report.New(t.Context(), site(t), rows{}, at("11-15 12:00"), at("10-30 00:00")); err == nil {
		t.Error("a month that has not begun was counted")
	}
}

func TestWithoutDataThereIsNoRate(t *testing.T) {
	r := made(t, rows{}, "12-02 09:00")
	if r.Total.Percent != nil || r.Total.Pass != nil || r.Before.Percent != nil || r.Budget.Allowed != 0 {
		t.Errorf("%+v", r.Total)
	}
	var b strings.Builder
	if err := r.WriteHTML(&b, gateway.English); err != nil || strings.Contains(b.String(), "100") && strings.Contains(b.String(), "100.00%") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestTheReportIsReadInBothLanguages(t *testing.T) {
	r := made(t, november(), "12-02 09:00")
	for l, want := range map[gateway.Language][]string{
		gateway.Chinese: {`lang="zh-CN"`, "湖畔花园", "达标", "99.34%", "门故障", "轴承卡死 &lt;b&gt;", "10小时", "1号楼1号电梯"},
		gateway.English: {`lang="en"`, "Lakeside Garden", "met", "99.34%", "Door fault", "10 h", "Lift 1"},
	} {
		var b strings.Builder
		if err := r.WriteHTML(&b, l); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: no %q", l, w)
			}
		}
		if bad := regexp.MustCompile(`ZgotmplZ|<no value>|%!|https?://`).FindString(b.String()); bad != "" {
			t.Errorf("%s: %q in the page", l, bad)
		}
	}
}

func TestTheTableAddsUpAgain(t *testing.T) {
	var b strings.Builder
	if err := made(t, november(), "12-02 09:00").WriteCSV(&b, gateway.Chinese); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), "\ufeff"))).ReadAll()
	if err != nil || len(lines) != 4 {
		t.Fatalf("%v, %v", lines, err)
	}
	if diff := cmp.Diff([]string{"pump-1", "生活水泵", "98.47", "2592000000", "39600000", "0", "2", "19800000", "1276200000", "100.00"}, lines[1]); diff != "" {
		t.Errorf("first line (-want +got):\n%s", diff)
	}
}

func TestTheReportAsJSON(t *testing.T) {
	raw, err := json.Marshal(made(t, november(), "12-02 09:00"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"down_ms":50400000`, `"required_ms":7732800000`, `"percent":"99.34"`, `"by_facility":[`, `"allowed_ms":154656000`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in %s", want, raw)
		}
	}
}
