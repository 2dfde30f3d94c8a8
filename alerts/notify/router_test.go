package notify_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

var shanghai = time.FixedZone("CST", 8*3600)

// at returns a moment of 10 March 2026.
func at(hour, minute, second int) gateway.Instant {
	return gateway.InstantOf(time.Date(2026, 3, 10, hour, minute, second, 0, shanghai))
}

func site(t *testing.T) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("lakeside", gateway.Text{ZH: "湖畔花园", EN: "Lakeside Garden"}, shanghai, gateway.Chinese, []gateway.Facility{
		{ID: "lift-32", Class: gateway.Elevator, Name: gateway.Text{ZH: "3号楼2号电梯", EN: "Lift 2 of Building 3"}, Building: "3", Criticality: "A", Points: []gateway.Point{
			{Name: "occupied", Kind: gateway.Discrete, Text: gateway.Text{ZH: "轿内有人", EN: "Car is occupied"}},
			{Name: "mode", Kind: gateway.Enum, States: map[int64]gateway.State{3: {Text: gateway.Text{ZH: "消防返回", EN: "fire return"}}}},
		}},
		{ID: "pump-1", Class: gateway.Pump, Name: gateway.Text{ZH: "1号生活泵", EN: "Pump 1"}, Building: "1", Place: "泵房", Points: []gateway.Point{
			{Name: "pressure", Unit: "MPa", Decimals: 2}, {Name: "temperature", Unit: "degC"}, {Name: "flow", Unit: "m3/h"},
		}},
		{ID: "bus-b1", Class: gateway.Line, Name: gateway.Text{ZH: "泵房485总线1", EN: "Line b1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func receivers(ids ...string) (list []notify.Receiver) {
	for _, id := range ids {
		list = append(list, notify.Receiver{ID: id, Channel: notify.Channel{Webhook: &notify.Webhook{URL: "http://" + id}}})
	}
	return list
}

func low() alerts.Alert {
	return alerts.Alert{
		ID: 7, Facility: "pump-1", Rule: "outlet_low", Title: gateway.Text{ZH: "出水压力低", EN: "Outlet pressure low"},
		Why:      rules.Why{Response: gateway.Text{ZH: "检查泵与管网。", EN: "Check the pump and the mains."}},
		Severity: rules.Critical, Worst: rules.Critical, Phase: rules.Active,
		Point: "pump-1/pressure", Unit: "MPa", Value: 0.31, Limit: 0.4, Trip: 0.31, TripLimit: 0.4, Peak: 0.28, Started: at(9, 10, 0), Raised: at(9, 12, 0),
	}
}

func TestWhoIsTold(t *testing.T) {
	event := func(kind alerts.EventKind, change ...func(*alerts.Alert)) alerts.Event {
		ev := alerts.Event{Kind: kind, At: at(9, 12, 0), Alert: low()}
		for _, c := range change {
			c(&ev.Alert)
		}
		return ev
	}
	hidden := func(a *alerts.Alert) { a.Visibility = alerts.Suppressed }
	warning := func(a *alerts.Alert) { a.Severity = rules.Warning }
	only := func(s rules.Severity) func(*alerts.Alert) {
		return func(a *alerts.Alert) { a.Severity, a.Worst = s, s }
	}
	clearedNow := func(a *alerts.Alert) { a.Phase, a.Cleared = rules.Normal, at(9, 12, 0) }
	clearedBefore := func(a *alerts.Alert) { a.Phase, a.Cleared = rules.Normal, at(9, 11, 0) }
	nowhere := func(a *alerts.Alert) { a.Facility = "gone" }
	route := func(r notify.Route) []notify.Route { return []notify.Route{r} }
	desk := []string{"desk"}
	for _, tt := range []struct {
		name   string
		routes []notify.Route
		ev     alerts.Event
		want   string // receiver:event …
	}{
		{"without routes everybody of everything", nil, event(alerts.Raised), "desk:raised boss:raised"},
		{"without routes also of who acknowledged", nil, event(alerts.Acknowledged), "desk:acknowledged boss:acknowledged"},
		{"what is hidden", nil, event(alerts.Hidden, hidden), ""},
		{"raised while hidden", nil, event(alerts.Raised, hidden), ""},
		{"returned while hidden: nobody heard of it", nil, event(alerts.Returned, hidden), ""},
		{"revealed is the first they hear", nil, event(alerts.Revealed), "desk:raised boss:raised"},
		{"a shelf that ends is the first they hear", nil, event(alerts.Unshelved), "desk:raised boss:raised"},
		{"what comes back after it was acknowledged", nil, event(alerts.Realarmed), "desk:raised boss:raised"},
		{"settled after it came and went", nil, event(alerts.Calmed, clearedNow), "desk:returned boss:returned"},
		{"what is quiet", nil, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Quiet: true, Alert: low()}, ""},
		{"shelved", nil, event(alerts.Shelved), ""},
		{"stale", nil, event(alerts.WentStale), ""},
		{"fresh", nil, event(alerts.Fresh), ""},
		{"superseded: its end was told", nil, event(alerts.Superseded), ""},
		{"withdrawn while it was active", nil, event(alerts.Withdrawn, clearedNow), "desk:withdrawn boss:withdrawn"},
		{"withdrawn after it had returned", nil, event(alerts.Withdrawn, clearedBefore), ""},
		{"withdrawn with its facility", route(notify.Route{To: desk, Classes: []gateway.Class{gateway.Elevator}, Buildings: []string{"9"}}), event(alerts.Withdrawn, clearedNow, nowhere), "desk:withdrawn"},

		{"a route tells nobody else", route(notify.Route{To: desk}), event(alerts.Raised), "desk:raised"},
		{"a route does not tell of acknowledgements unless asked", route(notify.Route{To: desk}), event(alerts.Acknowledged), ""},
		{"asked for acknowledgements only", route(notify.Route{To: desk, Events: []string{"acknowledged"}}), event(alerts.Acknowledged), "desk:acknowledged"},
		{"asked for acknowledgements only, raised", route(notify.Route{To: desk, Events: []string{"acknowledged"}}), event(alerts.Raised), ""},
		{"bad enough", route(notify.Route{To: desk, Severity: "critical"}), event(alerts.Raised), "desk:raised"},
		{"worse", route(notify.Route{To: desk, Severity: "critical"}), event(alerts.Raised, only(rules.LifeSafety)), "desk:raised"},
		{"not bad enough", route(notify.Route{To: desk, Severity: "critical"}), event(alerts.Raised, only(rules.Warning)), ""},
		{"who heard that it is critical hears that it no longer is", route(notify.Route{To: desk, Severity: "critical"}), event(alerts.LevelChanged, warning), "desk:level"},
		{"and that it has returned from less", route(notify.Route{To: desk, Severity: "critical"}), event(alerts.Returned, warning), "desk:returned"},
		{"worse than ever is news to who wants raised only", route(notify.Route{To: desk, Events: []string{"raised"}}), event(alerts.LevelChanged), "desk:level"},
		{"better is not", route(notify.Route{To: desk, Events: []string{"raised"}}), event(alerts.LevelChanged, warning), ""},
		{"its class", route(notify.Route{To: desk, Classes: []gateway.Class{gateway.Elevator, gateway.Pump}}), event(alerts.Raised), "desk:raised"},
		{"another class", route(notify.Route{To: desk, Classes: []gateway.Class{gateway.Elevator}}), event(alerts.Raised), ""},
		{"its building", route(notify.Route{To: desk, Buildings: []string{"1"}}), event(alerts.Raised), "desk:raised"},
		{"another building", route(notify.Route{To: desk, Buildings: []string{"2"}}), event(alerts.Raised), ""},
		{"its class in another building", route(notify.Route{To: desk, Classes: []gateway.Class{gateway.Pump}, Buildings: []string{"2"}}), event(alerts.Raised), ""},
		{"two routes that match tell once", []notify.Route{{To: []string{"desk", "boss"}}, {To: desk}}, event(alerts.Raised), "desk:raised boss:raised"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := notify.NewRouter(notify.Config{Receivers: receivers("desk", "boss"), Routes: tt.routes}, site(t))
			var got []string
			for _, n := range r.Route(nil, tt.ev, nil) {
				got = append(got, n.Receiver+":"+n.Event)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestKeysAreStableAndDifferBetweenEvents(t *testing.T) {
	r := notify.NewRouter(notify.Config{Receivers: receivers("desk", "boss")}, site(t))
	a := low()
	ev := alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: a}
	first := r.Route(nil, ev, nil)
	if first[0].Key != "lakeside/7/raised/critical/1773105120000/desk" || first[0].Due != 0 || first[0].Made != ev.At {
		t.Errorf("notice is %+v", first[0])
	}
	keys := map[string]bool{}
	add := func(list []notify.Notice) {
		for _, n := range list {
			if keys[n.Key] {
				t.Errorf("%s came twice", n.Key)
			}
			keys[n.Key] = true
		}
	}
	add(first)
	if again := r.Route(nil, ev, nil); again[0].Key != first[0].Key || string(again[0].Body) != string(first[0].Body) {
		t.Errorf("the same event gave %s and %s", first[0].Key, again[0].Key)
	}
	for _, next := range []alerts.Event{
		{Kind: alerts.Raised, At: ev.At + 1, Alert: a},
		{Kind: alerts.Returned, At: ev.At, Alert: a},
		{Kind: alerts.LevelChanged, At: ev.At, Alert: a},
		{Kind: alerts.LevelChanged, At: ev.At, Alert: alerts.Alert{ID: 7, Facility: "pump-1", Severity: rules.Warning, Worst: rules.Critical}},
		{Kind: alerts.Raised, At: ev.At, Alert: alerts.Alert{ID: 8, Facility: "pump-1", Severity: rules.Critical, Worst: rules.Critical}},
	} {
		add(r.Route(nil, next, nil))
	}
}

// message routes ev to one receiver and decodes what it gets.
func message(t *testing.T, ev alerts.Event, ticket *tickets.Ticket) notify.Message {
	t.Helper()
	notices := notify.NewRouter(notify.Config{Receivers: receivers("desk")}, site(t)).Route(nil, ev, ticket)
	if len(notices) != 1 {
		t.Fatalf("%d notices", len(notices))
	}
	var m notify.Message
	if err := json.Unmarshal(notices[0].Body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheBodyIsTheDocumentedOne(t *testing.T) {
	a := low()
	a.Children, a.Acked = 2, true
	ticket := &tickets.Ticket{ID: 3, Number: "WX20260310-0007", Priority: tickets.Emergency, State: tickets.New, Deadlines: tickets.Deadlines{Respond: at(9, 15, 0), Arrive: at(9, 40, 0)}}
	notices := notify.NewRouter(notify.Config{Receivers: receivers("desk")}, site(t)).Route(nil, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: a}, ticket)
	var got map[string]any
	if err := json.Unmarshal(notices[0].Body, &got); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"text", "headline", "detail"} { // what they say stands in other tests
		if _, ok := got[words].(map[string]any); !ok {
			t.Errorf("there is no %s", words)
		}
		delete(got, words)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(`{
		"site": "lakeside", "event": "raised", "at": "2026-03-10T09:12:00.000+08:00",
		"alert": {
			"id": 7, "facility": "pump-1", "name": {"zh": "1号生活泵", "en": "Pump 1"}, "class": "pump", "building": "1", "place": "泵房",
			"rule": "outlet_low", "title": {"zh": "出水压力低", "en": "Outlet pressure low"},
			"response": {"zh": "检查泵与管网。", "en": "Check the pump and the mains."},
			"severity": "critical", "condition": "active", "stale": false, "acked": true, "shown_as": "acknowledged", "isa": "C",
			"point": "pump-1/pressure", "value": 0.31, "unit": "MPa", "limit": 0.4,
			"started": "2026-03-10T09:10:00.000+08:00", "cleared": null, "consequences": 2, "times": 0, "trip": 0.31, "peak": 0.28, "ticket": 3
		},
		"ticket": {"id": 3, "number": "WX20260310-0007", "priority": "emergency", "state": "new", "deadlines": {
			"respond": "2026-03-10T09:15:00.000+08:00", "arrive": "2026-03-10T09:40:00.000+08:00", "reply": null, "finish": null}}
	}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}
}

func TestWhatIsNotKnownIsNull(t *testing.T) {
	a := low()
	a.Value, a.Limit, a.Phase = math.NaN(), math.Inf(1), rules.Clearing
	m := message(t, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: a}, nil)
	if m.Alert.Value != nil || m.Alert.Limit != nil || m.Ticket != nil || m.Alert.Ticket != nil || m.Alert.Condition != "clearing" {
		t.Errorf("got %+v", m)
	}
}

func TestText(t *testing.T) {
	pump := func(change ...func(*alerts.Alert)) alerts.Alert {
		a := low()
		for _, c := range change {
			c(&a)
		}
		return a
	}
	entrapment := alerts.Alert{
		ID: 8, Facility: "lift-32", Rule: "entrapment", Title: gateway.Text{ZH: "疑似困人", EN: "Passenger possibly trapped"},
		Why:      rules.Why{Response: gateway.Text{ZH: "安抚乘客，勿强行撬门", EN: "Calm the passenger, do not force the door"}},
		Severity: rules.LifeSafety, Point: "lift-32/occupied", Value: 1, Limit: math.NaN(), Started: at(9, 10, 40),
	}
	silent := alerts.Alert{
		ID: 9, Facility: "bus-b1", Rule: alerts.CommLoss, Title: gateway.Text{ZH: "线路无应答", EN: "No answer on the line"},
		Severity: rules.Warning, Point: "bus-b1/link", Value: 0, Limit: math.NaN(), Started: at(9, 2, 0), Children: 6,
	}
	rescue := &tickets.Ticket{Number: "WX20260310-0007", Priority: tickets.Rescue, Deadlines: tickets.Deadlines{Respond: at(9, 15, 0), Arrive: at(9, 42, 0)}}
	ordinary := &tickets.Ticket{Number: "WX20260310-0008", Priority: tickets.Ordinary, Deadlines: tickets.Deadlines{Respond: at(25, 10, 0), Arrive: at(27, 0, 0)}}
	taken := *ordinary
	taken.Responded = at(9, 11, 0)
	for _, tt := range []struct {
		name   string
		ev     alerts.Event
		ticket *tickets.Ticket
		zh, en string
	}{
		{
			"a person in danger", alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: entrapment}, rescue,
			"【紧急】3号楼2号电梯 疑似困人：已持续1分20秒。请09:42前到场。安抚乘客，勿强行撬门。工单 WX20260310-0007。",
			"[URGENT] Lift 2 of Building 3 Passenger possibly trapped: for 1 min 20 s. Be on site by 09:42. Calm the passenger, do not force the door. Ticket WX20260310-0007.",
		},
		{
			"a value below its limit", alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: pump()}, nil,
			"【紧急】1号楼泵房 1号生活泵 出水压力低：0.31MPa（下限0.40MPa），已持续2分钟。检查泵与管网。",
			"[URGENT] Building 1 泵房 Pump 1 Outlet pressure low: 0.31 MPa (lower limit 0.40 MPa), for 2 min. Check the pump and the mains.",
		},
		{
			"a value that looks like its limit when rounded", alerts.Event{Kind: alerts.Raised, At: at(9, 10, 0), Alert: pump(func(a *alerts.Alert) { a.Value = 0.399 })}, nil,
			"【紧急】1号楼泵房 1号生活泵 出水压力低：0.399MPa（下限0.4MPa）。检查泵与管网。",
			"[URGENT] Building 1 泵房 Pump 1 Outlet pressure low: 0.399 MPa (lower limit 0.4 MPa). Check the pump and the mains.",
		},
		{
			"no decimals said, above the limit, readings gone since", alerts.Event{Kind: alerts.Revealed, At: at(9, 12, 0), Alert: pump(func(a *alerts.Alert) {
				a.Severity, a.Point, a.Unit, a.Value, a.Limit, a.Stale = rules.Warning, "pump-1/temperature", "degC", 75.30000000001, 75, true
			})}, &taken,
			"【一般】1号楼泵房 1号生活泵 出水压力低：75.3°C（上限75°C），已持续2分钟，读数已失效，按最后已知状态。检查泵与管网。工单 WX20260310-0008。",
			"[Warning] Building 1 泵房 Pump 1 Outlet pressure low: 75.3 °C (upper limit 75 °C), for 2 min, readings have failed, last known state. Check the pump and the mains. Ticket WX20260310-0008.",
		},
		{
			"better than before, to be answered tomorrow", alerts.Event{Kind: alerts.LevelChanged, At: at(10, 15, 0), Alert: pump(func(a *alerts.Alert) {
				a.Severity, a.Point, a.Unit, a.Value, a.Limit = rules.Info, "pump-1/flow", "m3/h", 12, 12
			})}, ordinary,
			"【提示】1号楼泵房 1号生活泵 出水压力低：级别变更，12m³/h（限值12m³/h），已持续1小时5分钟。请03月11日 01:10前响应。检查泵与管网。工单 WX20260310-0008。",
			"[Note] Building 1 泵房 Pump 1 Outlet pressure low: level changed, 12 m³/h (limit 12 m³/h), for 1 h 5 min. Answer by 11 Mar 01:10. Check the pump and the mains. Ticket WX20260310-0008.",
		},
		{
			"back to normal with the value it has now", alerts.Event{Kind: alerts.Returned, At: at(9, 50, 0), Alert: pump(func(a *alerts.Alert) {
				a.Value, a.Phase, a.Cleared = 0.45, rules.Normal, at(9, 48, 0)
			})}, ordinary,
			"【恢复】1号楼泵房 1号生活泵 出水压力低：已恢复正常，现0.45MPa，最差0.28MPa，持续故障38分钟，待现场确认后关闭。工单 WX20260310-0008。",
			"[Returned] Building 1 泵房 Pump 1 Outlet pressure low: back to normal, now 0.45 MPa, at worst 0.28 MPa, the fault lasted 38 min, to be confirmed on site. Ticket WX20260310-0008.",
		},
		{
			"back to normal after days, without a ticket or a value", alerts.Event{Kind: alerts.Returned, At: at(9, 50, 0), Alert: pump(func(a *alerts.Alert) {
				a.Value, a.Phase, a.Cleared, a.Started = math.NaN(), rules.Normal, at(9, 10, 0), at(9-50, 10, 0)
			})}, nil,
			"【恢复】1号楼泵房 1号生活泵 出水压力低：已恢复正常，最差0.28MPa，持续故障2天2小时。",
			"[Returned] Building 1 泵房 Pump 1 Outlet pressure low: back to normal, at worst 0.28 MPa, the fault lasted 2 d 2 h.",
		},
		{
			"acknowledged", alerts.Event{Kind: alerts.Acknowledged, At: at(9, 13, 0), By: "王强", Alert: pump(func(a *alerts.Alert) { a.Acked, a.AckedBy, a.AckNote = true, "王强", "马上到" })}, nil,
			"【已确认】1号楼泵房 1号生活泵 出水压力低：王强已确认，马上到。",
			"[Acknowledged] Building 1 泵房 Pump 1 Outlet pressure low: acknowledged by 王强, 马上到.",
		},
		{
			"nothing is said to be normal when it is only no longer watched", alerts.Event{Kind: alerts.Withdrawn, At: at(9, 13, 0), Alert: pump(func(a *alerts.Alert) {
				a.Facility, a.Point, a.Cleared = "pump-9", "pump-9/x", at(9, 13, 0)
			})}, nil,
			"【撤销】pump-9 出水压力低：规则或设施已从配置中移除，不再监视，请现场确认。",
			"[Withdrawn] pump-9 Outlet pressure low: its rule or facility was taken out of the configuration, it is no longer watched, check on site.",
		},
		{
			"it comes and goes", alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: pump(func(a *alerts.Alert) {
				a.Chatter = alerts.Chatter{Since: at(9, 12, 0), Until: at(9, 22, 0), Times: 3}
			})}, nil,
			"【紧急】1号楼泵房 1号生活泵 出水压力低：0.31MPa（下限0.40MPa），已持续2分钟，反复发生已3次，稳定后再通知。检查泵与管网。",
			"[URGENT] Building 1 泵房 Pump 1 Outlet pressure low: 0.31 MPa (lower limit 0.40 MPa), for 2 min, it comes and goes, 3 times so far, you will hear when it has settled. Check the pump and the mains.",
		},
		{
			"it has settled", alerts.Event{Kind: alerts.Calmed, At: at(9, 30, 0), Alert: pump(func(a *alerts.Alert) {
				a.Phase, a.Value, a.Cleared, a.Chatter = rules.Normal, 0.52, at(9, 20, 0), alerts.Chatter{Since: at(9, 12, 0), Times: 41}
			})}, nil,
			"【恢复】1号楼泵房 1号生活泵 出水压力低：已恢复正常，现0.52MPa，最差0.28MPa，共发生41次。",
			"[Returned] Building 1 泵房 Pump 1 Outlet pressure low: back to normal, now 0.52 MPa, at worst 0.28 MPa, it came 41 times.",
		},
		{
			"a silent line", alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: silent}, nil,
			"【通讯中断】泵房485总线1 线路无应答：已持续10分钟，另有6项后续报警已合并。",
			"[No contact] Line b1 No answer on the line: for 10 min, 6 more alerts are its consequence.",
		},
		{
			"a state in words, never its code", alerts.Event{Kind: alerts.Raised, At: at(9, 10, 40), Alert: func() alerts.Alert {
				a := entrapment
				a.Point, a.Value = "lift-32/mode", 3
				return a
			}()}, nil,
			"【紧急】3号楼2号电梯 疑似困人：消防返回。安抚乘客，勿强行撬门。",
			"[URGENT] Lift 2 of Building 3 Passenger possibly trapped: fire return. Calm the passenger, do not force the door.",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := message(t, tt.ev, tt.ticket).Text
			if diff := cmp.Diff(gateway.Text{ZH: tt.zh, EN: tt.en}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestALongTextIsCutBetweenCharacters(t *testing.T) {
	for pad := range 3 {
		a := low()
		a.AckedBy = strings.Repeat("x", pad) + strings.Repeat("长", 2000)
		got := message(t, alerts.Event{Kind: alerts.Acknowledged, At: at(9, 12, 0), Alert: a}, nil).Text
		for _, s := range []string{got.ZH, got.EN} {
			if len(s) > 2048 || len(s) < 2040 || !utf8.ValidString(s) || !strings.HasSuffix(s, "长…") {
				t.Errorf("%d bytes, ends in %q", len(s), s[len(s)-9:])
			}
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	s, err := gateway.NewSite("s", gateway.Text{}, shanghai, gateway.Chinese, []gateway.Facility{{ID: "pump-1", Class: gateway.Pump, Points: []gateway.Point{{Name: "pressure", Unit: "MPa", Decimals: 2}}}})
	if err != nil {
		b.Fatal(err)
	}
	r := notify.NewRouter(notify.Config{Receivers: receivers("desk", "boss")}, s)
	ev := alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: low()}
	var dst []notify.Notice
	b.ReportAllocs()
	for b.Loop() {
		dst = r.Route(dst[:0], ev, nil)
	}
}
