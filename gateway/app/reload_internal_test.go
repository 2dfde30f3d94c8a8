package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
	simulator "github.com/intact-gateway/intact/simulators/modbus"
)

const reloadSite = `
site: {id: lakeside, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {plc: {tcp: "plc:502"}}
facilities:
  - {id: pump-1, profile: acme-pump, bus: plc, unit: 1, every: 1s}
  - {id: pump-2, profile: acme-pump, bus: plc, unit: 2, every: 1s}
profiles: [pump.yaml]
rules: {packs: [], files: [rules.yaml]}
`

const reloadProfile = `
profile: acme-pump
name: {zh: 水泵, en: Pump}
class: pump
source: made for a test
trust: paper
defaults: {numbering: wire_0based, group: normal}
limits: {timeout: 500ms}
points:
  level: {reg: 0, type: u16, unit: m, scale: 0.01, name: {zh: 液位, en: Level}}
`

const reloadRules = `
class: pump
params: {least: 1 m}
rules:
  low:
    title: {zh: 液位低, en: Level low}
    severity: warning
    when: level < $least
    reset: level > $least + 0.1 m
    hold: 20s
    ticket: ordinary
    why: {cause: {zh: 漏, en: leak}, consequence: {zh: 停, en: stop}, response: {zh: 查, en: look}}
`

// waterworks is a gateway of which the files can be changed, with two pumps.
type waterworks struct {
	*App
	t     *testing.T
	files fstest.MapFS
	pumps [4]*simulator.Unit // by unit number
}

// withWaterworks runs f beside a gateway, and stops that.
func withWaterworks(t *testing.T, f func(w *waterworks)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := new(plc)
		w := &waterworks{t: t, files: fstest.MapFS{
			"site.yaml": {Data: []byte(reloadSite)}, "pump.yaml": {Data: []byte(reloadProfile)}, "rules.yaml": {Data: []byte(reloadRules)},
		}}
		for id := byte(1); id < 4; id++ {
			w.pumps[id] = p.unit(t, id, 1)
			w.level(id, 200)
		}
		w.App, _ = startSite(t, w.files, p.dial)
		time.Sleep(10 * time.Second)
		f(w)
		if err := w.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		p.serving.Wait()
	})
}

// level sets the level of a pump in centimetres.
func (w *waterworks) level(unit byte, cm uint16) { w.pumps[unit].SetRegister(simulator.Holding, 0, cm) }

// change replaces text in a file.
func (w *waterworks) change(name, old, by string) {
	w.t.Helper()
	text := string(w.files[name].Data)
	if !strings.Contains(text, old) {
		w.t.Fatalf("%s has no %q", name, old)
	}
	w.files[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, by, 1))}
}

func (w *waterworks) reload() {
	w.t.Helper()
	if err := w.Reload(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *waterworks) alert(f gateway.FacilityID) *alerts.Alert {
	for _, a := range w.Snapshot().Alerts {
		if a.Facility == f && a.Rule == "low" {
			return &a
		}
	}
	return nil
}

func (w *waterworks) journal(kind string) (found []store.Entry) {
	w.t.Helper()
	all, err := w.db.Journal(w.t.Context(), 0, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		if strings.HasPrefix(e.Kind, kind) {
			found = append(found, e)
		}
	}
	return found
}

// metrics returns the page for Prometheus.
func (w *waterworks) metrics() string {
	r := httptest.NewRecorder()
	(*w.page.Load()).ServeHTTP(r, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil))
	body, _ := io.ReadAll(r.Body)
	return string(body)
}

func (w *waterworks) wantMetric(line string) {
	w.t.Helper()
	if !strings.Contains(w.metrics(), line+"\n") {
		w.t.Errorf("the metrics have no %s", line)
	}
}

