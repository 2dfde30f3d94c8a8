package web

import (
	"net/http"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/report"
)

// reportPage serves the report of a month to read and to print.
func (s *server) reportPage(w http.ResponseWriter, r *http.Request) {
	rep, err := s.monthOf(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", report.Policy())
	w.Header().Set("Cache-Control", "no-store")
	if err := rep.WriteHTML(w, languageOf(r, rep.Language)); err != nil {
		s.o.Log.Error("report not served whole", "err", err)
	}
}

// reportTable serves the report of a month as JSON, or its table of facilities
// for a spreadsheet.
func (s *server) reportTable(w http.ResponseWriter, r *http.Request) {
	rep, err := s.monthOf(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	switch format := r.URL.Query().Get("format"); format {
	case "", "json":
		writeJSON(w, http.StatusOK, "application/json", rep)
	case "csv":
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="intact-`+rep.Site+"-"+rep.Month+`.csv"`)
		if err := rep.WriteCSV(w, languageOf(r, rep.Language)); err != nil {
			s.o.Log.Error("report not served whole", "err", err)
		}
	default:
		badQuery("format", format, "json or csv; the page is at /reports/"+rep.Month).write(w)
	}
}

// monthOf counts the month that r names.
func (s *server) monthOf(r *http.Request) (*report.Report, error) {
	snap := s.desk.Snapshot()
	text := r.PathValue("month")
	month, err := time.ParseInLocation("2006-01", text, snap.Site.Location)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "bad_month", text+" is no month", "such as 2026-11")
	}
	if gateway.InstantOf(month) >= snap.At {
		return nil, newProblem(http.StatusNotFound, "no_such_report", "the month "+text+" has not begun", "a month up to this one")
	}
	return report.New(r.Context(), snap.Site, s.history, gateway.InstantOf(month), snap.At)
}
