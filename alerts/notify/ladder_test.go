package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/acklink"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// crew is a roster: wang, an electrician, by day, and li, a plumber, all day; zhao
// is on no shift and is told by a receiver of the site file.
func crew(t *testing.T) *roster.Roster {
	t.Helper()
	var hours roster.Hours
	if err := hours.UnmarshalText([]byte("08:00-20:00")); err != nil {
		t.Fatal(err)
	}
	c := roster.Config{
		People: []roster.Person{
			{ID: "wang", Name: "王强", Mobile: "13800000001", Trades: []roster.Trade{"electrician"}},
			{ID: "li", Name: "李敏", Mobile: "13800000002", Mail: "li@example.com", Trades: []roster.Trade{"plumber"}},
			{ID: "zhao", Name: "赵军", Receiver: "desk"},
		},
		Teams:  map[string][]string{"crew": {"wang", "li"}},
		Shifts: []roster.Shift{{ID: "day", Hours: hours, People: []string{"wang"}}, {ID: "always", People: []string{"li"}}},
	}
	return roster.New(c, shanghai)
}

func withLadder(t *testing.T, ladders ...notify.Ladder) notify.Config {
	phone := &notify.Phone{URL: "http://sms.example.com", Template: `{"to": "{to}"}`}
	return notify.Config{
		Receivers: receivers("desk", "boss"), Roster: crew(t), Ladder: ladders,
		People: notify.People{SMS: phone, Voice: phone, Email: &notify.Email{Server: "mail.example.com:465", From: "gateway@example.com"}},
	}
}

func TestWhomALadderTells(t *testing.T) {
	step := func(after time.Duration, tell ...string) notify.Step { return notify.Step{After: after, Tell: tell} }
	calls := step(15*time.Minute, "person/li", "team/crew")
	calls.By = "voice"
	again := step(20*time.Minute, "all")
	again.Repeat = 30 * time.Minute
	c := withLadder(t,
		notify.Ladder{Priority: tickets.Rescue, Steps: []notify.Step{step(0, "receiver/boss")}},
		notify.Ladder{Severity: "critical", Steps: []notify.Step{step(5*time.Minute, "duty"), step(10*time.Minute, "duty/electrician", "receiver/boss"), calls, again}},
	)
	l := notify.NewLadders(c, site(t))
	plumber := low()
	plumber.Why.Role = "plumber"
	told := func(a alerts.Alert, now gateway.Instant) (all []string) {
		for n := 0; n < 6; n++ {
			if after, ok := l.Due(&a, n); ok {
				all = append(all, after.String()+" "+strings.Join(l.Tell(&a, n, now), " "))
			}
		}
		return all
	}
	want := []string{
		"5m0s people/li", "10m0s people/wang boss", "15m0s people/li/voice people/wang/voice",
		"20m0s people/wang people/li desk", "50m0s people/wang people/li desk", "1h20m0s people/wang people/li desk",
	}
	if diff := cmp.Diff(want, told(plumber, at(9, 0, 0))); diff != "" {
		t.Errorf("by day (-want +got):\n%s", diff)
	}
	// At night nobody of the trade is on duty: whoever is has to do.
	if got := told(plumber, at(21, 0, 0))[1]; got != "10m0s people/li boss" {
		t.Errorf("at night the second step tells %q", got)
	}
	trapped := low()
	trapped.SLA = string(tickets.Rescue)
	if diff := cmp.Diff([]string{"0s boss"}, told(trapped, at(9, 0, 0))); diff != "" {
		t.Errorf("of a rescue (-want +got):\n%s", diff)
	}
	warning := low()
	warning.Worst, warning.Severity = rules.Warning, rules.Warning
	if got := told(warning, at(9, 0, 0)); got != nil {
		t.Errorf("of a warning %q are told", got)
	}
	a, last := low(), 0
	for _, ok := l.Due(&a, last); ok; _, ok = l.Due(&a, last) {
		last++
	}
	if last != 3+48 {
		t.Errorf("the ladder has %d rungs, want its steps and a day of the last one", last)
	}
}

