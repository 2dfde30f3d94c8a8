package web_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

func TestPageIsWrittenInBothLanguages(t *testing.T) {
	tests := []struct {
		name, target, accept, cookie string
		want                         []string
	}{
		{"the site's language by default", "/", "", "", []string{`lang="zh-CN"`, "湖畔花园", "设施完好率", "当前报警", "电压偏高", "未结工单", "待派单", "接单"}},
		{"the browser's language before it", "/", "en-GB,zh;q=0.5", "", []string{`lang="en"`, "Lakeside", "Intact rate", "Active alerts", "Voltage high", "Open tickets"}},
		{"a language nobody writes is passed over", "/", "fr-FR, zh-CN", "", []string{`lang="zh-CN"`}},
		{"what was chosen before the browser's", "/", "zh-CN", "en", []string{`lang="en"`}},
		{"what is asked for before all", "/?lang=zh", "en", "en", []string{`lang="zh-CN"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.target, nil)
			r.Header.Set("Accept-Language", tt.accept)
			if tt.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "intact_lang", Value: tt.cookie})
			}
			w := newGateway(t).do(r)
			if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for _, want := range tt.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("%q is missing", want)
				}
			}
		})
	}
}

func TestChosenLanguageIsRemembered(t *testing.T) {
	cookies := newGateway(t).get("/?lang=en").Result().Cookies()
	if len(cookies) != 1 || cookies[0].Name != "intact_lang" || cookies[0].Value != "en" || !cookies[0].HttpOnly {
		t.Errorf("cookies %v", cookies)
	}
}

func TestNamesFromOutsideAreEscaped(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) {
		s.Alerts[0].Title, s.Alerts[0].Acked, s.Alerts[0].AckedBy = text(payload, payload), true, payload
		s.Tickets[0].Text, s.Tickets[0].Owner, s.Tickets[0].Number = payload, payload, payload
		s.Degraded = []string{"store: " + payload}
	})
	for _, target := range []string{"/?open=meter-1", "/?lang=en", "/facilities/meter-1/points"} {
		body := g.get(target).Body.String()
		if strings.Contains(body, payload) {
			t.Errorf("%s holds the script", target)
		}
		if !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("%s does not show the name at all", target)
		}
	}
	who := g.postForm("/tickets/5/done", url.Values{"cause": {payload}}.Encode()).Body.String()
	if strings.Contains(who, payload) || !strings.Contains(who, "&lt;script&gt;") {
		t.Errorf("the question for the name: %s", who)
	}
}

func TestPageNeedsNothingInlineAndNothingFromElsewhere(t *testing.T) {
	body := newGateway(t).get("/?open=lift-1").Body.String()
	for _, bad := range []string{`<style`, ` style=`, ` onclick=`, ` onload=`, `javascript:`, `src="http`, `href="http`, `href="//`} {
		if strings.Contains(body, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if inline := regexp.MustCompile(`<script[^>]*>[^<]`).FindString(body); inline != "" {
		t.Errorf("inline script: %s", inline)
	}
}

func TestBadValueIsADashAndNeverANumber(t *testing.T) {
	g := newGateway(t)
	body := g.get("/?open=meter-1&lang=en").Body.String()
	if strings.Contains(body, "231.7") {
		t.Error("the value of a bad sample is shown")
	}
	cell := `data-point="meter-1/v_l1">—</b>`
	if n := strings.Count(body, cell); n < 2 {
		t.Errorf("%d cells show a dash, want the alert's and the table's", n)
	}
	if !strings.Contains(body, "no answer") {
		t.Error("the reason is missing")
	}
}

func TestRateWithoutDataIsNotARate(t *testing.T) {
	g := newGateway(t)
	body := g.get("/?lang=en").Body.String()
	if !strings.Contains(body, "no data") || !strings.Contains(body, "97.00%") || !strings.Contains(body, "below target") {
		t.Error("the meter's missing day or failing month is not shown")
	}
}

func TestBannerSaysAllIsWellOnlyIfEverythingIsKnownToBe(t *testing.T) {
	healthy := func(s *pipeline.Snapshot) {
		s.Alerts, s.Tickets = nil, nil
		for i := range s.Facilities {
			s.Facilities[i].Class = intact.Up
		}
		for i := range s.Values {
			s.Values[i].Quality = gateway.Good
		}
	}
	tests := []struct {
		name   string
		change func(s *pipeline.Snapshot)
		want   string
	}{
		{"nothing is wrong", func(*pipeline.Snapshot) {}, "All facilities are in order"},
		{"information is no fault", func(s *pipeline.Snapshot) {
			s.Alerts = []alerts.Alert{{ID: 1, Facility: "lift-1", Severity: rules.Info, Phase: rules.Active}}
		}, "All facilities are in order"},
		{"a facility is unknown", func(s *pipeline.Snapshot) { s.Facilities[0].Class = intact.Unknown }, "The state of some facilities is unknown"},
		{"a facility is down", func(s *pipeline.Snapshot) { s.Facilities[0].Class = intact.Down }, "Facilities are down"},
		{"a line is down", func(s *pipeline.Snapshot) { s.Facilities[2].Class = intact.Down }, "Lines lost"},
		{"not one value can be read", func(s *pipeline.Snapshot) { s.Values[3].Quality = gateway.BadException }, "The state of some facilities is unknown"},
		{"a part of the gateway fails", func(s *pipeline.Snapshot) { s.Degraded = []string{"store: disk full"} }, "The gateway itself has a fault"},
		{"a ticket is overdue", func(s *pipeline.Snapshot) {
			s.Tickets = []tickets.Ticket{{ID: 1, State: tickets.New, Deadlines: tickets.Deadlines{Respond: noon - 1}}}
		}, "Tickets are overdue"},
		{"what is shelved is not all well", func(s *pipeline.Snapshot) {
			s.Alerts = []alerts.Alert{{ID: 1, Facility: "lift-1", Severity: rules.LifeSafety, Phase: rules.Active, Shelf: alerts.Shelf{Until: noon + 1000}}}
		}, "All else is in order, but alerts are shelved"},
		{"a shelf hides no facility that is down", func(s *pipeline.Snapshot) {
			s.Alerts = []alerts.Alert{{ID: 1, Facility: "lift-1", Severity: rules.LifeSafety, Phase: rules.Active, Shelf: alerts.Shelf{Until: noon + 1000}}}
			s.Facilities[0].Class = intact.Down
		}, "Facilities are down"},
		{"the worst alert comes first", func(s *pipeline.Snapshot) {
			s.Alerts = []alerts.Alert{
				{ID: 1, Facility: "bus-b1", Severity: rules.Critical, Phase: rules.Active, Title: text("甲", "Cable cut")},
				{ID: 2, Facility: "lift-1", Severity: rules.LifeSafety, Phase: rules.Active, Title: text("困人", "Entrapment")},
			}
		}, "Lift 1 · Entrapment"},
		{"nothing was heard yet", func(s *pipeline.Snapshot) {
			for i := range s.Facilities {
				s.Facilities[i].Heard = 0
			}
		}, "No data yet"},
		{"the data stand still", func(s *pipeline.Snapshot) { s.Made = made.Add(-20 * time.Second) }, "The gateway&#39;s data stands still"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t)
			g.publish(healthy)
			g.publish(tt.change)
			_, banner, _ := strings.Cut(g.get("/?lang=en").Body.String(), `<section id="banner"`)
			_, headline, _ := strings.Cut(banner, "<h2>")
			headline, _, _ = strings.Cut(headline, "</h2>")
			if !strings.HasPrefix(headline, tt.want) {
				t.Errorf("headline %q, want %q", headline, tt.want)
			}
		})
	}
}

func TestWhatCannotBeReadIsNotShownAsUp(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) { s.Facilities[1].Class = intact.Up })
	_, card, _ := strings.Cut(g.get("/?lang=en").Body.String(), `data-facility="meter-1"`)
	card, _, _ = strings.Cut(card, "</details>")
	if !strings.Contains(card, `class="st-unknown"`) || !strings.Contains(card, `<span class="word">No reading`) {
		t.Errorf("the card of a meter without a reading:\n%s", card)
	}
}

