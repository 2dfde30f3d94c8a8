package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/intact-gateway/intact/gateway/access"
)

// Gate says who may come in. It is an access.Gate.
type Gate interface {
	Session(secret string) (access.Identity, error)
	Program(token string) (access.Identity, error)
	Login(ctx context.Context, name, password, from string) (string, access.Identity, error)
	Logout(secret string)
	NeedsSetUp() (bool, error)
	SetUp(ctx context.Context, code, name, password, from string) (string, access.Identity, error)
	Everybody() (access.Roll, error)
}

// sessionCookie holds what a session is known by. Scripts cannot read it.
const sessionCookie = "intact_session"

// identityKey is where a request carries who sent it.
type identityKey struct{}

// who returns who sent r; without a login it is nobody of that name.
func who(r *http.Request) access.Identity {
	id, _ := r.Context().Value(identityKey{}).(access.Identity)
	return id
}

// actor returns the name under which r acts: that of the login whatever the body
// says, and behind it that of the program which acts for a person it names.
// Without a login it is the name that was given.
func actor(r *http.Request, given string) string {
	id := who(r)
	switch given = strings.TrimSpace(given); {
	case id.Name == "":
		return given
	case id.Program && given != "":
		return given + " (" + id.Name + ")"
	default:
		return id.Name
	}
}

// admit finds out who sends r and whether they may have what takes the role least.
// If not, it answers and returns false.
func (s *server) admit(w http.ResponseWriter, r *http.Request, least access.Role) (*http.Request, bool) {
	id, err := s.identify(r)
	switch {
	case err != nil && least == access.Nobody:
		return r, true
	case errors.Is(err, access.ErrNoLogin):
		s.askLogin(w, r)
		return r, false
	case err != nil:
		s.o.Log.Error("nobody is let in", "err", err)
		newProblem(http.StatusServiceUnavailable, "users_unreadable", "the gateway cannot read who may come in", "its log says why; alarms go on").write(w)
		return r, false
	case id.Role < least:
		newProblem(http.StatusForbidden, "not_allowed", "this takes the role "+least.String()+", and "+cmp.Or(id.Name, "this login")+" is "+id.Role.String(),
			"an admin gives roles: intact user add NAME --role "+least.String()).write(w)
		return r.WithContext(context.WithValue(r.Context(), identityKey{}, id)), false
	}
	return r.WithContext(context.WithValue(r.Context(), identityKey{}, id)), true
}

// identify returns who sends r: a program with its token, or a person with a
// session.
func (s *server) identify(r *http.Request) (access.Identity, error) {
	if s.o.Gate == nil {
		return access.Identity{Role: access.Admin}, nil
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.o.Gate.Program(token)
	}
	return s.o.Gate.Session(secretOf(r))
}