// TestAReloadTakesNoNoticeOfWhatIsUnchanged: pump-1 has an alert and a ticket, on
// pump-2 a hold runs.
func TestAReloadTakesNoNoticeOfWhatIsUnchanged(t *testing.T) {
	withWaterworks(t, func(w *waterworks) {
		w.level(1, 90)
		time.Sleep(30 * time.Second)
		w.level(2, 80)
		time.Sleep(15 * time.Second)
		before, jobs := w.alert("pump-1"), w.Snapshot().Tickets
		if before == nil || len(jobs) != 1 {
			t.Fatalf("alert %v, tickets %v", before, jobs)
		}
		w.change("site.yaml", "profiles:", "  - {id: pump-3, profile: acme-pump, bus: plc, unit: 3, every: 1s}\nprofiles:")
		w.reload()
		time.Sleep(3 * time.Second)
		if w.alert("pump-2") != nil {
			t.Error("the hold has ended early")
		}
		time.Sleep(4 * time.Second)
		if a := w.alert("pump-2"); a == nil || a.Raised.Sub(a.Started) > 22*time.Second {
			t.Errorf("the hold began anew: %+v", a)
		}
		if a := w.alert("pump-1"); a == nil || a.ID != before.ID || a.Raised != before.Raised || a.Stale {
			t.Errorf("the alert was %+v, is %+v", before, a)
		}
		now := w.Snapshot().Tickets
		if i := slices.IndexFunc(now, func(j tickets.Ticket) bool { return j.Number == jobs[0].Number }); i < 0 || now[i].Deadlines != jobs[0].Deadlines {
			t.Errorf("the ticket was %+v, now there are %+v", jobs[0], now)
		}
		if n := len(w.journal("gateway.reloaded")); n != 1 {
			t.Errorf("%d reloads on record", n)
		}
		for _, kind := range []string{"alert.retuned", "alert.withdrawn"} {
			if rows := w.journal(kind); len(rows) != 0 {
				t.Errorf("on record is %s", rows[0].Body)
			}
		}
		if n := len(w.journal("alert.raised")); n != 2 {
			t.Errorf("%d alerts were raised, want those of the two pumps", n)
		}
		w.wantMetric(`intact_reload_total{result="ok"} 1`)
		if w.Snapshot().Site.Facility("pump-3") == nil {
			t.Error("the new pump is not watched")
		}
	})
}

// TestABadFileChangesNothing: every fault is told.
func TestABadFileChangesNothing(t *testing.T) {
	withWaterworks(t, func(w *waterworks) {
		w.level(1, 90)
		time.Sleep(30 * time.Second)
		rows, parts := len(w.journal("")), w.running.Load()
		w.change("rules.yaml", "level < $least", "levle < $least")
		w.change("site.yaml", "bus: plc, unit: 2", "bus: pcl, unit: 2")
		err := w.Reload()
		faults, ok := errors.AsType[*configs.Errors](err)
		if !ok || len(faults.Problems) < 1 || !strings.Contains(err.Error(), "site.yaml:7") {
			t.Errorf("refused with %v", err)
		}
		time.Sleep(5 * time.Second)
		if w.running.Load() != parts || len(w.journal("")) != rows || w.alert("pump-1") == nil {
			t.Error("something has changed")
		}
		w.wantMetric(`intact_reload_total{result="refused"} 1`)
		w.wantMetric(`intact_reload_total{result="ok"} 0`)
	})
}

func TestAnotherSiteIsRefused(t *testing.T) {
	withWaterworks(t, func(w *waterworks) {
		w.change("site.yaml", "id: lakeside", "id: hillside")
		if err := w.Reload(); err == nil || !strings.Contains(err.Error(), "site.id is hillside and was lakeside") {
			t.Errorf("refused with %v", err)
		}
	})
}

// TestWhatIsNoLongerWatchedSaysWhy: people decide what becomes of its ticket.
func TestWhatIsNoLongerWatchedSaysWhy(t *testing.T) {
	for _, tt := range []struct{ name, file, old, by, reason string }{
		{"a facility", "site.yaml", "  - {id: pump-1, profile: acme-pump, bus: plc, unit: 1, every: 1s}\n", "", alerts.FacilityRemoved},
		{"a rule", "rules.yaml", "  low:", "  shallow:", alerts.RuleRemoved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withWaterworks(t, func(w *waterworks) {
				w.level(1, 90)
				time.Sleep(30 * time.Second)
				w.change(tt.file, tt.old, tt.by)
				w.reload()
				time.Sleep(5 * time.Second)
				rows := w.journal("alert.withdrawn")
				if len(rows) != 1 || w.alert("pump-1") != nil {
					t.Fatalf("%d alerts are withdrawn", len(rows))
				}
				var body struct{ Reason string }
				if err := json.Unmarshal(rows[0].Body, &body); err != nil || body.Reason != tt.reason {
					t.Errorf("on record is %s", rows[0].Body)
				}
				if jobs := w.Snapshot().Tickets; len(jobs) == 0 || jobs[0].Facility != "pump-1" || jobs[0].State != tickets.New {
					t.Errorf("tickets are %+v", jobs)
				}
			})
		})
	}
}

