package web_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/gateway/web"
	"github.com/intact-gateway/intact/rules"
)

// The true parts fit.
var (
	_ web.Desk    = (*pipeline.Pipeline)(nil)
	_ web.History = (*store.DB)(nil)
)

// The script that hostile names carry.
const payload = `<script>alert(1)</script>`

// noon is 2026-03-10 12:00 in Shanghai.
const noon = gateway.Instant(1773115200000)

// made is when the snapshot of noon was made.
var made = time.Now()

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func text(zh, en string) gateway.Text { return gateway.Text{ZH: zh, EN: en} }

// lakeside is a small site: a lift, a meter whose names come from an attacker,
// and a line.
func lakeside(t testing.TB) *gateway.Site {
	t.Helper()
	mode := gateway.Point{Name: "mode", Text: text("模式", "Mode"), Role: "mode", Kind: gateway.Enum,
		States: map[int64]gateway.State{1: {Name: "normal", Text: text("正常", "normal")}}}
	link := gateway.Point{Name: "link", Text: text("通讯", "Link"), Role: "link", Kind: gateway.Discrete}
	site, err := gateway.NewSite("lakeside", text("湖畔花园", "Lakeside"), shanghai, gateway.Chinese, []gateway.Facility{
		{ID: "lift-1", Class: gateway.Elevator, Name: text("1号电梯", "Lift 1"), Building: "1", Place: "机房", Criticality: "A",
			Lines: []gateway.FacilityID{"bus-b1"}, Points: []gateway.Point{
				{Name: "floor", Text: text("楼层", "Floor"), Role: "floor"}, mode, link}},
		{ID: "meter-1", Class: gateway.ElectricMeter, Name: text(payload, payload), Building: payload, Place: payload,
			Points: []gateway.Point{{Name: "v_l1", Text: text(payload, payload), Role: "voltage.l1", Unit: "V", Decimals: 1}, link}},
		{ID: "bus-b1", Class: gateway.Line, Name: text("总线1", "Bus 1"), Points: []gateway.Point{link}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// busy returns a snapshot with an alert, a ticket and a bad value.
func busy(site *gateway.Site) *pipeline.Snapshot {
	s := &pipeline.Snapshot{
		Seq: 7, At: noon, Made: made, Site: site,
		Facilities: []pipeline.FacilityState{
			{Class: intact.Up, Since: noon - 86400_000, Heard: noon},
			{Class: intact.Down, Since: noon - 60_000, Heard: noon - 60_000},
			{Class: intact.Up, Since: noon - 86400_000, Heard: noon},
		},
		Today: make([]intact.Tally, 3), Month: make([]intact.Tally, 3), Total: make([]intact.Tally, 3),
		Alerts: []alerts.Alert{{
			ID: 3, Key: "meter-1/v_high", Facility: "meter-1", Rule: "v_high", Family: "voltage", Title: text("电压偏高", "Voltage high"),
			Severity: rules.Warning, Phase: rules.Active, Point: "meter-1/v_l1", Unit: "V", Value: math.NaN(), Limit: 235.4, Trip: math.NaN(), TripLimit: 235.4, Peak: math.NaN(),
			Started: noon - 600_000, Raised: noon - 570_000, Why: rules.Why{Response: text("查变压器", "Look at the transformer"), Within: 2 * time.Hour},
		}},
		Tickets: []tickets.Ticket{{
			ID: 5, Number: "WX20260310-0001", Facility: "meter-1", Family: "voltage", Title: text("电压偏高", "Voltage high"),
			Priority: tickets.Ordinary, State: tickets.New, Alert: 3, Latest: 3, Active: []alerts.ID{3}, Count: 1, Opened: noon - 570_000, Started: noon - 600_000,
			Deadlines: tickets.Deadlines{Respond: noon + 6600_000},
		}},
	}
	values := []gateway.Sample{
		{Quality: gateway.Good, Value: 7}, {Quality: gateway.Good, Value: 1}, {Quality: gateway.Good, Value: 1},
		{Quality: gateway.BadTimeout, Value: 231.7}, {Quality: gateway.Good, Value: 1}, {Quality: gateway.Good, Value: 1},
	}
	for ref, v := range values {
		v.Point, v.At = gateway.PointRef(ref), noon-2000
		s.Values = append(s.Values, v)
	}
	s.Today[0] = intact.Tally{Up: 43_200_000}
	s.Month[0] = intact.Tally{Up: 1000_000}
	s.Month[1] = intact.Tally{Up: 970_000, Down: 30_000}
	return s
}

// desk stands in for the pipeline.
type desk struct {
	mu      sync.Mutex
	snap    *pipeline.Snapshot
	newer   chan struct{}
	refuse  error
	moves   []tickets.Move
	request tickets.Request
	notes   []note
}

// note is a row that was given to the journal.
type note struct {
	kind, by string
	body     string
}

func (d *desk) Note(_ context.Context, kind, by string, body any) error {
	text, err := json.Marshal(body)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, note{kind, by, string(text)})
	return err
}

func newDesk(s *pipeline.Snapshot) *desk { return &desk{snap: s, newer: make(chan struct{})} }

func (d *desk) Snapshot() *pipeline.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snap
}

func (d *desk) Changed(s *pipeline.Snapshot) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s == d.snap {
		return d.newer
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// publish makes the next snapshot from the newest one.
func (d *desk) publish(change func(s *pipeline.Snapshot)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := *d.snap
	next.Seq++
	next.Values, next.Facilities = slices.Clone(next.Values), slices.Clone(next.Facilities)
	next.Alerts, next.Tickets = slices.Clone(next.Alerts), slices.Clone(next.Tickets)
	change(&next)
	d.snap = &next
	close(d.newer)
	d.newer = make(chan struct{})
}

func (d *desk) Ack(_ context.Context, id alerts.ID, k alerts.Acknowledgement) (alerts.Alert, error) {
	return d.onAlert(id, func(a *alerts.Alert) {
		a.Acked, a.AckedBy, a.AckedAt, a.AckNote, a.AckVia = true, k.By, noon, k.Note, k.Via
	})
}

func (d *desk) Reset(_ context.Context, id alerts.ID, _ string) (alerts.Alert, error) {
	return d.onAlert(id, func(a *alerts.Alert) { a.Phase = rules.Clearing })
}

func (d *desk) Shelve(_ context.Context, id alerts.ID, q alerts.Shelving) (alerts.Alert, error) {
	return d.onAlert(id, func(a *alerts.Alert) {
		a.Shelf = alerts.Shelf{Since: noon, Until: noon.Add(q.For), By: q.By, Second: q.Second, Reason: q.Reason}
	})
}

func (d *desk) Unshelve(_ context.Context, id alerts.ID, _ string) (alerts.Alert, error) {
	return d.onAlert(id, func(a *alerts.Alert) { a.Shelf = alerts.Shelf{} })
}

// Rule knows one rule, on the meter: its alert is hidden behind that of the lift
// and shelved.
func (d *desk) Rule(_ context.Context, f gateway.FacilityID, rule string) ([]pipeline.RuleStand, gateway.Instant, error) {
	if f != "meter-1" || rule != "v_high" {
		return nil, noon, d.refuse
	}
	return []pipeline.RuleStand{{
		Key: "meter-1/v_high", Point: "meter-1/v_l1", Terms: "warning: v_l1 > 235.4 V",
		Stand: rules.Stand{Phase: rules.Active, Severity: rules.Warning, Stale: true, Since: noon - 600_000, Ends: noon + 90_000,
			Until: "v_l1 <= 235.4 V", ClearAfter: time.Minute, Latch: true},
		Features: []rules.Feature{
			{Written: "rate(v_l1, 5min)", Means: text("v_l1 在 5 min 内的变化速度", "slope of v_l1 over 5 min"), Unit: "V/min", Value: 2.5, Quality: gateway.Good},
			{Written: "max(v_l1, 1h)", Value: 7, Quality: gateway.BadTimeout},
		},
		Alert: &alerts.Alert{ID: 3, Phase: rules.Active, Shelf: alerts.Shelf{Since: noon - 1000, Until: noon + 3600_000, By: "王强", Reason: "transformer"}},
		Cause: &alerts.Alert{ID: 2, Facility: "lift-1", Rule: "power", Title: text("停电", "Power lost")},
	}}, noon, d.refuse
}

// onAlert changes the alert id of the snapshot.
func (d *desk) onAlert(id alerts.ID, change func(*alerts.Alert)) (a alerts.Alert, err error) {
	if d.refuse != nil {
		return a, d.refuse
	}
	err = alerts.ErrNotFound
	d.publish(func(s *pipeline.Snapshot) {
		for i := range s.Alerts {
			if s.Alerts[i].ID == id {
				change(&s.Alerts[i])
				a, err = s.Alerts[i], nil
			}
		}
	})
	return a, err
}

func (d *desk) MoveTicket(_ context.Context, id tickets.ID, m tickets.Move) (t tickets.Ticket, err error) {
	if d.refuse != nil {
		return t, d.refuse
	}
	err = tickets.ErrNotFound
	d.publish(func(s *pipeline.Snapshot) {
		for i := range s.Tickets {
			if s.Tickets[i].ID == id {
				d.moves = append(d.moves, m)
				s.Tickets[i].State, s.Tickets[i].Owner = tickets.Accepted, m.By
				t, err = s.Tickets[i], nil
			}
		}
	})
	return t, err
}

func (d *desk) OpenTicket(_ context.Context, r tickets.Request) (t tickets.Ticket, err error) {
	if d.refuse != nil {
		return t, d.refuse
	}
	d.publish(func(s *pipeline.Snapshot) {
		d.request = r
		t = tickets.Ticket{ID: 6, Number: "WX20260310-0002", Facility: r.Facility, Priority: r.Priority, State: tickets.New, Text: r.Text}
		s.Tickets = append(s.Tickets, t)
	})
	return t, nil
}

// history stands in for the store.
type history struct {
	journal []store.Entry
	alerts  []alerts.Alert
	tickets []tickets.Ticket
	states  []intact.Event
	told    []store.Delivery
	err     error
}

func (h *history) Deliveries(_ context.Context, id alerts.ID) ([]store.Delivery, error) {
	return slices.DeleteFunc(slices.Clone(h.told), func(d store.Delivery) bool { return d.Alert != id }), h.err
}

func (h *history) Journal(_ context.Context, after int64, limit int) ([]store.Entry, error) {
	if h.err != nil {
		return nil, h.err
	}
	first := slices.IndexFunc(h.journal, func(e store.Entry) bool { return e.Seq > after })
	if first < 0 {
		return nil, nil
	}
	return h.journal[first:min(first+limit, len(h.journal))], nil
}

func (h *history) Alerts(_ context.Context, q store.Query) ([]alerts.Alert, error) {
	return past(h.alerts, q, h.err, func(a alerts.Alert) int64 { return int64(a.ID) })
}

func (h *history) Tickets(_ context.Context, q store.Query) ([]tickets.Ticket, error) {
	return past(h.tickets, q, h.err, func(t tickets.Ticket) int64 { return int64(t.ID) })
}

func past[T any](rows []T, q store.Query, err error, id func(T) int64) (page []T, _ error) {
	for _, row := range rows {
		if id(row) > q.After && len(page) < q.Limit {
			page = append(page, row)
		}
	}
	return page, err
}

func (h *history) States(_ context.Context, _ gateway.FacilityID, _, _ gateway.Instant) ([]intact.Event, error) {
	return h.states, h.err
}

func (h *history) AlertsIn(context.Context, gateway.Instant, gateway.Instant) ([]alerts.Alert, error) {
	return h.alerts, h.err
}

func (h *history) TicketsIn(context.Context, gateway.Instant, gateway.Instant) ([]tickets.Ticket, error) {
	return h.tickets, h.err
}

// gatewayAt is a handler over a busy desk at noon, with what stands behind it.
type gatewayAt struct {
	*desk
	*history
	http.Handler
}

func newGateway(t testing.TB, change ...func(*web.Options)) gatewayAt {
	t.Helper()
	g := gatewayAt{desk: newDesk(busy(lakeside(t))), history: &history{}}
	o := web.Options{Now: func() time.Time { return made }}
	for _, c := range change {
		c(&o)
	}
	g.Handler = web.New(g.desk, g.history, o)
	return g
}

func (g gatewayAt) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func (g gatewayAt) get(target string) *httptest.ResponseRecorder {
	return g.do(httptest.NewRequest(http.MethodGet, target, nil))
}

func (g gatewayAt) post(target, contentType, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return g.do(r)
}

func (g gatewayAt) postJSON(target, body string) *httptest.ResponseRecorder {
	return g.post(target, "application/json", body)
}

func (g gatewayAt) postForm(target, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	return g.post(target, "application/x-www-form-urlencoded", body, cookies...)
}
