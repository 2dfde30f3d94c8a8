package web_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/alerts/acklink"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/access"
	"github.com/intact-gateway/intact/gateway/web"
)

const (
	password = "copper kettle on the roof"
	html     = "text/html,application/xhtml+xml"
)

// guarded is a gateway with a login and a user for each role.
type guarded struct {
	gatewayAt
	gate *access.Gate
	book *access.Book
	in   map[string]func(*http.Request) // by whom: puts the login into a request
}

var everything = func(o *web.Options) {
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("m 1")) })
	o.Receivers = noReceivers{}
	o.Links = noLinks{}
	done := make(chan struct{})
	close(done) // a live stream ends at once
	o.Done = done
}

type noReceivers struct{}

func (noReceivers) IDs() []string { return nil }
func (noReceivers) Try(context.Context, string) ([]web.Trial, error) {
	return nil, web.ErrNoReceiver
}

type noLinks struct{}

func (noLinks) Read(string, gateway.Instant) (acklink.Claim, error) {
	return acklink.Claim{}, acklink.ErrForged
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	dir := t.TempDir()
	g := guarded{book: access.NewBook(dir), gate: access.NewGate(dir, access.Options{Free: true}), in: make(map[string]func(*http.Request))}
	g.gatewayAt = newGateway(t, everything, func(o *web.Options) { o.Gate = g.gate })
	g.in["no login"] = func(*http.Request) {}
	for i, role := range []access.Role{access.Admin, access.Engineer, access.Technician, access.Viewer} {
		if err := g.book.AddUser(role.String(), password+"!", role); err != nil {
			t.Fatal(err)
		}
		from := "10.0.0." + string(rune('1'+i))
		secret, _, err := g.gate.Login(t.Context(), role.String(), password+"!", from)
		if err != nil {
			t.Fatal(err)
		}
		g.in["session "+role.String()] = func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "intact_session", Value: secret}) }
	}
	for _, scope := range []string{"metrics", "read", "act"} {
		role, err := access.ParseScope(scope)
		if err != nil {
			t.Fatal(err)
		}
		token, err := g.book.AddToken(scope+"-program", role, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		g.in["token "+scope] = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	return g
}

// least is the decision of who may do what. A route that is added has to be
// decided here.
var least = map[string]access.Role{
	"GET /healthz": access.Nobody, "GET /assets/{name}": access.Nobody,
	"GET /login": access.Nobody, "POST /login": access.Nobody, "POST /setup": access.Nobody, "POST /logout": access.Nobody,
	"GET /ack/{token}": access.Nobody, "POST /ack/{token}": access.Nobody, // signed: who has the link may

	"GET /metrics": access.Monitor, "GET /readyz": access.Monitor,

	"GET /{$}": access.Viewer, "GET /facilities/{id}/points": access.Viewer, "GET /reports/{month}": access.Viewer,
	"GET /alerts/{id}/told": access.Viewer, "POST /name": access.Viewer,
	"GET /api/v1/facilities": access.Viewer, "GET /api/v1/facilities/{id}": access.Viewer, "GET /api/v1/points": access.Viewer,
	"GET /api/v1/alerts": access.Viewer, "GET /api/v1/alerts/{id}": access.Viewer, "GET /api/v1/alerts/{id}/told": access.Viewer,
	"GET /api/v1/rules/{facility}/{rule}": access.Viewer, "GET /api/v1/tickets": access.Viewer, "GET /api/v1/tickets/{id}": access.Viewer,
	"GET /api/v1/intact": access.Viewer, "GET /api/v1/reports/{month}": access.Viewer, "GET /api/v1/stream": access.Viewer,

	"POST /alerts/{id}/ack": access.Technician, "POST /alerts/{id}/reset": access.Technician,
	"POST /alerts/{id}/shelve": access.Technician, "POST /alerts/{id}/unshelve": access.Technician,
	"POST /tickets": access.Technician, "POST /tickets/{id}/{event}": access.Technician,
	"POST /api/v1/alerts/{id}/ack": access.Technician, "POST /api/v1/alerts/{id}/reset": access.Technician,
	"POST /api/v1/alerts/{id}/shelve": access.Technician, "POST /api/v1/alerts/{id}/unshelve": access.Technician,
	"POST /api/v1/tickets": access.Technician, "POST /api/v1/tickets/{id}/{event}": access.Technician,
	"GET /api/v1/receivers": access.Technician, "GET /api/v1/journal": access.Technician,

	"POST /api/v1/receivers/{id}/test": access.Engineer,
	"GET /api/v1/access":               access.Admin,
}

func TestEveryRouteForEveryRole(t *testing.T) {
	g := newGuarded(t)
	o := web.Options{Gate: g.gate}
	everything(&o)
	if got := web.Least(o); !maps.Equal(got, least) {
		t.Errorf("routes and roles differ from what was decided:\ngot  %v\nwant %v", got, least)
	}
	roles := map[string]access.Role{
		"no login": access.Nobody, "token metrics": access.Monitor, "token read": access.Viewer, "token act": access.Technician,
		"session viewer": access.Viewer, "session technician": access.Technician, "session engineer": access.Engineer, "session admin": access.Admin,
	}
	fill := strings.NewReplacer("{id}", "3", "{facility}", "meter-1", "{rule}", "v_high", "{month}", "2026-03", "{event}", "accept", "{name}", "style.css", "{token}", "x", "{$}", "")
	for pattern, need := range least {
		method, path, _ := strings.Cut(fill.Replace(pattern), " ")
		for by, role := range roles {
			if pattern == "POST /logout" { // ends the session of all further tries
				continue
			}
			r := httptest.NewRequest(method, path, nil)
			r.RemoteAddr = "10.0.0.99:1"
			g.in[by](r)
			w := g.do(r)
			code := gjson.Get(w.Body.String(), "code").String()
			refused := code == "login_required" || code == "not_allowed"
			if refused != (role < need) {
				t.Errorf("%s, %s: %d %s", pattern, by, w.Code, code)
			}
			if want := map[bool]int{true: 401, false: 403}[by == "no login"]; refused && w.Code != want {
				t.Errorf("%s, %s: %d, want %d", pattern, by, w.Code, want)
			}
		}
	}
}

func TestWithoutALoginThePageLeadsToOne(t *testing.T) {
	g := newGuarded(t)
	for _, path := range []string{"/", "/alerts/3/told", "/reports/2026-03"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept", html)
		if w := g.do(r); w.Code != 303 || w.Header().Get("Location") != "/login" || w.Body.Len() > 100 {
			t.Errorf("%s: %d to %q with %d bytes", path, w.Code, w.Header().Get("Location"), w.Body.Len())
		}
	}
	page := g.get("/login").Body.String()
	for _, inside := range []string{"电压", "meter-1", "lift-1"} {
		if strings.Contains(page, inside) {
			t.Errorf("the login tells of %q", inside)
		}
	}
}

func TestAPersonLogsInAndOut(t *testing.T) {
	g := newGuarded(t)
	login := func(password string) *httptest.ResponseRecorder {
		return g.postForm("/login", url.Values{"name": {"viewer"}, "password": {password}}.Encode())
	}
	if w := login("wrong <b>"); w.Code != 401 || len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), "wrong <b>") {
		t.Errorf("with a wrong password: %d %v", w.Code, w.Result().Cookies())
	}
	w := login(password + "!")
	cookies := w.Result().Cookies()
	if w.Code != 303 || len(cookies) != 1 {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	if c := cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure {
		t.Errorf("over plain HTTP the cookie is %v", c)
	}
	r := httptest.NewRequest("GET", "/?lang=en", nil)
	r.AddCookie(cookies[0])
	if page := g.do(r).Body.String(); !strings.Contains(page, "<b>viewer</b> · viewer") || !strings.Contains(page, `action="/logout"`) {
		t.Errorf("the page does not say who is logged in")
	}
	if w := g.postForm("/logout", "", cookies[0]); w.Code != 303 || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("logout: %d %v", w.Code, w.Result().Cookies())
	}
	if w := g.postForm("/name", "by=Li", cookies[0]); w.Code != 401 {
		t.Errorf("after the logout: %d", w.Code)
	}
	var kinds []string
	for _, n := range g.notes {
		kinds = append(kinds, n.kind+" "+n.by)
	}
	if want := []string{"access.refused viewer", "access.login viewer", "access.act viewer"}; !slices.Equal(kinds, want) {
		t.Errorf("journal: %q, want %q", kinds, want)
	}
}

