package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
)

// toldJSON is who was told what of an alert, and what came of it.
type toldJSON struct {
	Receiver string       `json:"receiver"`
	Event    string       `json:"event"`
	Text     gateway.Text `json:"text"`
	Made     *time.Time   `json:"made"`
	State    string       `json:"state"` // waiting, sent or dead: given up
	Attempts int          `json:"attempts"`
	Tried    *time.Time   `json:"tried"` // the last attempt; of sent when it was taken
	Error    string       `json:"error"` // of the last attempt
}

// told returns what is on record of the messages about an alert.
func (s *server) told(r *http.Request) (id int64, list []store.Delivery, err error) {
	if id, err = idOf(r); err != nil {
		return 0, nil, err
	}
	list, err = s.history.Deliveries(r.Context(), alerts.ID(id))
	return id, list, err
}

// textOf returns what a message said. Its body holds a link that acknowledges,
// which is no business of whoever reads this.
func textOf(d store.Delivery) gateway.Text {
	var m struct{ Text gateway.Text }
	_ = json.Unmarshal(d.Body, &m) // what cannot be read says nothing
	return m.Text
}

// listTold answers all that is on record. Of an alert that nobody was told of, or
// that is long over, the list is empty.
func (s *server) listTold(r *http.Request) (any, error) {
	_, list, err := s.told(r)
	if err != nil {
		return nil, err
	}
	loc := s.desk.Snapshot().Site.Location
	items := []toldJSON{}
	for _, d := range list {
		items = append(items, toldJSON{
			Receiver: d.Receiver, Event: d.Event, Text: textOf(d), Made: when(d.Made, loc),
			State: d.State, Attempts: d.Attempts, Tried: when(d.At, loc), Error: d.Err,
		})
	}
	return struct {
		Items []toldJSON `json:"items"`
		Next  *string    `json:"next"`
	}{items, nil}, nil
}

// toldView is the page that says who was told.
type toldView struct {
	words
	Alert int64
	Rows  []toldRow
}

// toldRow is one message; Kind gives its colour.
type toldRow struct{ Receiver, Text, Made, Kind, Outcome, Error string }

// toldPage shows who was told what, with which receipt.
func (s *server) toldPage(w http.ResponseWriter, r *http.Request) {
	id, list, err := s.told(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	snap := s.desk.Snapshot()
	t := wordsFor(r, snap)
	v := toldView{words: t, Alert: id}
	for _, d := range list {
		row := toldRow{
			Receiver: d.Receiver, Text: textOf(d).In(t.lang), Made: timeText(d.Made, snap.At, snap.Site.Location),
			Kind: d.State, Outcome: t.T("told." + d.State), Error: d.Err,
		}
		if !d.At.IsZero() {
			row.Outcome += " " + timeText(d.At, snap.At, snap.Site.Location)
		}
		v.Rows = append(v.Rows, row)
	}
	s.render(w, r, http.StatusOK, "told", v)
}