// TestWhoWasWokenHearsThatItIsSeenTo: no route names them.
func TestWhoWasWokenHearsThatItIsSeenTo(t *testing.T) {
	c := withLadder(t, notify.Ladder{Steps: []notify.Step{{After: time.Minute, Tell: []string{"all"}}}})
	c.Routes = []notify.Route{{To: []string{"boss"}}}
	r := notify.NewRouter(c, site(t))
	a := low()
	a.Told, a.Call = true, alerts.Call{Count: 2, Since: at(9, 12, 0), Rungs: 3, Passed: 1, Heard: "people/wang people/gone desk"}
	notices := func(kind alerts.EventKind, change func(*alerts.Alert), to ...string) (all []string) {
		ev := alerts.Event{Kind: kind, At: at(9, 30, 0), Alert: a, To: to}
		change(&ev.Alert)
		for _, n := range r.Route(nil, ev, nil) {
			all = append(all, n.Key)
		}
		return all
	}
	same := func(*alerts.Alert) {}
	for _, tt := range []struct {
		name      string
		got, want []string
	}{
		{"a rung", notices(alerts.Escalated, same, "people/wang", "desk"), []string{"lakeside/7/escalated/2.3/people/wang", "lakeside/7/escalated/2.3/desk"}},
		{"the next one is something else", notices(alerts.Escalated, func(a *alerts.Alert) { a.Call.Rungs = 4 }, "desk"), []string{"lakeside/7/escalated/2.4/desk"}},
		{"acknowledged", notices(alerts.Acknowledged, func(a *alerts.Alert) { a.Acked, a.AckedBy = true, "li" }), []string{
			"lakeside/7/acknowledged/critical/1773106200000/people/wang", "lakeside/7/acknowledged/critical/1773106200000/desk"}},
		{"returned", notices(alerts.Returned, func(a *alerts.Alert) { a.Phase = rules.Normal }), []string{
			"lakeside/7/returned/critical/1773106200000/boss", "lakeside/7/returned/critical/1773106200000/people/wang", "lakeside/7/returned/critical/1773106200000/desk"}},
		{"another level is for those whom routes name", notices(alerts.LevelChanged, same), []string{"lakeside/7/level/critical/1773106200000/boss"}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	n := r.Route(nil, alerts.Event{Kind: alerts.Escalated, At: at(9, 30, 0), Alert: a, To: []string{"desk"}}, nil)
	var m notify.Message
	if err := json.Unmarshal(n[0].Body, &m); err != nil {
		t.Fatal(err)
	}
	const zh = "【升级】【紧急】1号楼泵房 1号生活泵 出水压力低：已18分钟无人确认，网关停止期间另有1级到时未通知，0.31MPa（下限0.40MPa），已持续20分钟。检查泵与管网。"
	const en = "[Escalated] [URGENT] Building 1 泵房 Pump 1 Outlet pressure low: nobody has acknowledged it for 18 min, 1 more steps fell due while the gateway was down, 0.31 MPa (lower limit 0.40 MPa), for 20 min. Check the pump and the mains."
	if m.Text.ZH != zh || m.Text.EN != en || m.Rung != 3 {
		t.Errorf("the message says\n%s\n%s\nof rung %d", m.Text.ZH, m.Text.EN, m.Rung)
	}
}

// TestPeopleOfTheRosterAreTold sends a message to the mobile of a person.
func TestPeopleOfTheRosterAreTold(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ To string }
		_ = json.NewDecoder(r.Body).Decode(&m)
		got = append(got, m.To)
	}))
	defer server.Close()
	c := withLadder(t, notify.Ladder{Steps: []notify.Step{{Tell: []string{"all"}, By: "voice"}}})
	c.Receivers = receivers("desk")
	c.People.SMS.URL = server.URL
	var ids []string
	for _, r := range c.Everybody() {
		ids = append(ids, r.ID)
	}
	if want := []string{"desk", "people/wang", "people/li", "people/wang/voice", "people/li/voice"}; !slices.Equal(ids, want) {
		t.Fatalf("the receivers are %q, want %q", ids, want)
	}
	to, err := notify.OpenReceiver(c.Everybody()[1], notify.Options{Site: site(t)})
	if err != nil {
		t.Fatal(err)
	}
	n := notify.NewRouter(c, site(t)).Route(nil, alerts.Event{Kind: alerts.Escalated, At: at(9, 30, 0), Alert: low(), To: []string{"people/wang"}}, nil)
	if err := to.Notify(context.Background(), n[0]); err != nil || !slices.Equal(got, []string{"13800000001"}) {
		t.Errorf("%v, and %q were told", err, got)
	}
}

