package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/intact-gateway/intact/alerts/acklink"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/web"
)

// linked is a gateway whose alert 3 has been called for the second time, and the
// key of its links.
func linked(t *testing.T) (gatewayAt, *acklink.Key) {
	t.Helper()
	key, err := acklink.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, func(o *web.Options) { o.Links = key })
	g.publish(func(s *pipeline.Snapshot) { s.Alerts[0].Call.Count = 2 })
	return g, key
}

func secondCall(by string) acklink.Claim {
	return acklink.Claim{Alert: 3, Call: 2, By: by, Until: noon.Add(acklink.For)}
}

// TestALookAtALinkChangesNothing: chat programs fetch what they show.
func TestALookAtALinkChangesNothing(t *testing.T) {
	g, key := linked(t)
	path := web.LinkPath + key.Sign(secondCall(""))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		w := g.do(httptest.NewRequest(method, path, nil))
		if body := w.Body.String(); w.Code != http.StatusOK || method == http.MethodGet && !strings.Contains(body, "电压偏高") {
			t.Errorf("%s answers %d\n%s", method, w.Code, body)
		}
	}
	if g.Snapshot().Alerts[0].Acked {
		t.Error("a look has acknowledged the alert")
	}
}

func TestALinkAcknowledgesItsAlert(t *testing.T) {
	g, key := linked(t)
	path := web.LinkPath + key.Sign(secondCall("王强"))
	// Whatever the form says, it acts in the name of whom the link was sent to.
	w := g.postForm(path, "note=%E5%B7%B2%E5%88%B0%E5%9C%BA&by=Mallory")
	a := g.Snapshot().Alerts[0]
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != path || !a.Acked || a.AckedBy != "王强" || a.AckNote != "已到场" || a.AckVia != "link" {
		t.Errorf("%d to %s, and the alert is %+v", w.Code, w.Header().Get("Location"), a)
	}
	// Once more, and by somebody else: harmless, and it says who was first.
	other := web.LinkPath + key.Sign(secondCall("李敏"))
	for _, p := range []string{path, other} {
		if w := g.postForm(p, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "已有人处理：王强") {
			t.Errorf("again: %d\n%s", w.Code, w.Body)
		}
	}
	if a := g.Snapshot().Alerts[0]; a.AckedBy != "王强" {
		t.Errorf("it is acknowledged by %s now", a.AckedBy)
	}
}

func TestALinkToAGroupAsksForTheName(t *testing.T) {
	g, key := linked(t)
	path := web.LinkPath + key.Sign(secondCall(""))
	if w := g.postForm(path, "by=+"); w.Code != http.StatusUnprocessableEntity || g.Snapshot().Alerts[0].Acked {
		t.Errorf("nobody acknowledges: %d", w.Code)
	}
	if w := g.postForm(path, "by=Li"); w.Code != http.StatusSeeOther || g.Snapshot().Alerts[0].AckedBy != "Li" {
		t.Errorf("%d, acknowledged by %q", w.Code, g.Snapshot().Alerts[0].AckedBy)
	}
}

func TestALinkThatDoesNotHoldAcknowledgesNothing(t *testing.T) {
	g, key := linked(t)
	stranger, err := acklink.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	old, over, past := secondCall("li"), secondCall("li"), secondCall("li")
	old.Call, over.Alert, past.Until = 1, 99, noon
	for _, tt := range []struct {
		name, token string
		status      int
		says        string
	}{
		{"of another gateway", stranger.Sign(secondCall("li")), http.StatusNotFound, "链接无效"},
		{"nonsense", "x", http.StatusNotFound, "链接无效"},
		{"of an earlier call", key.Sign(old), http.StatusConflict, "报警已再次发出"},
		{"of an alert that is over", key.Sign(over), http.StatusOK, "报警已结束"},
		{"of yesterday", key.Sign(past), http.StatusGone, "链接已过期"},
	} {
		for _, w := range []*httptest.ResponseRecorder{g.get(web.LinkPath + tt.token), g.postForm(web.LinkPath+tt.token, "by=Li")} {
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || strings.Contains(w.Body.String(), "<form") {
				t.Errorf("%s: %d, want %d and %s\n%s", tt.name, w.Code, tt.status, tt.says, w.Body)
			}
		}
	}
	r := httptest.NewRequest(http.MethodPost, web.LinkPath+key.Sign(secondCall("li")), nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if w := g.do(r); w.Code != http.StatusForbidden {
		t.Errorf("another site sends the form: %d", w.Code)
	}
	if a := g.Snapshot().Alerts[0]; a.Acked {
		t.Errorf("the alert is acknowledged by %s", a.AckedBy)
	}
	if w := newGateway(t).get(web.LinkPath + key.Sign(secondCall("li"))); w.Code != http.StatusNotFound {
		t.Errorf("a gateway without links answers %d", w.Code)
	}
}

// TestALinkOnAPhone takes an alert in hand as people do, without script.
func TestALinkOnAPhone(t *testing.T) {
	ctx := newPhone(t)
	g, key := linked(t)
	server := httptest.NewServer(g)
	t.Cleanup(func() { stop(server) })
	var width int
	var said string
	if err := chromedp.Run(ctx,
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		chromedp.Navigate(server.URL+web.LinkPath+key.Sign(secondCall("王强"))),
		chromedp.Evaluate(`document.documentElement.scrollWidth`, &width),
		chromedp.SendKeys(`input[name=note]`, "十分钟到场", chromedp.ByQuery),
		chromedp.Click(`button.primary`, chromedp.ByQuery),
		chromedp.WaitVisible(`.notice.ok`, chromedp.ByQuery),
		chromedp.Text(`.notice.ok`, &said, chromedp.ByQuery),
	); err != nil {
		t.Fatal(err)
	}
	if a := g.Snapshot().Alerts[0]; width > 390 || !strings.Contains(said, "王强") || a.AckedBy != "王强" || a.AckVia != "link" {
		t.Errorf("%d px wide, it says %q, and the alert is %+v", width, said, a)
	}
}
