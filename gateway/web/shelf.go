package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// shelfHours are the times that the page offers to shelve an alert for.
var shelfHours = []int{1, 2, 4, 8, 24}

// maxReason bounds what a person writes, in bytes.
const maxReason = 2000

// shelvingJSON is the body of a shelving.
type shelvingJSON struct {
	By     string  `json:"by"`
	Second string  `json:"second"` // another person, where lives hang on it
	Reason string  `json:"reason"`
	For    float64 `json:"for"` // seconds, 60 to 86400
}

// shelveAlert answers with the alert as it is once the shelf is on disk.
func (s *server) shelveAlert(r *http.Request) (any, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	var q shelvingJSON
	if err := decode(r, &q); err != nil {
		return nil, err
	}
	q.By = actor(r, q.By)
	a, err := s.shelve(r.Context(), alerts.ID(id), q)
	if err != nil {
		return nil, err
	}
	return viewAlert(s.desk.Snapshot(), a), nil
}

// unshelveAlert answers with the alert as it is once the end of its shelf is on
// disk.
func (s *server) unshelveAlert(r *http.Request) (any, error) { return s.actOn(r, s.unshelve) }

// shelve is the one way onto the shelf, from the page or the API.
func (s *server) shelve(ctx context.Context, id alerts.ID, q shelvingJSON) (a alerts.Alert, err error) {
	q.By, err = named(q.By)
	if err == nil && strings.TrimSpace(q.Second) != "" {
		q.Second, err = named(q.Second)
	}
	switch {
	case err != nil:
		return a, err
	case len(q.Reason) > maxReason:
		return a, newProblem(http.StatusUnprocessableEntity, "reason_too_long", "the reason is too long", fmt.Sprintf("at most %d bytes", maxReason))
	case !(q.For >= alerts.MinShelf.Seconds() && q.For <= alerts.MaxShelf.Seconds()): // so that NaN and what no duration holds are refused
		return a, alerts.ErrShelfTime
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	return s.desk.Shelve(ctx, id, alerts.Shelving{
		By: q.By, Second: strings.TrimSpace(q.Second), Reason: strings.TrimSpace(q.Reason), For: time.Duration(q.For * float64(time.Second)),
	})
}

// unshelve is the one way off the shelf, from the page or the API.
func (s *server) unshelve(ctx context.Context, id alerts.ID, by, _ string) (alerts.Alert, error) {
	by, err := named(by)
	if err != nil {
		return alerts.Alert{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	return s.desk.Unshelve(ctx, id, by)
}

// shelveForm shelves an alert for a number of hours.
func (s *server) shelveForm(w http.ResponseWriter, r *http.Request) {
	by, ok := s.person(w, r)
	if !ok {
		return
	}
	id, err := idOf(r)
	if err == nil {
		hours, _ := strconv.ParseFloat(r.PostFormValue("hours"), 64) // none is refused as no time
		_, err = s.shelve(r.Context(), alerts.ID(id), shelvingJSON{
			By: by, Second: r.PostFormValue("second"), Reason: r.PostFormValue("reason"), For: hours * time.Hour.Seconds(),
		})
	}
	s.acted(w, r, err, func(snap *pipeline.Snapshot) bool {
		a, open := findAlert(snap, alerts.ID(id))
		return !open || a.Shelved()
	})
}

// unshelveForm ends the shelf of an alert.
func (s *server) unshelveForm(w http.ResponseWriter, r *http.Request) {
	by, ok := s.person(w, r)
	if !ok {
		return
	}
	id, err := idOf(r)
	if err == nil {
		_, err = s.unshelve(r.Context(), alerts.ID(id), by, "")
	}
	s.acted(w, r, err, func(snap *pipeline.Snapshot) bool {
		a, open := findAlert(snap, alerts.ID(id))
		return !open || !a.Shelved()
	})
}

// shelfView is how an alert's card tells of its shelf, or offers one.
type shelfView struct {
	words
	ID         alerts.ID
	On         bool   // it is shelved
	Note       string // until when, by whom, why
	Hours      []hoursView
	TwoPersons bool
}

// hoursView is one time to choose.
type hoursView struct {
	Hours int
	Text  string
}

// shelfOf makes the part of the card of a that is about its shelf.
func shelfOf(snap *pipeline.Snapshot, a alerts.Alert, w words) shelfView {
	v := shelfView{words: w, ID: a.ID, On: a.Shelved(), TwoPersons: alerts.TwoPersons(snap.Site, a)}
	if v.On {
		by := a.Shelf.By
		if a.Shelf.Second != "" {
			by += w.T("join") + a.Shelf.Second
		}
		until := timeText(a.Shelf.Until, snap.At, snap.Site.Location)
		v.Note = fmt.Sprintf(w.T("shelf.until"), until, by) + w.T("colon") + a.Shelf.Reason
		return v
	}
	for _, h := range shelfHours {
		v.Hours = append(v.Hours, hoursView{h, durationText(time.Duration(h)*time.Hour, w)})
	}
	return v
}
