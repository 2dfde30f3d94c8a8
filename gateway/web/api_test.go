package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/gateway/web"
	"github.com/intact-gateway/intact/rules"
)

// fields is what an answer must hold, by gjson path, as raw JSON; "" for a
// field that must be missing.
type fields map[string]string

func (want fields) check(t *testing.T, body string) {
	t.Helper()
	if !gjson.Valid(body) {
		t.Fatalf("not JSON: %s", body)
	}
	for path, raw := range want {
		if got := gjson.Get(body, path).Raw; got != raw {
			t.Errorf("%s = %s, want %s", path, got, raw)
		}
	}
}

func TestReadingTheAPI(t *testing.T) {
	tests := []struct {
		name, target string
		want         fields
	}{
		{"facilities come in the order of the site", "/api/v1/facilities", fields{
			"items.#": "3", "next": "null", "items.0.id": `"lift-1"`, "items.0.class": `"elevator"`, "items.0.name.zh": `"1号电梯"`,
			"items.0.building": `"1"`, "items.0.criticality": `"A"`, "items.0.state": `"up"`, "items.0.lines.0": `"bus-b1"`,
			"items.1.state": `"down"`, "items.1.since": `"2026-03-10T11:59:00+08:00"`,
		}},
		{"a list is cut at its limit and says where to go on", "/api/v1/facilities?limit=2", fields{"items.#": "2", "next": `"2"`}},
		{"a list goes on at its cursor", "/api/v1/facilities?limit=2&cursor=2", fields{"items.#": "1", "items.0.id": `"bus-b1"`, "next": "null"}},
		{"one facility", "/api/v1/facilities/meter-1", fields{"id": `"meter-1"`, "place": `"\u003cscript\u003ealert(1)\u003c/script\u003e"`}},
		{"a bad value is null with its reason, never a number", "/api/v1/points?facility=meter-1", fields{
			"items.#": "2", "items.0.facility": `"meter-1"`, "items.0.name": `"v_l1"`, "items.0.value": "null", "items.0.unit": `"V"`,
			"items.0.quality": `"bad"`, "items.0.reason": `"timeout"`, "items.0.time": `"2026-03-10T11:59:58+08:00"`,
		}},
		{"a good value of an enum has its state", "/api/v1/points", fields{
			"items.#": "6", "items.1.value": "1", "items.1.state": `"normal"`, "items.1.quality": `"good"`, "items.1.reason": `""`,
		}},
		{"an alert without value or cause has null for them", "/api/v1/alerts", fields{
			"items.#": "1", "items.0.id": "3", "items.0.facility": `"meter-1"`, "items.0.rule": `"v_high"`, "items.0.severity": `"warning"`,
			"items.0.condition": `"active"`, "items.0.acked": "false", "items.0.shown_as": `"unacknowledged"`, "items.0.value": "null",
			"items.0.limit": "235.4", "items.0.ticket": "5", "items.0.cause": "null", "items.0.cleared": "null",
			"items.0.started": `"2026-03-10T11:50:00+08:00"`, "items.0.why.within": "7200",
		}},
		{"where a rule stands", "/api/v1/rules/meter-1/v_high", fields{
			"items.#": "1", "next": "null", "items.0.site": `"lakeside"`, "items.0.phase": `"active"`, "items.0.severity": `"warning"`, "items.0.left": "90",
			"items.0.ends": `"2026-03-10T12:01:30+08:00"`, "items.0.at": `"2026-03-10T12:00:00+08:00"`, "items.0.alert": "3", "items.0.shown_as": `"shelved"`,
			"items.0.shelf.by": `"王强"`, "items.0.cause.alert": "2", "items.0.cause.facility": `"lift-1"`, "items.0.cause.title.zh": `"停电"`,
			"items.0.over_time.#": "2", "items.0.over_time.0.means.en": `"slope of v_l1 over 5 min"`, "items.0.over_time.0.value": "2.5", "items.0.over_time.1.value": "null",
			"items.0.clears.en": `"v_l1 \u003c= 235.4 V, once its inputs are known again, for 1 min, and then a person resets it"`,
			"items.0.clears.zh": `"v_l1 \u003c= 235.4 V，且输入数据恢复，持续1分，再由人工复位"`,
		}},
		{"one alert", "/api/v1/alerts/3", fields{"id": "3", "unit": `"V"`}},
		{"a closed alert comes from the store", "/api/v1/alerts/2", fields{"id": "2", "condition": `"returned"`, "ticket": "null"}},
		{"all alerts come from the store", "/api/v1/alerts?state=all&limit=1", fields{"items.#": "1", "items.0.id": "1", "next": `"1"`}},
		{"tickets", "/api/v1/tickets", fields{
			"items.#": "1", "items.0.id": "5", "items.0.number": `"WX20260310-0001"`, "items.0.priority": `"ordinary"`, "items.0.state": `"new"`,
			"items.0.alert": "3", "items.0.opened": `"2026-03-10T11:50:30+08:00"`, "items.0.deadlines.respond": `"2026-03-10T13:50:00+08:00"`,
			"items.0.deadlines.arrive": "null", "items.0.breached": "[]", "items.0.active": "[3]", "items.0.moves": `["assign","accept","cancel"]`,
		}},
		{"one ticket", "/api/v1/tickets/5", fields{"id": "5"}},
		{"a closed ticket comes from the store", "/api/v1/tickets/4", fields{"id": "4", "state": `"closed"`, "alert": "null"}},
		{"closed tickets go on at the cursor", "/api/v1/tickets?state=closed&cursor=4", fields{"items": "[]", "next": "null"}},
	}
	g := newGateway(t)
	g.history.alerts = []alerts.Alert{{ID: 1, Severity: rules.Info}, {ID: 2, Severity: rules.Info}, {ID: 3}}
	g.history.tickets = []tickets.Ticket{{ID: 4, State: tickets.Closed}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := g.get(tt.target)
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			tt.want.check(t, w.Body.String())
		})
	}
}

