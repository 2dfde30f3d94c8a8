// Package web is the face of the gateway: one page for people and a JSON API
// for programs, on net/http alone.
//
// It owns no state. Everything it shows comes from the newest
// pipeline.Snapshot or, for what is over, from the store; every act of a person
// goes to the Desk and is answered after it is on disk. So a slow or hostile
// client can hold up nobody but itself: a reader of the live stream that falls
// behind is given a later difference, never a queue.
//
// What it promises:
//   - A value that is bad is null with its reason in JSON and a dash on the
//     page. It is never shown as 0, and a page that has lost its gateway says so.
//   - Reading, acknowledging and moving tickets work without JavaScript, and
//     nothing is loaded from anywhere else.
//   - Text that came from outside is escaped by html/template; the policy sent
//     with every page forbids inline script and style.
//
// It must not decide anything: what a move or an acknowledgement means is the
// business of packages alerts and tickets.
package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/access"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/report"
	"github.com/intact-gateway/intact/gateway/store"
)

// Desk is where the live state is read and where people act.
type Desk interface {
	// Snapshot returns the newest state, never nil.
	Snapshot() *pipeline.Snapshot
	// Changed returns a channel that is closed when there is a newer snapshot
	// than s.
	Changed(s *pipeline.Snapshot) <-chan struct{}
	Ack(ctx context.Context, id alerts.ID, k alerts.Acknowledgement) (alerts.Alert, error)
	Reset(ctx context.Context, id alerts.ID, by string) (alerts.Alert, error)
	Shelve(ctx context.Context, id alerts.ID, s alerts.Shelving) (alerts.Alert, error)
	Unshelve(ctx context.Context, id alerts.ID, by string) (alerts.Alert, error)
	MoveTicket(ctx context.Context, id tickets.ID, m tickets.Move) (tickets.Ticket, error)
	OpenTicket(ctx context.Context, r tickets.Request) (tickets.Ticket, error)
	// Note writes a row to the journal: what was done about the gateway itself, by
	// whom.
	Note(ctx context.Context, kind, by string, body any) error
	// Rule returns where the instances of a rule on a facility stand at at; none
	// if there is no such rule.
	Rule(ctx context.Context, f gateway.FacilityID, rule string) (found []pipeline.RuleStand, at gateway.Instant, err error)
}

// History answers for what is no longer in the snapshot.
type History interface {
	Journal(ctx context.Context, after int64, limit int) ([]store.Entry, error)
	Alerts(ctx context.Context, q store.Query) ([]alerts.Alert, error)
	Tickets(ctx context.Context, q store.Query) ([]tickets.Ticket, error)
	Deliveries(ctx context.Context, alert alerts.ID) ([]store.Delivery, error)
	report.Source
}

// Options are what the handler is told from outside; the zero value works.
type Options struct {
	Log     *slog.Logger
	Metrics http.Handler     // served at /metrics; nil for none
	Now     func() time.Time // default time.Now
	Version string           // shown at the foot of the page
	// Streams is how many clients may listen to the live stream at a time;
	// default 64.
	Streams int
	// Gate says who may come in; nil lets everybody in as an admin without a name.
	Gate Gate
	// Links reads the links by which people acknowledge from messages; nil if
	// there are none.
	Links Links
	// Receivers tries whether messages arrive; nil if nobody can be told.
	Receivers Receivers
	// Done ends the live streams when it is closed, so that a server that
	// waits for its connections to end can stop.
	Done <-chan struct{}
}

// bodyLimit is how many bytes of a request are read.
const bodyLimit = 1 << 20

// actLimit is how long a person waits for the disk.
const actLimit = 10 * time.Second

// server holds what all requests share. Nothing of it changes after New but the
// counts of streams and of refused logins.
type server struct {
	desk    Desk
	history History
	o       Options
	assets  *assets
	pages   *template.Template
	streams atomic.Int32
	refused refusals
}

// New returns the handler of every route. It starts no goroutine of its own.
// The server that runs it sets the time limits for headers and bodies; it must
// not set one for writing, which the live stream would run into.
func New(d Desk, h History, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Streams == 0 {
		o.Streams = 64
	}
	a := loadAssets()
	s := &server{desk: d, history: h, o: o, assets: a, pages: a.pages()}
	mux, least := http.NewServeMux(), make(map[string]access.Role)
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, r.serve)
		least[r.pattern] = r.least
	}
	return s.guard(mux, least)
}

// route is something that can be asked for, and the least role that may.
type route struct {
	pattern string
	least   access.Role
	serve   http.HandlerFunc
}

