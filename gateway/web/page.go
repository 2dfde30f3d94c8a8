package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// The cookies that remember a person's choices on one device.
const (
	languageCookie = "intact_lang"
	nameCookie     = "intact_name"
	rememberFor    = 365 * 24 * 60 * 60 // seconds
)

// overview answers the page. Choosing a language is a link, so that it works
// without script and can be bookmarked.
func (s *server) overview(w http.ResponseWriter, r *http.Request) {
	if l, ok := parseLanguage(r.URL.Query().Get("lang")); ok {
		keepCookie(w, r, languageCookie, string(l))
	}
	s.showOverview(w, r, http.StatusOK, nil)
}

// showOverview answers the page with what came of an act, if any.
func (s *server) showOverview(w http.ResponseWriter, r *http.Request, status int, n *noticeView) {
	snap := s.desk.Snapshot()
	v := s.overviewOf(snap, wordsFor(r, snap), r.URL.Query().Get("open"))
	v.Name, v.Notice = nameOfPerson(r), n
	if id := who(r); id.Name != "" {
		v.Role = v.T("role." + id.Role.String())
	}
	s.render(w, r, status, "page", v)
}

// facilityPoints answers the table of one facility for the page's script.
func (s *server) facilityPoints(w http.ResponseWriter, r *http.Request) {
	snap := s.desk.Snapshot()
	i, err := facilityIndex(snap.Site, r.PathValue("id"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "points", cardOf(snap, i, wordsFor(r, snap), true))
}

// render answers a whole page or nothing of it, compressed for whoever takes it:
// in a basement every kilobyte counts.
func (s *server) render(w http.ResponseWriter, r *http.Request, status int, name string, v any) {
	var buf bytes.Buffer
	if err := s.pages.ExecuteTemplate(&buf, name, v); err != nil {
		s.o.Log.Error("page not rendered", "page", name, "err", err)
		problemOf(err).write(w)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(status)
		_, _ = w.Write(buf.Bytes()) // a client that has gone needs no answer
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := gzip.NewWriter(w)
	_, _ = z.Write(buf.Bytes())
	_ = z.Close()
}

// The forms below are what the page's buttons send. They work without script;
// with it, the same forms are sent in the background.

// nameForm changes the name a device acts under.
func (s *server) nameForm(w http.ResponseWriter, r *http.Request) {
	if by, ok := s.person(w, r); ok && by != "" {
		back(w, r)
	}
}

// ackForm acknowledges an alert.
func (s *server) ackForm(w http.ResponseWriter, r *http.Request) {
	by, ok := s.person(w, r)
	if !ok {
		return
	}
	id, err := idOf(r)
	if err == nil {
		_, err = s.acknowledge(r.Context(), alerts.ID(id), alerts.Acknowledgement{By: by, Note: r.PostFormValue("note"), Via: "page"})
	}
	s.acted(w, r, err, func(snap *pipeline.Snapshot) bool {
		a, open := findAlert(snap, alerts.ID(id))
		return !open || a.Acked
	})
}

// resetForm ends the latch of an alert.
func (s *server) resetForm(w http.ResponseWriter, r *http.Request) {
	by, ok := s.person(w, r)
	if !ok {
		return
	}
	id, err := idOf(r)
	if err == nil {
		_, err = s.reset(r.Context(), alerts.ID(id), by, "")
	}
	s.acted(w, r, err, func(snap *pipeline.Snapshot) bool {
		a, open := findAlert(snap, alerts.ID(id))
		return !open || a.Phase != rules.Active
	})
}

// moveForm moves a ticket one step on.
func (s *server) moveForm(w http.ResponseWriter, r *http.Request) {
	by, ok := s.person(w, r)
	if !ok {
		return
	}
	id, err := idOf(r)
	var moved tickets.Ticket
	if err == nil {
		moved, err = s.move(r.Context(), tickets.ID(id), r.PathValue("event"), moveJSON{
			By: by, To: r.PostFormValue("to"), Note: r.PostFormValue("note"), Cause: r.PostFormValue("cause"), Action: r.PostFormValue("action"),
			Force: r.PostFormValue("force") == "true", Second: r.PostFormValue("second"),
		})
	}
	s.acted(w, r, err, func(snap *pipeline.Snapshot) bool {
		t, open := findTicket(snap, tickets.ID(id))
		return !open || sameTicket(&t, &moved)
	})
}

// openForm reports a fault.
func (s *server) openForm(w http.ResponseWriter, r *http.Request) {
	by, ok := s.person(w, r)
	if !ok {
		return
	}
	opened, err := s.open(r.Context(), requestJSON{
		Facility: gateway.FacilityID(r.PostFormValue("facility")), Text: r.PostFormValue("text"),
		Priority: tickets.Priority(r.PostFormValue("priority")), By: by,
	})
	s.acted(w, r, err, func(snap *pipeline.Snapshot) bool {
		_, open := findTicket(snap, opened.ID)
		return open
	})
}

// person returns the name under which the form acts: that of the login, or the one
// that was given, which is remembered. If there is none, it answers with the question for it, from where the act goes on, and
// returns false.
func (s *server) person(w http.ResponseWriter, r *http.Request) (string, bool) {
	if err := r.ParseForm(); err != nil {
		s.refuse(w, r, formError(err))
		return "", false
	}
	if by := actor(r, ""); by != "" {
		return by, true
	}
	given := r.PostFormValue("by")
	if given == "" {
		given = nameOfPerson(r)
	}
	by, err := named(given)
	if err != nil {
		s.askName(w, r)
		return "", false
	}
	if by != nameOfPerson(r) {
		keepCookie(w, r, nameCookie, by)
	}
	return by, true
}

// formError refuses a form that cannot be read.
func formError(err error) error {
	if p := problemOf(err); p.Status == http.StatusRequestEntityTooLarge {
		return p
	}
	return newProblem(http.StatusBadRequest, "bad_body", "the form cannot be read", "")
}

// whoView is the question for a person's name. It carries the act along.
type whoView struct {
	words
	Action string
	Fields []fieldValue
}

// fieldValue is one field of the act that waits for the name.
type fieldValue struct{ Name, Value string }

// askName answers with the question for the name. The act is sent again with
// it, by the person: nothing is kept here.
func (s *server) askName(w http.ResponseWriter, r *http.Request) {
	v := whoView{words: wordsFor(r, s.desk.Snapshot()), Action: r.URL.Path}
	for name, values := range r.PostForm {
		if name == "by" {
			continue
		}
		for _, value := range values {
			v.Fields = append(v.Fields, fieldValue{name, value})
		}
	}
	slices.SortStableFunc(v.Fields, func(a, b fieldValue) int { return strings.Compare(a.Name, b.Name) })
	s.render(w, r, http.StatusUnprocessableEntity, "who", v)
}

// acted answers a form: with the page as it is after the act, once the snapshot
// shows it, or with the page and why the act was refused.
func (s *server) acted(w http.ResponseWriter, r *http.Request, err error, shown func(*pipeline.Snapshot) bool) {
	if err != nil {
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError {
			s.o.Log.Error("form not served", "path", r.URL.Path, "err", err)
		}
		t := wordsFor(r, s.desk.Snapshot())
		s.showOverview(w, r, p.Status, &noticeView{Kind: "bad", Title: t.T("act.refused"), Text: t.problem(p)})
		return
	}
	s.await(r.Context(), shown)
	back(w, r)
}

// await returns when the snapshot shows what was done, or after a second: the
// act is on disk either way.
func (s *server) await(ctx context.Context, shown func(*pipeline.Snapshot) bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for snap := s.desk.Snapshot(); !shown(snap); snap = s.desk.Snapshot() {
		select {
		case <-s.desk.Changed(snap):
		case <-ctx.Done():
			return
		}
	}
}

// back makes the browser fetch the page anew, so that a reload does not act
// twice.
func back(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) }

// nameOfPerson returns the name this device acts under, or "". Without a login it
// is a convenience and no proof of identity.
func nameOfPerson(r *http.Request) string {
	if by := actor(r, ""); by != "" {
		return by
	}
	c, err := r.Cookie(nameCookie)
	if err != nil {
		return ""
	}
	name, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return name
}

// keepCookie remembers a choice on this device. Scripts cannot read it.
func keepCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: rememberFor,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	})
}