func TestRefusalsAreProblemDocuments(t *testing.T) {
	tests := []struct {
		name, method, target, body string
		status                     int
		code                       string
	}{
		{"unknown facility", "GET", "/api/v1/facilities/nope", "", 404, "facility_not_found"},
		{"points of an unknown facility", "GET", "/api/v1/points?facility=nope", "", 404, "facility_not_found"},
		{"limit of zero", "GET", "/api/v1/points?limit=0", "", 400, "bad_limit"},
		{"limit that is no number", "GET", "/api/v1/points?limit=all", "", 400, "bad_limit"},
		{"foreign cursor", "GET", "/api/v1/alerts?cursor=-1", "", 400, "bad_cursor"},
		{"unknown state", "GET", "/api/v1/alerts?state=new", "", 400, "bad_state"},
		{"unknown state of tickets", "GET", "/api/v1/tickets?state=new", "", 400, "bad_state"},
		{"unknown rule", "GET", "/api/v1/rules/meter-1/v_low", "", 404, "rule_not_found"},
		{"unknown alert", "GET", "/api/v1/alerts/99", "", 404, "alert_not_found"},
		{"id that is no number", "GET", "/api/v1/alerts/abc", "", 400, "bad_id"},
		{"unknown ticket", "GET", "/api/v1/tickets/99", "", 404, "ticket_not_found"},
		{"negative ticket", "GET", "/api/v1/tickets/-5", "", 400, "bad_id"},
		{"acknowledging an unknown alert", "POST", "/api/v1/alerts/99/ack", `{"by":"Li"}`, 404, "alert_not_found"},
		{"acknowledging without a name", "POST", "/api/v1/alerts/3/ack", `{"by":"  "}`, 422, "name_required"},
		{"acknowledging under an endless name", "POST", "/api/v1/alerts/3/ack", `{"by":"` + strings.Repeat("x", 500) + `"}`, 422, "name_too_long"},
		{"misspelt key", "POST", "/api/v1/tickets/5/accept", `{"by":"Li","forse":true}`, 400, "bad_body"},
		{"two documents", "POST", "/api/v1/tickets/5/accept", `{"by":"Li"}{}`, 400, "bad_body"},
		{"no document", "POST", "/api/v1/tickets/5/accept", ``, 400, "bad_body"},
		{"moving an unknown ticket", "POST", "/api/v1/tickets/99/accept", `{"by":"Li"}`, 404, "ticket_not_found"},
		{"moving without a name", "POST", "/api/v1/tickets/5/accept", `{}`, 422, "name_required"},
		{"reporting on an unknown facility", "POST", "/api/v1/tickets", `{"by":"Li","facility":"nope","text":"x"}`, 404, "facility_not_found"},
		{"misspelt query", "GET", "/api/v1/points?facilty=lift-1", "", 400, "unknown_query"},
		{"query where there is none", "GET", "/api/v1/facilities/lift-1?state=up", "", 400, "unknown_query"},
		{"unknown query of a stream", "GET", "/api/v1/journal?since=3", "", 400, "unknown_query"},
		{"unknown grouping", "GET", "/api/v1/intact?by=floor", "", 400, "bad_by"},
		{"unreadable time", "GET", "/api/v1/intact?from=yesterday", "", 400, "bad_from"},
		{"window that ends before it begins", "GET", "/api/v1/intact?from=2026-03-10&to=2026-03-01", "", 400, "bad_from"},
		{"window in the future", "GET", "/api/v1/intact?from=2026-04-01", "", 400, "bad_from"},
		{"journal after nothing", "GET", "/api/v1/journal?after=x", "", 400, "bad_after"},
		{"stream of unknown points", "GET", "/api/v1/stream?points=some", "", 400, "bad_points"},
		{"stream of an unknown facility", "GET", "/api/v1/stream?facility=nope", "", 404, "facility_not_found"},
		{"shelving without a name", "POST", "/api/v1/alerts/3/shelve", `{"reason":"x","for":3600}`, 422, "name_required"},
		{"shelving for no time", "POST", "/api/v1/alerts/3/shelve", `{"by":"Li","reason":"x"}`, 422, "bad_shelf_time"},
		{"shelving for ever", "POST", "/api/v1/alerts/3/shelve", `{"by":"Li","reason":"x","for":1e300}`, 422, "bad_shelf_time"},
		{"shelving for an endless reason", "POST", "/api/v1/alerts/3/shelve", `{"by":"Li","reason":"` + strings.Repeat("x", 3000) + `","for":3600}`, 422, "reason_too_long"},
		{"shelving under an endless second name", "POST", "/api/v1/alerts/3/shelve", `{"by":"Li","reason":"x","for":3600,"second":"` + strings.Repeat("x", 500) + `"}`, 422, "name_too_long"},
		{"shelving an unknown alert", "POST", "/api/v1/alerts/99/shelve", `{"by":"Li","reason":"x","for":3600}`, 404, "alert_not_found"},
		{"unshelving without a name", "POST", "/api/v1/alerts/3/unshelve", `{}`, 422, "name_required"},
		{"control is not there yet", "POST", "/api/v1/control/lift-1/floor", `{}`, 404, "no_such_route"},
		{"unknown page", "GET", "/nothing", "", 404, "no_such_page"},
		{"deleting an alert", "DELETE", "/api/v1/alerts/3", "", 405, "method_not_allowed"},
	}
	g := newGateway(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := g.do(newJSONRequest(tt.method, tt.target, tt.body))
			if w.Code != tt.status || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			fields{"code": `"` + tt.code + `"`, "status": fmt.Sprint(tt.status)}.check(t, w.Body.String())
			if gjson.Get(w.Body.String(), "title").String() == "" {
				t.Error("no title")
			}
		})
	}
	if len(g.moves) > 0 || g.Snapshot().Alerts[0].Acked {
		t.Error("a refused request acted")
	}
}