// routes is the list of everything that can be asked for.
func (s *server) routes() []route {
	all := []route{
		{"GET /{$}", access.Viewer, s.overview},
		{"GET /facilities/{id}/points", access.Viewer, s.facilityPoints},
		{"GET /reports/{month}", access.Viewer, s.reportPage},
		{"POST /name", access.Viewer, s.nameForm},
		{"GET /alerts/{id}/told", access.Viewer, s.toldPage},
		{"POST /alerts/{id}/ack", access.Technician, s.ackForm},
		{"POST /alerts/{id}/reset", access.Technician, s.resetForm},
		{"POST /alerts/{id}/shelve", access.Technician, s.shelveForm},
		{"POST /alerts/{id}/unshelve", access.Technician, s.unshelveForm},
		{"POST /tickets", access.Technician, s.openForm},
		{"POST /tickets/{id}/{event}", access.Technician, s.moveForm},
		{"GET /assets/{name}", access.Nobody, s.assets.serve},

		{"GET /api/v1/facilities", access.Viewer, s.api(s.listFacilities, "cursor", "limit")},
		{"GET /api/v1/facilities/{id}", access.Viewer, s.api(s.getFacility)},
		{"GET /api/v1/points", access.Viewer, s.api(s.listPoints, "facility", "cursor", "limit")},
		{"GET /api/v1/alerts", access.Viewer, s.api(s.listAlerts, "state", "cursor", "limit")},
		{"GET /api/v1/alerts/{id}", access.Viewer, s.api(s.getAlert)},
		{"GET /api/v1/alerts/{id}/told", access.Viewer, s.api(s.listTold)},
		{"POST /api/v1/alerts/{id}/ack", access.Technician, s.api(s.ackAlert)},
		{"POST /api/v1/alerts/{id}/reset", access.Technician, s.api(s.resetAlert)},
		{"POST /api/v1/alerts/{id}/shelve", access.Technician, s.api(s.shelveAlert)},
		{"POST /api/v1/alerts/{id}/unshelve", access.Technician, s.api(s.unshelveAlert)},
		{"GET /api/v1/rules/{facility}/{rule}", access.Viewer, s.api(s.getRule)},
		{"GET /api/v1/tickets", access.Viewer, s.api(s.listTickets, "state", "cursor", "limit")},
		{"GET /api/v1/tickets/{id}", access.Viewer, s.api(s.getTicket)},
		{"POST /api/v1/tickets", access.Technician, s.api(s.openTicket)},
		{"POST /api/v1/tickets/{id}/{event}", access.Technician, s.api(s.moveTicket)},
		{"GET /api/v1/intact", access.Viewer, s.api(s.intactRate, "from", "to", "by")},
		{"GET /api/v1/reports/{month}", access.Viewer, s.asked(s.reportTable, "format", "lang")},
		{"GET /api/v1/journal", access.Technician, s.asked(s.journal, "after")},
		{"GET /api/v1/stream", access.Viewer, s.asked(s.stream, "points", "facility", "lang")},

		{"GET /healthz", access.Nobody, s.alive},
		{"GET /readyz", access.Monitor, s.ready},
		{"GET /api/v1/access", access.Admin, s.api(s.listAccess)},
	}
	if s.o.Gate != nil {
		all = append(all, route{"GET /login", access.Nobody, s.loginPage}, route{"POST /login", access.Nobody, s.loginForm},
			route{"POST /setup", access.Nobody, s.setUpForm}, route{"POST /logout", access.Nobody, s.logout})
	}
	if s.o.Receivers != nil {
		all = append(all, route{"GET /api/v1/receivers", access.Technician, s.api(s.listReceivers)},
			route{"POST /api/v1/receivers/{id}/test", access.Engineer, s.api(s.tryReceiver)})
	}
	if s.o.Links != nil {
		all = append(all, route{"GET " + LinkPath + "{token}", access.Nobody, s.linkPage},
			route{"POST " + LinkPath + "{token}", access.Nobody, s.linkForm})
	}
	if s.o.Metrics != nil {
		all = append(all, route{"GET /metrics", access.Monitor, s.o.Metrics.ServeHTTP})
	}
	return all
}

// api makes a handler of f, which returns what is to be answered as JSON, or
// why not. It may be asked with the query parameters that are named.
func (s *server) api(f func(r *http.Request) (any, error), query ...string) http.HandlerFunc {
	return s.asked(func(w http.ResponseWriter, r *http.Request) {
		answer, err := f(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, "application/json", answer)
	}, query...)
}

// asked refuses query parameters other than those named: whoever misspells
// ?facility= must not take the values of all for those of one.
func (s *server) asked(next http.HandlerFunc, query ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for name := range r.URL.Query() {
			if !slices.Contains(query, name) {
				hint := "there are none here"
				if len(query) > 0 {
					hint = "known are " + strings.Join(query, ", ")
				}
				s.refuse(w, r, newProblem(http.StatusBadRequest, "unknown_query", fmt.Sprintf("there is no query parameter %q", name), hint))
				return
			}
		}
		next(w, r)
	}
}

// refuse answers err as a problem document. What is not a fault of the request
// is logged in full; the client learns no more than that it happened.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.o.Log.Error("request not served", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	p.write(w)
}
