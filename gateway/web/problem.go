package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// problem is an RFC 9457 problem document. It is also the error that request
// handlers return for it.
type problem struct {
	Type   string `json:"type"` // always about:blank: the code says more
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"`           // for programs; never changes
	Hint   string `json:"hint,omitempty"` // for people: how to mend it
}

// newProblem returns the problem named code. Detail and hint are for people who
// write programs; the page has its own texts by code.
func newProblem(status int, code, detail, hint string) *problem {
	return &problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Code: code, Hint: hint,
	}
}

// Error returns what is wrong, for the page and the log.
func (p *problem) Error() string {
	if p.Hint == "" {
		return p.Detail
	}
	return p.Detail + "; " + p.Hint
}

// write answers with p.
func (p *problem) write(w http.ResponseWriter) {
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

// problemOf translates the errors of the desk and the store. An unknown one is
// the gateway's own fault, and its text stays in the log.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem(http.StatusRequestEntityTooLarge, "body_too_large", "the request body is longer than 1 MiB", "")
	}
	switch {
	case errors.Is(err, pipeline.ErrStopped):
		return newProblem(http.StatusServiceUnavailable, "restarting", "the gateway is stopping or takes up a new configuration", "try again in a few seconds")
	case errors.Is(err, alerts.ErrNotFound):
		return newProblem(http.StatusNotFound, "alert_not_found", "there is no open alert with this id", "GET /api/v1/alerts?state=all lists them")
	case errors.Is(err, alerts.ErrAcked):
		return newProblem(http.StatusConflict, "already_acknowledged", "the alert is acknowledged already", "GET it to see by whom")
	case errors.Is(err, alerts.ErrNoLatch):
		return newProblem(http.StatusConflict, "not_latched", "the alert ends by itself when its condition is gone", "acknowledge it")
	case errors.Is(err, alerts.ErrNotShelved):
		return newProblem(http.StatusConflict, "not_shelved", "the alert is not shelved", "its shelf may have ended meanwhile")
	case errors.Is(err, alerts.ErrNoReason):
		return newProblem(http.StatusUnprocessableEntity, "reason_required", "it is not said why", "say it as reason")
	case errors.Is(err, alerts.ErrShelfTime):
		return newProblem(http.StatusUnprocessableEntity, "bad_shelf_time", "a shelf lasts from 1 minute to 24 hours", "give it as for, in seconds: 60 to 86400")
	case errors.Is(err, alerts.ErrNoSecond):
		return newProblem(http.StatusUnprocessableEntity, "second_required", "lives hang on it: two persons have to stand for it", "give the other person's name as second")
	case errors.Is(err, pipeline.ErrStillActive):
		return newProblem(http.StatusConflict, "still_active", "the condition is still there, or cannot be seen", "mend the fault first")
	case errors.Is(err, tickets.ErrNotFound):
		return newProblem(http.StatusNotFound, "ticket_not_found", "there is no open ticket with this id", "GET /api/v1/tickets?state=all lists them")
	case errors.Is(err, tickets.ErrNotAllowed):
		return newProblem(http.StatusConflict, "move_not_allowed", err.Error(), "the moves of the ticket say what is possible")
	case errors.Is(err, tickets.ErrIncomplete):
		return newProblem(http.StatusUnprocessableEntity, "incomplete", err.Error(), "detail names what is missing: the word in brackets is a field of the body, or the move to make first")
	case errors.Is(err, pipeline.ErrNotWritten):
		return newProblem(http.StatusServiceUnavailable, "not_written",
			"the act is in force but could not be written to disk yet", "it is written as soon as the disk works again: do not repeat it")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(http.StatusServiceUnavailable, "timeout", "the gateway did not answer in time", "look whether the act took effect before you repeat it")
	}
	return newProblem(http.StatusInternalServerError, "internal", "the gateway could not serve the request", "the log of the gateway says why")
}

// writeJSON answers v with the status.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		// The types of this package always encode; a client of a broken one
		// must not take half an answer for a whole one.
		status, contentType = http.StatusInternalServerError, "application/problem+json"
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal"}`)
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}