// secretOf returns what the session of r is known by, or "".
func secretOf(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// askLogin sends a person to the login and tells a program that it needs one.
func (s *server) askLogin(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="intact"`)
	newProblem(http.StatusUnauthorized, "login_required", "this needs a login", "log in at /login, or send Authorization: Bearer and a token of intact user token").write(w)
}

// addressOf returns where r comes from. A proxy on this machine says for whom it
// asks; anybody else could say anything.
func addressOf(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if addr := peer.Addr().Unmap(); !addr.IsLoopback() {
		return addr.String()
	}
	chain := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	last := chain[strings.LastIndex(chain, ",")+1:]
	if addr, err := netip.ParseAddr(strings.TrimSpace(last)); err == nil {
		return addr.Unmap().String()
	}
	return peer.Addr().Unmap().String()
}

// loginView is the login, or the making of the first user.
type loginView struct {
	words
	Site  string
	Other string
	SetUp bool
	Name  string
	Note  string
}

// loginPage shows the login. It tells nothing of the building but its name.
func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	if l, ok := parseLanguage(r.URL.Query().Get("lang")); ok {
		keepCookie(w, r, languageCookie, string(l))
	}
	if _, err := s.identify(r); err == nil {
		back(w, r)
		return
	}
	s.showLogin(w, r, http.StatusOK, "", "")
}

// showLogin answers the login with the name that was given and what is wrong.
func (s *server) showLogin(w http.ResponseWriter, r *http.Request, status int, name, note string) {
	setUp, err := s.o.Gate.NeedsSetUp()
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	snap := s.desk.Snapshot()
	t := wordsFor(r, snap)
	s.render(w, r, status, "login", loginView{words: t, Site: snap.Site.Name.In(t.lang), Other: string(t.other()), SetUp: setUp, Name: name, Note: note})
}

// loginForm logs a person in.
func (s *server) loginForm(w http.ResponseWriter, r *http.Request) {
	s.enter(w, r, "access.login", func(name, password, from string) (string, access.Identity, error) {
		return s.o.Gate.Login(r.Context(), name, password, from)
	})
}

// setUpForm makes the first user, an admin, and logs them in.
func (s *server) setUpForm(w http.ResponseWriter, r *http.Request) {
	s.enter(w, r, "access.set_up", func(name, password, from string) (string, access.Identity, error) {
		return s.o.Gate.SetUp(r.Context(), r.PostFormValue("code"), name, password, from)
	})
}

// loginTexts are what the login says of an error, by its status.
var loginTexts = []struct {
	err    error
	status int
	text   string
}{
	{access.ErrWrong, http.StatusUnauthorized, "login.wrong"},
	{access.ErrCode, http.StatusUnauthorized, "login.code_wrong"},
	{access.ErrTooOften, http.StatusTooManyRequests, "login.too_often"},
	{access.ErrBusy, http.StatusServiceUnavailable, "login.busy"},
	{access.ErrSetUp, http.StatusConflict, "login.set_up"},
	{access.ErrWeak, http.StatusUnprocessableEntity, "login.weak"},
	{access.ErrName, http.StatusUnprocessableEntity, "login.name_bad"},
}

// enter lets in whoever the form names, if do agrees, and records what came of it.
func (s *server) enter(w http.ResponseWriter, r *http.Request, kind string, do func(name, password, from string) (string, access.Identity, error)) {
	if err := r.ParseForm(); err != nil {
		s.refuse(w, r, formError(err))
		return
	}
	name, from := strings.TrimSpace(r.PostFormValue("name")), addressOf(r)
	secret, id, err := do(name, r.PostFormValue("password"), from)
	if err == nil {
		setSession(w, r, secret, rememberFor)
		s.record(r, kind, id.Name, auditJSON{From: from})
		back(w, r)
		return
	}
	t := wordsFor(r, s.desk.Snapshot())
	for _, known := range loginTexts {
		if !errors.Is(err, known.err) {
			continue
		}
		if known.status == http.StatusUnauthorized {
			s.recordRefused(r, name, from)
		}
		s.showLogin(w, r, known.status, name, t.T(known.text))
		return
	}
	s.refuse(w, r, err)
}

// logout ends the session of this device.
func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if secret := secretOf(r); secret != "" {
		s.o.Gate.Logout(secret)
	}
	setSession(w, r, "", -1)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// setSession gives a device what its session is known by, for maxAge seconds. How
// long it holds is the business of the gate. A proxy that speaks TLS says so;
// whoever claims it falsely gets a cookie that is sent less often.
func setSession(w http.ResponseWriter, r *http.Request, secret string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: url.QueryEscape(secret), Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

// listAccess answers who may use the gateway, without anything that lets one in.
func (s *server) listAccess(*http.Request) (any, error) {
	if s.o.Gate == nil {
		return (&access.Roll{}).Public(), nil
	}
	roll, err := s.o.Gate.Everybody()
	return roll.Public(), err
}

// auditJSON is the body of a row of the journal about access: from where, and of
// an act also what was asked for and what was answered.
type auditJSON struct {
	From    string `json:"from"`
	Act     string `json:"act,omitempty"` // the route: a path may hold the token of a link
	ID      string `json:"id,omitempty"`  // what the act was on
	Program bool   `json:"program,omitempty"`
	Status  int    `json:"status,omitempty"`
	Others  int    `json:"others,omitempty"` // refused since the row before, which have none of their own
}

// recordLimit is how long an answer waits for its row.
const recordLimit = 2 * time.Second

// record writes a row about access to the journal. An act that is done is not
// undone because its row could not be written.
func (s *server) record(r *http.Request, kind, by string, body auditJSON) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), recordLimit)
	defer cancel()
	if err := s.desk.Note(ctx, kind, by, body); err != nil {
		s.o.Log.Error("not in the journal", "kind", kind, "by", by, "from", body.From, "act", body.Act, "id", body.ID, "err", err)
	}
}

// refusals holds how many logins were refused without a row of their own.
type refusals struct {
	mu     sync.Mutex
	last   time.Time
	others int
}

// refusedEvery is the pace of rows about refused logins: who guesses must not be
// able to fill the disk.
const refusedEvery = 10 * time.Second

// recordRefused writes that a login was refused.
func (s *server) recordRefused(r *http.Request, name, from string) {
	now := s.o.Now()
	s.refused.mu.Lock()
	if !s.refused.last.IsZero() && now.Sub(s.refused.last) < refusedEvery {
		s.refused.others++
		s.refused.mu.Unlock()
		return
	}
	others := s.refused.others
	s.refused.last, s.refused.others = now, 0
	s.refused.mu.Unlock()
	if roll, err := s.o.Gate.Everybody(); err != nil || !slices.ContainsFunc(roll.Users, func(u access.User) bool { return u.Name == name }) {
		name = "" // it may be a password in the wrong field
	}
	s.record(r, "access.refused", name, auditJSON{From: from, Others: others})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap lets http.ResponseController reach what is behind.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