func TestRefusalOfTheDeskReachesTheClient(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"acknowledged twice", fmt.Errorf("alert 3: %w by Li", alerts.ErrAcked), 409, "already_acknowledged"},
		{"shelved without a reason", fmt.Errorf("alert 3: %w", alerts.ErrNoReason), 422, "reason_required"},
		{"shelved by one where two are needed", fmt.Errorf("alert 3: %w", alerts.ErrNoSecond), 422, "second_required"},
		{"shelved for too long", fmt.Errorf("alert 3: %w", alerts.ErrShelfTime), 422, "bad_shelf_time"},
		{"taken off no shelf", fmt.Errorf("alert 3: %w", alerts.ErrNotShelved), 409, "not_shelved"},
		{"a reset that nothing waits for", fmt.Errorf("alert 3: %w", alerts.ErrNoLatch), 409, "not_latched"},
		{"a reset that comes too early", fmt.Errorf("alert 3: %w", pipeline.ErrStillActive), 409, "still_active"},
		{"a move that comes too late", fmt.Errorf("accept: %w", tickets.ErrNotAllowed), 409, "move_not_allowed"},
		{"a move that lacks something", fmt.Errorf("done: %w: cause", tickets.ErrIncomplete), 422, "incomplete"},
		{"while it reloads", pipeline.ErrStopped, 503, "restarting"},
		{"not written", fmt.Errorf("%w: disk full", pipeline.ErrNotWritten), 503, "not_written"},
		{"unknown fault", errors.New("secret /var/lib/intact"), 500, "internal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t)
			g.refuse = tt.err
			w := g.postJSON("/api/v1/alerts/3/ack", `{"by":"Li"}`)
			if w.Code != tt.status || gjson.Get(w.Body.String(), "code").String() != tt.code {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if gjson.Get(w.Body.String(), "hint").String() == "" {
				t.Errorf("no hint: %s", w.Body)
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "disk full") {
				t.Errorf("the inner error is told: %s", w.Body)
			}
		})
	}
}