func TestALostLineIsCountedApart(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) { s.Facilities[1].Class, s.Facilities[2].Class = intact.Down, intact.Down })
	_, banner, _ := strings.Cut(g.get("/?lang=en").Body.String(), `<section id="banner"`)
	banner, _, _ = strings.Cut(banner, "</section>")
	for _, want := range []string{"<b>1</b> Down", "<b>1</b> Lines lost", "<b>1</b> Up"} {
		if !strings.Contains(banner, want) {
			t.Errorf("no %q in %s", want, banner)
		}
	}
}

func TestStandingDataAreToldLoudly(t *testing.T) {
	g := newGateway(t)
	if !strings.Contains(g.get("/").Body.String(), `<div id="lost" class="lost" role="alert" hidden>`) {
		t.Error("fresh data are called lost")
	}
	g.publish(func(s *pipeline.Snapshot) { s.Made = made.Add(-75 * time.Second) })
	body := g.get("/?lang=en").Body.String()
	if !strings.Contains(body, `<div id="lost" class="lost" role="alert">`) || !strings.Contains(body, "1 min 15 s") {
		t.Error("data of 75 s ago are not called old")
	}
}

func TestActsWorkWithoutScript(t *testing.T) {
	g := newGateway(t)

	// Without a name the act is not done; the answer asks for it and goes on from there.
	w := g.postForm("/alerts/3/ack", "note=seen")
	if w.Code != http.StatusUnprocessableEntity || g.Snapshot().Alerts[0].Acked {
		t.Fatalf("%d, acknowledged %v", w.Code, g.Snapshot().Alerts[0].Acked)
	}
	for _, want := range []string{`action="/alerts/3/ack"`, `name="note" value="seen"`, `name="by"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the question lacks %s", want)
		}
	}
	w = g.postForm("/alerts/3/ack", url.Values{"note": {"seen"}, "by": {"李工"}}.Encode())
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if a := g.Snapshot().Alerts[0]; a.AckedBy != "李工" || a.AckNote != "seen" {
		t.Errorf("acknowledged by %q: %q", a.AckedBy, a.AckNote)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Name != "intact_name" {
		t.Fatalf("cookies %v", cookies)
	}

	// The name is asked for once.
	w = g.postForm("/tickets/5/done", "cause=c&action=a&force=true", cookies[0])
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if m := g.moves[0]; m.Event != "done" || m.By != "李工" || m.Cause != "c" || m.Action != "a" || !m.Force {
		t.Errorf("move %+v", m)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(cookies[0])
	if body := g.do(r).Body.String(); !strings.Contains(body, "李工") || !strings.Contains(body, `data-named="yes"`) {
		t.Error("the page does not know the name")
	}

	w = g.postForm("/tickets", "facility=lift-1&text=noise&priority=emergency", cookies[0])
	if w.Code != http.StatusSeeOther || g.request.Facility != "lift-1" || g.request.Text != "noise" || g.request.By != "李工" || g.request.Priority != tickets.Emergency {
		t.Errorf("%d, request %+v", w.Code, g.request)
	}
}

func TestAnAlertIsShelvedOnThePage(t *testing.T) {
	g := newGateway(t)
	if body := g.get("/").Body.String(); !strings.Contains(body, `action="/alerts/3/shelve"`) || strings.Contains(body, `name="second"`) {
		t.Error("the page offers no shelf, or asks for a second person for a meter")
	}
	w := g.postForm("/alerts/3/shelve", url.Values{"by": {"李工"}, "reason": {"待换表"}, "hours": {"4"}}.Encode())
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	body := g.get("/?lang=en").Body.String()
	for _, want := range []string{"Shelved until 16:00 · 李工: 待换表", `action="/alerts/3/unshelve"`, "1 shelved"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if w := g.postForm("/alerts/3/unshelve", url.Values{"by": {"李工"}}.Encode()); w.Code != http.StatusSeeOther || g.Snapshot().Alerts[0].Shelved() {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := g.postForm("/alerts/3/shelve", url.Values{"by": {"李工"}, "reason": {"x"}}.Encode()); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("shelved for a time that nobody said: %d", w.Code)
	}
}

func TestAnAlertSaysHowBadItWasAtWorst(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) {
		a := &s.Alerts[0]
		a.Phase, a.Trip, a.TripLimit, a.Peak = rules.Normal, 236.1, 235.4, 251.26
		a.Cleared = noon - 120_000
	})
	if body := g.get("/?lang=en").Body.String(); !strings.Contains(body, "limit 235.4\u00a0V, at worst 251.3\u00a0V") {
		t.Error("the page does not say how bad it was")
	} else if !strings.Contains(body, `11:50 – 11:58 · <time class="age">8 min</time>`) {
		t.Error("the page does not say how long it lasted")
	}
	fields{"trip": "236.1", "trip_limit": "235.4", "peak": "251.26"}.check(t, g.get("/api/v1/alerts/3").Body.String())
}

func TestAnAlertThatComesAndGoesSaysHowOften(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) {
		s.Alerts[0].Chatter = alerts.Chatter{Since: noon, Until: noon + 600_000, Times: 12}
	})
	if body := g.get("/?lang=en").Body.String(); !strings.Contains(body, "Comes and goes: 12 times so far") {
		t.Error("the page does not say how often")
	}
	fields{"chatter.times": "12", "chatter.until": `"2026-03-10T12:10:00+08:00"`}.check(t, g.get("/api/v1/alerts/3").Body.String())
}

func TestTwoPersonsAreAskedForWhereLivesHangOnIt(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) { s.Alerts[0].Facility = "lift-1" })
	if body := g.get("/").Body.String(); !strings.Contains(body, `name="second" required`) {
		t.Error("the page asks for one person to shelve an alert of a lift")
	}
}

func TestALatchedAlertIsResetOnThePage(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) { s.Alerts[0].Latch, s.Alerts[0].Acked = true, true })
	if body := g.get("/").Body.String(); !strings.Contains(body, `action="/alerts/3/reset"`) {
		t.Error("the page offers no reset")
	}
	w := g.postForm("/alerts/3/reset", url.Values{"by": {"李工"}}.Encode())
	if w.Code != http.StatusSeeOther || g.Snapshot().Alerts[0].Phase != rules.Clearing {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if body := g.get("/").Body.String(); strings.Contains(body, `action="/alerts/3/reset"`) {
		t.Error("the page offers to reset what is clearing")
	}
}

func TestRefusedActIsExplainedOnThePage(t *testing.T) {
	g := newGateway(t)
	w := g.postForm("/alerts/99/ack", "by=Li")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), `<div class="notice bad">`) || !strings.Contains(w.Body.String(), `id="alerts-list"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestFloodIsCutAndCounted(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) {
		s.Alerts = nil
		for id := range alerts.ID(5000) {
			s.Alerts = append(s.Alerts, alerts.Alert{ID: id + 1, Facility: "lift-1", Severity: rules.Warning, Phase: rules.Active})
		}
	})
	body := g.get("/?lang=en").Body.String()
	if n := strings.Count(body, `<li id="a-`); n != 200 {
		t.Errorf("%d alerts shown, want 200", n)
	}
	if !strings.Contains(body, "4800 more alerts are not shown") {
		t.Error("the rest is not counted")
	}
}

