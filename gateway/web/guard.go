package web

import (
	"net/http"
	"strings"

	"github.com/intact-gateway/intact/gateway/access"
)

// policy forbids everything that the pages do not need: nothing from elsewhere,
// no inline script or style, no embedding.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard puts around the routes what protects all of them: response headers, the
// limit on bodies, the refusal of acts that another site sends in a person's
// name and of people who may not, the record of acts, and problem documents where
// the mux itself would answer. least holds the role that each route takes.
func (s *server) guard(mux *http.ServeMux, least map[string]access.Role) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		h, pattern := mux.Handler(r)
		if pattern == "" {
			noRoute(w, r, h)
			return
		}
		role, listed := least[pattern]
		if !listed {
			role = access.Admin // the mux answers by itself, such as with a redirect
		}
		s.audited(w, r, pattern, func(w http.ResponseWriter, r *http.Request) *http.Request {
			r, ok := s.admit(w, r, role)
			if ok {
				mux.ServeHTTP(w, r)
			}
			return r
		})
	})
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		newProblem(http.StatusForbidden, "cross_origin", "the request comes from another site",
			"send it from the gateway's own page, or from a program without Origin header").write(w)
	}))
	protected := cross.Handler(inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		protected.ServeHTTP(w, r)
	})
}

// audited serves r and writes to the journal who has tried to change what, from
// where, and what came of it. Logins have rows of their own; who may not even log
// in leaves none, so that a stranger cannot fill the disk.
func (s *server) audited(w http.ResponseWriter, r *http.Request, pattern string, serve func(http.ResponseWriter, *http.Request) *http.Request) {
	switch pattern {
	case "POST /login", "POST /setup", "POST /name":
		serve(w, r)
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		serve(w, r)
		return
	}
	answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	served := serve(answer, r)
	_, known := served.Context().Value(identityKey{}).(access.Identity)
	if !known && answer.status >= http.StatusBadRequest {
		return
	}
	id := who(served)
	s.record(r, "access.act", id.Name, auditJSON{From: addressOf(r), Act: pattern, ID: served.PathValue("id"), Program: id.Program, Status: answer.status})
}

// noRoute answers where no route fits. The mux's own handler h knows whether
// the path or only the method is unknown.
func noRoute(w http.ResponseWriter, r *http.Request, h http.Handler) {
	probe := &statusProbe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	switch allow := probe.header.Get("Allow"); {
	case probe.status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", allow)
		newProblem(http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not possible here", "possible: "+allow).write(w)
	case strings.HasPrefix(r.URL.Path, "/api/"):
		newProblem(http.StatusNotFound, "no_such_route", "there is nothing at "+r.URL.Path, "the API is under /api/v1").write(w)
	default:
		newProblem(http.StatusNotFound, "no_such_page", "there is nothing at "+r.URL.Path, "the page is at /").write(w)
	}
}

// statusProbe takes an answer and keeps its status and header only.
type statusProbe struct {
	header http.Header
	status int
}

// Header, WriteHeader and Write implement http.ResponseWriter.
func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