func TestActsOfPersonsReachTheDesk(t *testing.T) {
	g := newGateway(t)
	w := g.postJSON("/api/v1/alerts/3/ack", `{"by":" 李工 ","note":"seen"}`)
	fields{"acked": "true", "acked_by": `"李工"`, "acked_at": `"2026-03-10T12:00:00+08:00"`, "ack_note": `"seen"`, "ack_via": `"api"`, "ack_until": "null"}.check(t, w.Body.String())

	w = g.postJSON("/api/v1/alerts/3/shelve", `{"by":" 李工 ","second":" 赵 ","reason":" 传感器待换 ","for":14400}`)
	fields{"shown_as": `"shelved"`, "isa": `"G"`, "shelf.by": `"李工"`, "shelf.second": `"赵"`, "shelf.reason": `"传感器待换"`,
		"shelf.since": `"2026-03-10T12:00:00+08:00"`, "shelf.until": `"2026-03-10T16:00:00+08:00"`}.check(t, w.Body.String())
	w = g.postJSON("/api/v1/alerts/3/unshelve", `{"by":"李工"}`)
	fields{"shown_as": `"acknowledged"`, "shelf": "null"}.check(t, w.Body.String())

	w = g.postJSON("/api/v1/tickets/5/done", `{"by":"王","note":"n","cause":"c","action":"a","force":true,"second":"赵","to":"李"}`)
	fields{"id": "5", "state": `"accepted"`, "owner": `"王"`}.check(t, w.Body.String())
	if m := g.moves[0]; m.Event != "done" || m.By != "王" || m.Note != "n" || m.Cause != "c" || m.Action != "a" || !m.Force || m.Second != "赵" || m.To != "李" {
		t.Errorf("move %+v", m)
	}

	w = g.postJSON("/api/v1/tickets", `{"by":"王","facility":"lift-1","text":"noise"}`)
	fields{"id": "6", "facility": `"lift-1"`, "text": `"noise"`}.check(t, w.Body.String())
}

func TestIntactRateOverAWindow(t *testing.T) {
	const hour = 3600_000
	g := newGateway(t)
	g.history.states = []intact.Event{
		{Facility: "lift-1", Effective: noon - 100*hour, Class: intact.Up},
		{Facility: "lift-1", Effective: noon - 3*hour, Class: intact.Down},
		{Facility: "lift-1", Effective: noon - 2*hour, Class: intact.Unknown},
		{Facility: "bus-b1", Effective: noon - 100*hour, Class: intact.Down},
	}
	from := url.QueryEscape("2026-03-10T02:00:00+08:00")
	w := g.get("/api/v1/intact?by=class&from=" + from)
	fields{
		"from": `"2026-03-10T02:00:00+08:00"`, "to": `"2026-03-10T12:00:00+08:00"`, "by": `"class"`, "target": "98", "items.#": "2", "next": "null",
		"items.0.key": `"elevator"`, "items.0.facilities": "1", "items.0.down_ms": "3600000", "items.0.required_ms": "28800000",
		"items.0.unknown_ms": "7200000", "items.0.planned_ms": "0", "items.0.percent": `"87.50"`, "items.0.pass": "false",
		"items.0.coverage": "0.8", "items.0.sufficient": "false", "items.0.no_data": "false",
		// A meter that was never heard of has no rate, rather than a perfect one.
		"items.1.key": `"electric_meter"`, "items.1.no_data": "true", "items.1.percent": "null", "items.1.pass": "null", "items.1.coverage": "null",
		"total.facilities": "2", "total.down_ms": "3600000",
	}.check(t, w.Body.String())

	w = g.get("/api/v1/intact?from=2026-03-09&to=2026-03-10")
	fields{"items.0.key": `"lift-1"`, "items.0.required_ms": "86400000", "items.0.percent": `"100.00"`, "items.0.pass": "true"}.check(t, w.Body.String())

	g.history.err = errors.New("disk")
	if w := g.get("/api/v1/intact"); w.Code != http.StatusInternalServerError {
		t.Errorf("a failing store answers %d", w.Code)
	}
}