func TestALadderThatEndsAtNobodyIsRefused(t *testing.T) {
	one := func(tell, by string) []notify.Ladder {
		return []notify.Ladder{{Steps: []notify.Step{{After: 5 * time.Minute, Tell: []string{tell}, By: by}}}}
	}
	two := func(a, b notify.Ladder) []notify.Ladder {
		a.Steps, b.Steps = one("all", "")[0].Steps, one("all", "")[0].Steps
		return []notify.Ladder{a, b}
	}
	noRoster := func(c *notify.Config) { c.Roster = nil }
	noPhone := func(c *notify.Config) { c.People = notify.People{} }
	as := func(*notify.Config) {}
	const tell = "ladder[0].steps[0].tell[0]"
	for _, tt := range []struct {
		name   string
		ladder []notify.Ladder
		change func(*notify.Config)
		want   string
	}{
		{"in order", one("duty/plumber", ""), as, ""},
		{"no such word", one("somebody", ""), as, tell + `: "somebody" names nobody`},
		{"no name", one("person", ""), as, tell + `: "person" names nobody`},
		{"a name too many", one("all/crew", ""), as, tell + `: "all/crew" names nobody`},
		{"no such receiver", one("receiver/bos", ""), as, tell + `: there is no receiver "bos" (did you mean boss?)`},
		{"no such person", one("person/wong", ""), as, tell + `: there is no person "wong" in the roster (did you mean wang?)`},
		{"no such team", one("team/night", ""), as, tell + `: there is no team "night"`},
		{"no such trade", one("duty/plumer", ""), as, tell + `: unknown trade "plumer" (did you mean plumber?)`},
		{"no roster", one("duty", ""), noRoster, tell + `: "duty" is looked up in the roster, and the site has none`},
		{"no way", one("team/crew", ""), noPhone, tell + ": team/crew may call wang, li, whom no message would reach"},
		{"not by this way", one("all", "email"), as, tell + ": all may call wang, zhao, whom no message would reach"},
		{"a receiver that is not", one("all", ""), func(c *notify.Config) { c.Receivers = receivers("boss") }, `receivers: zhao of the roster is told by receiver "desk", which there is not`},
		{"unknown way", one("all", "pigeon"), as, `ladder[0].steps[0].by: unknown way "pigeon"`},
		{"nothing to tell", []notify.Ladder{{Steps: []notify.Step{{}}}}, as, "ladder[0].steps[0].tell: the step tells nobody"},
		{"no steps", []notify.Ladder{{}}, as, "ladder[0].steps: the ladder has no steps"},
		{"two at once", []notify.Ladder{{Steps: []notify.Step{{After: time.Minute, Tell: []string{"all"}}, {After: time.Minute, Tell: []string{"all"}}}}}, as, "ladder[0].steps[1].after: step 2 is less than 1m0s after the one before"},
		{"every second", []notify.Ladder{{Steps: []notify.Step{{Tell: []string{"all"}, Repeat: time.Second}}}}, as, "ladder[0].steps[0].repeat: to tell people every 1s helps nobody"},
		{"behind a more general one", two(notify.Ladder{Severity: "warning"}, notify.Ladder{Severity: "critical"}), as, "ladder[1]: no alert comes to this ladder"},
		{"special before general", two(notify.Ladder{Classes: []gateway.Class{gateway.Pump}}, notify.Ladder{Severity: "critical"}), as, ""},
		{"unknown priority", two(notify.Ladder{Priority: "urgent"}, notify.Ladder{}), as, `ladder[0].priority: unknown priority "urgent"`},
		{"a way with a number of its own", one("all", ""), func(c *notify.Config) { c.People.SMS.To = []string{"13800000009"} }, "people.sms.to: it goes to the people of the roster"},
	} {
		c := withLadder(t, tt.ladder...)
		tt.change(&c)
		var got []string
		c.Validate(func(path, problem, hint string) { got = append(got, path+": "+problem+" ("+hint+")") })
		if all := strings.Join(got, "\n"); tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
			t.Errorf("%s: got %s\nwant %s", tt.name, all, tt.want)
		}
	}
}

// TestMessagesThatCallCarryALink: each person's knows who they are.
func TestMessagesThatCallCarryALink(t *testing.T) {
	c := withLadder(t, notify.Ladder{Steps: []notify.Step{{Tell: []string{"all"}, By: "voice"}}})
	r := notify.NewRouter(c, site(t))
	r.Link(func(c acklink.Claim) string {
		return fmt.Sprintf("https://lakeside.example.com/ack/%d-%d-%s", c.Alert, c.Call, c.By)
	})
	a := low()
	a.Call.Count = 2
	links := func(kind alerts.EventKind, to ...string) (all []string) {
		for _, n := range r.Route(nil, alerts.Event{Kind: kind, At: at(9, 30, 0), Alert: a, To: to}, nil) {
			var m notify.Message
			if err := json.Unmarshal(n.Body, &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, n.Receiver+" "+m.AckURL)
		}
		return all
	}
	const base = "https://lakeside.example.com/ack/7-2-"
	if diff := cmp.Diff([]string{"people/wang " + base + "王强", "people/li/voice " + base + "李敏", "desk " + base}, links(alerts.Escalated, "people/wang", "people/li/voice", "desk")); diff != "" {
		t.Errorf("a ladder's messages (-want +got):\n%s", diff)
	}
	a.Phase = rules.Normal
	if got := links(alerts.Returned)[0]; got != "desk " {
		t.Errorf("of its end: %q", got)
	}
}

// TestTheLinkOnACard is whole, however long the card is.
func TestTheLinkOnACard(t *testing.T) {
	const url = "https://lakeside.example.com/ack/AQcCtoD"
	var m notify.Message
	n := raised(t)
	if err := json.Unmarshal(n.Body, &m); err != nil {
		t.Fatal(err)
	}
	m.AckURL = url
	m.Detail.ZH = strings.Repeat("很长的说明", 2000)
	n.Body, _ = json.Marshal(m)
	for name, robot := range robots {
		var body string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
			_, _ = io.WriteString(w, `{"errcode": 0, "code": 0}`)
		}))
		to := open(t, notify.Receiver{Channel: robot.channel(server.URL+robot.path, "")})
		if err := to.Notify(t.Context(), n); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
		want := `[我来处理，确认报警](` + url + `)"`
		if name == "Feishu" {
			want = `"actions":[{"tag":"button","text":{"tag":"plain_text","content":"我来处理，确认报警"},"url":"` + url + `","type":"primary"}]`
		}
		if !strings.Contains(body, want) {
			t.Errorf("%s sends …%s", name, body[max(0, len(body)-300):])
		}
	}
}