func TestSuppressedAlertsAreNotListed(t *testing.T) {
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) {
		s.Alerts[0].Children = 1
		s.Alerts = append(s.Alerts, alerts.Alert{ID: 4, Facility: "lift-1", Severity: rules.LifeSafety, Phase: rules.Active, Visibility: alerts.Suppressed, Cause: 3})
	})
	body := g.get("/?lang=en").Body.String()
	if strings.Contains(body, `id="a-4"`) || !strings.Contains(body, "1 consequences hidden behind it") {
		t.Error("a consequence is listed, or its cause does not name how many")
	}
}

func TestFacilityThatIsUpShowsItsAlarm(t *testing.T) {
	tests := []struct {
		name  string
		alert alerts.Alert
		shown bool
	}{
		{"active", alerts.Alert{ID: 9, Facility: "lift-1", Severity: rules.LifeSafety, Phase: rules.Active}, true},
		{"returned", alerts.Alert{ID: 9, Facility: "lift-1", Severity: rules.LifeSafety, Phase: rules.Normal}, false},
		{"hidden behind its cause", alerts.Alert{ID: 9, Facility: "lift-1", Severity: rules.LifeSafety, Phase: rules.Active, Visibility: alerts.Suppressed}, false},
		{"only information", alerts.Alert{ID: 9, Facility: "lift-1", Severity: rules.Info, Phase: rules.Active}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t)
			g.publish(func(s *pipeline.Snapshot) { s.Alerts = append(s.Alerts, tt.alert) })
			_, line, _ := strings.Cut(g.get("/").Body.String(), `<summary id="s-lift-1"`)
			line, _, _ = strings.Cut(line, "</summary>")
			if shown := strings.Contains(line, `class="alarm lv-life_safety"`); shown != tt.shown {
				t.Errorf("alarm shown %v: %s", shown, line)
			}
		})
	}
}