func TestCookieIsSecureOverTLS(t *testing.T) {
	g := newGuarded(t)
	for _, name := range []string{"https://lakeside.example", "http://behind.a.proxy"} {
		r := httptest.NewRequest("POST", name+"/login", strings.NewReader(url.Values{"name": {"viewer"}, "password": {password + "!"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r.TLS == nil {
			r.Header.Set("X-Forwarded-Proto", "https")
		}
		if c := g.do(r).Result().Cookies(); len(c) != 1 || !c[0].Secure {
			t.Errorf("%s: %v", name, c)
		}
	}
}

func TestActsCarryTheNameOfTheLogin(t *testing.T) {
	for _, tt := range []struct{ by, body, want string }{
		{"session technician", `{"by":"the boss"}`, "technician"},
		{"session technician", `{}`, "technician"},
		{"token act", `{}`, "act-program"},
		{"token act", `{"by":"王强"}`, "王强 (act-program)"},
	} {
		g := newGuarded(t)
		r := newJSONRequest("POST", "/api/v1/alerts/3/ack", tt.body)
		r.RemoteAddr = "10.0.0.7:4711"
		g.in[tt.by](r)
		if w := g.do(r); w.Code != 200 {
			t.Fatalf("%s: %d %s", tt.by, w.Code, w.Body)
		}
		if got := g.Snapshot().Alerts[0].AckedBy; got != tt.want {
			t.Errorf("%s with %s: acknowledged by %q, want %q", tt.by, tt.body, got, tt.want)
		}
		n := g.notes[len(g.notes)-1]
		if n.kind != "access.act" || n.by == "" || gjson.Get(n.body, "from").String() != "10.0.0.7" ||
			gjson.Get(n.body, "act").String() != "POST /api/v1/alerts/{id}/ack" || gjson.Get(n.body, "id").String() != "3" || gjson.Get(n.body, "status").Int() != 200 {
			t.Errorf("journal: %+v", n)
		}
	}
}

func TestAnActThatIsNotAllowedIsOnRecord(t *testing.T) {
	g := newGuarded(t)
	r := newJSONRequest("POST", "/api/v1/alerts/3/ack", `{}`)
	g.in["session viewer"](r)
	if w := g.do(r); w.Code != 403 || g.Snapshot().Alerts[0].Acked {
		t.Errorf("%d, acknowledged %v", w.Code, g.Snapshot().Alerts[0].Acked)
	}
	if n := g.notes[len(g.notes)-1]; n.by != "viewer" || gjson.Get(n.body, "status").Int() != 403 {
		t.Errorf("journal: %+v", n)
	}
	had := len(g.notes)
	if w := g.postJSON("/api/v1/alerts/3/ack", `{}`); w.Code != 401 || len(g.notes) != had {
		t.Errorf("a stranger gets %d and writes %d rows", w.Code, len(g.notes)-had)
	}
}

func TestNoAnswerHoldsASecret(t *testing.T) {
	g := newGuarded(t)
	for pattern := range least {
		method, path, _ := strings.Cut(pattern, " ")
		if method != "GET" || strings.Contains(path, "{") && path != "/{$}" {
			continue
		}
		r := httptest.NewRequest("GET", strings.TrimSuffix(path, "{$}"), nil)
		g.in["session admin"](r)
		body := g.do(r).Body.String()
		for _, secret := range []string{"argon2", "intact_session", `"hash"`, `"password":`} {
			if strings.Contains(body, secret) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
	}
}

func TestAddressBehindAProxy(t *testing.T) {
	for _, tt := range []struct{ peer, forwarded, want string }{
		{"10.0.0.5:99", "", "10.0.0.5"},
		{"10.0.0.5:99", "203.0.113.9", "10.0.0.5"},
		{"127.0.0.1:99", "203.0.113.9", "203.0.113.9"},
		{"127.0.0.1:99", "6.6.6.6, 203.0.113.9", "203.0.113.9"},
		{"[::ffff:10.0.0.5]:99", "", "10.0.0.5"},
	} {
		g := newGuarded(t)
		r := newJSONRequest("POST", "/api/v1/alerts/3/ack", `{}`)
		r.RemoteAddr = tt.peer
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		g.in["session admin"](r)
		g.do(r)
		if got := gjson.Get(g.notes[len(g.notes)-1].body, "from").String(); got != tt.want {
			t.Errorf("%s for %q: from %s, want %s", tt.peer, tt.forwarded, got, tt.want)
		}
	}
}

func TestTheFirstUserIsMadeOnThePage(t *testing.T) {
	dir := t.TempDir()
	gate := access.NewGate(dir, access.Options{})
	code, _, _, err := gate.SetUpCode()
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, func(o *web.Options) { o.Gate = gate })
	if page := g.get("/login").Body.String(); !strings.Contains(page, `action="/setup"`) {
		t.Errorf("no set-up: %s", page)
	}
	form := url.Values{"code": {code}, "name": {"李强"}, "password": {password}}
	if w := g.postForm("/setup", form.Encode()); w.Code != 303 || len(w.Result().Cookies()) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if page := g.get("/login").Body.String(); strings.Contains(page, `action="/setup"`) {
		t.Error("the set-up is still there")
	}
}