// TestALimitThatIsChangedJudgesWhatIsOpen walks an alert at 0.9 m through limits
// of 1 m, 0.95 m and 0.5 m.
func TestALimitThatIsChangedJudgesWhatIsOpen(t *testing.T) {
	withWaterworks(t, func(w *waterworks) {
		w.level(1, 90)
		time.Sleep(30 * time.Second)
		id := w.alert("pump-1").ID
		for _, limit := range []string{"0.95 m", "0.5 m"} {
			w.change("site.yaml", "files: [rules.yaml]", "files: [rules.yaml], set: {pump-1: {least: "+limit+"}}")
			w.reload()
			w.change("site.yaml", ", set: {pump-1: {least: "+limit+"}}", "")
			time.Sleep(5 * time.Second)
			if a := w.alert("pump-1"); a == nil || a.ID != id || (a.Phase == rules.Active) != (limit == "0.95 m") {
				t.Fatalf("at a limit of %s the alert is %+v", limit, a)
			}
		}
		rows := w.journal("alert.retuned")
		if len(rows) != 2 || !strings.Contains(string(rows[0].Body), `"now":"warning: level \u003c 0.95 m until level \u003e 1.05 m for 20s"`) {
			t.Errorf("on record are %+v", rows)
		}
	})
}

// TestAStormOfReloadsLosesNothing has files change and come back all the time
// while an alert comes and goes.
func TestAStormOfReloadsLosesNothing(t *testing.T) {
	withWaterworks(t, func(w *waterworks) {
		for i := range 20 {
			w.level(1, 90+uint16(i%2)*60)
			time.Sleep(12 * time.Second)
			w.reload()
			if i%3 == 0 {
				w.reload()
			}
			time.Sleep(13 * time.Second)
		}
		raised, returned := len(w.journal("alert.raised"))+len(w.journal("alert.again")), len(w.journal("alert.returned"))
		if raised != 10 || returned != 10 {
			t.Errorf("the level was low 10 times and told %d times, %d times it returned", raised, returned)
		}
		if rows := w.journal("alert.stale"); len(rows) != 0 {
			t.Errorf("stale was %s", rows[0].Body)
		}
		if _, err := w.db.Verify(w.t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestAnOverrideEndsByItself: at midnight of the site the limit of pump-1 is 1 m
// again, though nobody restarts anything and its device says nothing new.
func TestAnOverrideEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(plc)
		u := p.unit(t, 1, 1)
		u.SetRegister(simulator.Holding, 0, 90)
		p.unit(t, 2, 1).SetRegister(simulator.Holding, 0, 200)
		files := fstest.MapFS{
			"site.yaml": {Data: []byte(strings.Replace(reloadSite, "files: [rules.yaml]", `files: [rules.yaml], set: {pump-1: {least: 1 m}},
  overrides: [{facility: pump-1, set: {least: 0.5 m}, reason: tank is cleaned, by: li, until: 2000-01-01}]`, 1))},
			"pump.yaml": {Data: []byte(reloadProfile)}, "rules.yaml": {Data: []byte(reloadRules)},
		}
		c, err := configs.Load(files, "site.yaml", configs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(Options{Config: c, Data: t.TempDir(), Dial: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		a.listen = func(string, string) (net.Listener, error) {
			return pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		midnight := time.Date(2000, 1, 2, 0, 0, 0, 0, c.Site.Location)
		time.Sleep(time.Until(midnight) - 2*time.Second)
		if open := a.Snapshot().Alerts; len(open) != 0 {
			t.Errorf("before midnight are open %+v", open)
		}
		time.Sleep(30 * time.Second)
		open := a.Snapshot().Alerts
		if len(open) != 1 || open[0].Rule != "low" || open[0].Facility != "pump-1" || open[0].Limit != 1 || open[0].Started < gateway.InstantOf(midnight) {
			t.Errorf("after midnight are open %+v", open)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.serving.Wait()
	})
}
