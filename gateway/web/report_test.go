package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/report"
)

func TestTheReportOfAMonth(t *testing.T) {
	g := newGateway(t)
	g.history.states = []intact.Event{
		{Facility: "lift-1", Effective: noon.Add(-100 * time.Hour), Class: intact.Up},
		{Facility: "lift-1", Effective: noon.Add(-3 * time.Hour), Class: intact.Down, Cause: "door"},
	}
	w := g.get("/api/v1/reports/2026-03")
	fields{"month": `"2026-03"`, "over": "false", "total.down_ms": "10800000", "unrepaired": "1", "causes.0.rule": `"door"`}.check(t, w.Body.String())

	page := g.get("/reports/2026-03?lang=en")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "the month is not over") {
		t.Errorf("%d\n%s", page.Code, page.Body)
	}
	if got := page.Header().Get("Content-Security-Policy"); got != report.Policy() || strings.Contains(got, "unsafe") {
		t.Errorf("policy %q", got)
	}
	if !strings.Contains(g.get("/").Body.String(), `href="/reports/2026-03"`) {
		t.Error("the page does not lead to the report")
	}
	table := g.get("/api/v1/reports/2026-03?format=csv&lang=en")
	if h := table.Header(); !strings.Contains(h.Get("Content-Type"), "text/csv") || !strings.Contains(h.Get("Content-Disposition"), "intact-lakeside-2026-03.csv") || !strings.Contains(table.Body.String(), "lift-1,") {
		t.Errorf("%v\n%s", h, table.Body)
	}
	for path, want := range map[string]struct {
		code int
		word string
	}{
		"/api/v1/reports/2026-13":            {http.StatusBadRequest, "bad_month"},
		"/reports/2026-3":                    {http.StatusBadRequest, "bad_month"},
		"/api/v1/reports/2026-04":            {http.StatusNotFound, "no_such_report"},
		"/api/v1/reports/2026-03?format=pdf": {http.StatusBadRequest, "bad_format"},
	} {
		if w := g.get(path); w.Code != want.code || !strings.Contains(w.Body.String(), want.word) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