func TestJournalIsStreamedLineByLine(t *testing.T) {
	g := newGateway(t)
	for seq := range int64(1200) {
		g.history.journal = append(g.history.journal, store.Entry{Seq: seq + 1, At: noon, Kind: "alert.raised"})
	}
	w := g.get("/api/v1/journal?after=3")
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if w.Header().Get("Content-Type") != "application/x-ndjson" || len(lines) != 1197 {
		t.Fatalf("%s, %d lines", w.Header().Get("Content-Type"), len(lines))
	}
	fields{"seq": "4", "at": `"2026-03-10T04:00:00.000Z"`}.check(t, lines[0])
	fields{"seq": "1200"}.check(t, lines[len(lines)-1])
}

// stalled is a client that takes some bytes and then none for ever.
type stalled struct {
	*httptest.ResponseRecorder
	room     int
	deadline time.Time
}

func (s *stalled) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *stalled) Write(p []byte) (int, error) {
	if len(p) <= s.room {
		s.room -= len(p)
		return s.ResponseRecorder.Write(p)
	}
	if s.deadline.IsZero() {
		select {} // for ever: the bubble reports it
	}
	time.Sleep(time.Until(s.deadline))
	return 0, os.ErrDeadlineExceeded
}

func TestAReaderOfTheJournalThatStallsIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for seq := range int64(1200) {
			g.history.journal = append(g.history.journal, store.Entry{Seq: seq + 1, At: noon, Kind: "alert.raised"})
		}
		began := time.Now()
		w := &stalled{ResponseRecorder: httptest.NewRecorder(), room: 4096}
		g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/journal", nil))
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("dropped after %s, want 10s", took)
		}
		if w.room == 4096 {
			t.Error("it got nothing at all")
		}
	})
}

func TestHealth(t *testing.T) {
	tests := []struct {
		name     string
		degraded []string
		age      time.Duration
		status   int
		want     fields
	}{
		{"all is well", nil, time.Second, 200, fields{"ready": "true", "problems": "[]", "degraded": "[]", "age": "1"}},
		{"InfluxDB is down", []string{"influx: refused"}, 0, 200, fields{"ready": "true", "degraded.0": `"influx: refused"`}},
		{"the disk is full", []string{"store: disk full"}, 0, 503, fields{"ready": "false", "problems.0": `"store: disk full"`}},
		{"the loop stands still", nil, 10 * time.Second, 503, fields{"ready": "false", "problems.#": "1", "age": "10"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t)
			g.publish(func(s *pipeline.Snapshot) { s.Degraded, s.Made = tt.degraded, made.Add(-tt.age) })
			w := g.get("/readyz")
			if w.Code != tt.status {
				t.Errorf("readyz %d, want %d", w.Code, tt.status)
			}
			tt.want.check(t, w.Body.String())
			if w := g.get("/healthz"); w.Code != 200 {
				t.Errorf("healthz %d", w.Code)
			}
		})
	}
}

// The wall clock says nothing of how old a snapshot is: somebody may set it.
func TestReadyWhateverTheWallClockSays(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  time.Duration // the wall clock, since the snapshot was made
		wait time.Duration
		want int
	}{
		{"set back, and the loop runs", -time.Hour, time.Second, http.StatusOK},
		{"set back, and the loop stands still", -time.Hour, freshFor, http.StatusServiceUnavailable},
		{"set forward, and the loop runs", time.Hour, time.Second, http.StatusOK},
		{"set forward, and the loop stands still", time.Hour, freshFor, http.StatusServiceUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, func(o *web.Options) { o.Now = nil })
				g.publish(func(s *pipeline.Snapshot) {
					s.Made, s.At = time.Now(), gateway.InstantOf(time.Now().Add(-tt.set))
				})
				time.Sleep(tt.wait)
				w := g.get("/readyz")
				if w.Code != tt.want {
					t.Errorf("readyz %d, want %d: %s", w.Code, tt.want, w.Body)
				}
				fields{"age": fmt.Sprint(tt.wait.Seconds())}.check(t, w.Body.String())
				if page := g.get("/?lang=en").Body.String(); strings.Contains(page, `role="alert" hidden`) != (tt.want == http.StatusOK) {
					t.Error("the page says otherwise")
				}
			})
		})
	}
}

// freshFor is how old the newest snapshot may be.
const freshFor = 10 * time.Second
