package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/gateway/web"
)

func newJSONRequest(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestActsThatAnotherSiteSendsAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		header map[string]string
		status int
	}{
		{"from a foreign page", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"from a page of the same domain", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"from an old browser on a foreign page", map[string]string{"Origin": "https://evil.example"}, 403},
		{"from our own page", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"from a program", nil, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, form := range []bool{false, true} {
				g := newGateway(t)
				r := newJSONRequest("POST", "/api/v1/alerts/3/ack", `{"by":"Li"}`)
				if form {
					r = httptest.NewRequest("POST", "/alerts/3/ack", strings.NewReader("by=Li"))
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				for k, v := range tt.header {
					r.Header.Set(k, v)
				}
				w := g.do(r)
				if acted := g.Snapshot().Alerts[0].Acked; acted != (tt.status == 200) {
					t.Errorf("form %v: acknowledged %v", form, acted)
				}
				if tt.status == 403 && (w.Code != 403 || gjson.Get(w.Body.String(), "code").String() != "cross_origin") {
					t.Errorf("form %v: %d %s", form, w.Code, w.Body)
				}
			}
		})
	}
}

func TestBodyBeyondTheLimitIsRefused(t *testing.T) {
	g := newGateway(t)
	huge := strings.Repeat("x", 1<<20)
	for _, w := range []*httptest.ResponseRecorder{
		g.postJSON("/api/v1/alerts/3/ack", `{"by":"Li","note":"`+huge+`"}`),
		g.postForm("/alerts/3/ack", "by=Li&note="+huge),
	} {
		if w.Code != http.StatusRequestEntityTooLarge || gjson.Get(w.Body.String(), "code").String() != "body_too_large" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if g.Snapshot().Alerts[0].Acked {
		t.Error("an oversize request acted")
	}
}

func TestBodyOfAnotherTypeIsRefused(t *testing.T) {
	g := newGateway(t)
	if w := g.post("/api/v1/alerts/3/ack", "text/plain", `{"by":"Li"}`); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestEveryAnswerCarriesTheGuardingHeaders(t *testing.T) {
	g := newGateway(t)
	for _, target := range []string{"/", "/api/v1/facilities", "/api/v1/nope", "/healthz"} {
		h := g.get(target).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", target, h)
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
	}
}

func TestMetricsAreServedIfGiven(t *testing.T) {
	g := newGateway(t, func(o *web.Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("m 1")) })
	})
	if w := g.get("/metrics"); w.Code != 200 || w.Body.String() != "m 1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := newGateway(t).get("/metrics"); w.Code != 404 {
		t.Errorf("without metrics: %d", w.Code)
	}
}
