package web

import (
	"errors"
	"net/http"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/acklink"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// Links reads the links that messages carry.
type Links interface {
	Read(token string, now gateway.Instant) (acklink.Claim, error)
}

// linkView is the page behind a link: the alert and a button, or why there is
// none.
type linkView struct {
	words
	Site   string
	Action string     // where the form goes
	Alert  *alertView // nil if it is over, or the link is none
	Ask    bool       // the button is there
	By     string     // the person the link was sent to; "" to ask for the name
	Name   string     // what this device knows
	Kind   string     // of Note: ok, bad or ""
	Note   string
	Status int
}

// linkPage shows the alert that a link stands for, with a button. It changes
// nothing: chat programs fetch every link they show.
func (s *server) linkPage(w http.ResponseWriter, r *http.Request) {
	v, _ := s.linkOf(r)
	s.showLink(w, r, v)
}

// linkForm acknowledges the alert that a link stands for. Doing so again changes
// nothing, and says who has it in hand.
func (s *server) linkForm(w http.ResponseWriter, r *http.Request) {
	v, claim := s.linkOf(r)
	if !v.Ask {
		s.showLink(w, r, v)
		return
	}
	by := claim.By
	if by == "" {
		var ok bool
		if by, ok = s.person(w, r); !ok {
			return
		}
	} else if err := r.ParseForm(); err != nil {
		s.refuse(w, r, formError(err))
		return
	}
	_, err := s.acknowledge(r.Context(), claim.Alert, alerts.Acknowledgement{By: by, Note: r.PostFormValue("note"), Via: "link"})
	// Somebody else may have been a moment ahead.
	if err != nil && !errors.Is(err, alerts.ErrAcked) && !errors.Is(err, alerts.ErrNotFound) {
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError {
			s.o.Log.Error("acknowledgement by link not served", "alert", claim.Alert, "err", err)
		}
		v.Kind, v.Note, v.Status = "bad", v.problem(p), p.Status
		s.showLink(w, r, v)
		return
	}
	s.await(r.Context(), func(snap *pipeline.Snapshot) bool {
		a, open := findAlert(snap, claim.Alert)
		return !open || a.Acked
	})
	http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
}

// linkOf returns the page of the link that r asks for, and what it stands for.
func (s *server) linkOf(r *http.Request) (linkView, acklink.Claim) {
	snap := s.desk.Snapshot()
	t := wordsFor(r, snap)
	v := linkView{words: t, Site: snap.Site.Name.In(t.lang), Action: r.URL.Path, Name: nameOfPerson(r), Status: http.StatusOK}
	// The clock of the loop has stamped the link, too, whoever sets that of the wall.
	claim, err := s.o.Links.Read(r.PathValue("token"), snap.At)
	if errors.Is(err, acklink.ErrForged) {
		v.Kind, v.Note, v.Status = "bad", t.T("link.forged"), http.StatusNotFound
		return v, claim
	}
	a, open := findAlert(snap, claim.Alert)
	if !open {
		v.Kind, v.Note = "ok", t.T("link.over")
		return v, claim
	}
	card := alertOf(snap, a, t)
	v.Alert = &card
	switch {
	case a.Acked:
		v.Kind, v.Note = "ok", t.T("link.acked")+t.T("colon")+a.AckedBy+" "+timeText(a.AckedAt, snap.At, snap.Site.Location)
	case err != nil:
		v.Kind, v.Note, v.Status = "bad", t.T("link.expired"), http.StatusGone
	case a.Call.Count != claim.Call:
		v.Kind, v.Note, v.Status = "bad", t.T("link.old"), http.StatusConflict
	default:
		v.Ask, v.By = true, claim.By
	}
	return v, claim
}

func (s *server) showLink(w http.ResponseWriter, r *http.Request, v linkView) {
	w.Header().Set("X-Robots-Tag", "noindex")
	s.render(w, r, v.Status, "link", v)
}

// LinkPath is where the links of messages lead: the path before the token.
const LinkPath = "/ack/"