func TestOneDetectorDoesNotSpeakForAll(t *testing.T) {
	g := newGateway(t)
	site, err := gateway.NewSite("s", text("湖畔", "Lakeside"), shanghai, gateway.Chinese, []gateway.Facility{{
		ID: "panel", Class: gateway.FirePanel, Points: []gateway.Point{
			{Name: "d1", Role: "fire_alarm", Kind: gateway.Discrete}, {Name: "d2", Role: "fire_alarm", Kind: gateway.Discrete},
			{Name: "fault", Role: "fault", Kind: gateway.Discrete},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	g.publish(func(s *pipeline.Snapshot) {
		s.Site, s.Alerts, s.Tickets, s.Facilities = site, nil, nil, s.Facilities[:1]
		s.Values = []gateway.Sample{{Quality: gateway.Good}, {Point: 1, Quality: gateway.Good, Value: 1}, {Point: 2, Quality: gateway.Good}}
	})
	body := g.get("/").Body.String()
	if strings.Contains(body, `data-point="panel/d1"`) || !strings.Contains(body, `data-point="panel/fault"`) {
		t.Error("the line of the panel shows one of its two detectors, or not its fault")
	}
}

func TestPageIsCompressedForWhoeverTakesIt(t *testing.T) {
	g := newGateway(t)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Encoding", "gzip, br")
	w := g.do(r)
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("header %v", w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(z)
	if plain := g.get("/").Body.String(); err != nil || string(page) != plain {
		t.Errorf("%d bytes, want the %d of the plain page, %v", len(page), len(plain), err)
	}
}

func TestFirstLoadIsSmall(t *testing.T) {
	g := newGateway(t)
	var facilities []gateway.Facility
	for i := range 45 {
		facilities = append(facilities, gateway.Facility{
			ID: gateway.FacilityID(fmt.Sprintf("lift-%d", i)), Class: gateway.Elevator, Name: text("一号楼客梯", "Passenger lift"), Building: fmt.Sprint(i % 3),
			Points: []gateway.Point{{Name: "floor", Role: "floor"}, {Name: "mode", Role: "mode"}},
		})
	}
	site, err := gateway.NewSite("s", text("湖畔", "Lakeside"), shanghai, gateway.Chinese, facilities)
	if err != nil {
		t.Fatal(err)
	}
	g.publish(func(s *pipeline.Snapshot) {
		s.Site, s.Values = site, make([]gateway.Sample, site.Len())
		for ref := range site.Points() {
			s.Values[ref].Point = ref
		}
		s.Facilities = make([]pipeline.FacilityState, 45)
		s.Today, s.Month = make([]intact.Tally, 45), make([]intact.Tally, 45)
	})
	page := g.get("/").Body.String()
	size := len(page)
	for _, asset := range regexp.MustCompile(`/assets/[a-z.]+\?v=[0-9a-f]+`).FindAllString(page, -1) {
		w := g.get(asset)
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %s", asset, w.Code, w.Header().Get("Cache-Control"))
		}
		size += w.Body.Len()
	}
	if size > 100_000 {
		t.Errorf("the first load takes %d bytes, want less than 100 kB", size)
	}
}
