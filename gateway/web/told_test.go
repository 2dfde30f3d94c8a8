package web_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway/store"
)

func TestWhoWasToldWhatWithWhichReceipt(t *testing.T) {
	g := newGateway(t)
	body := []byte(`{"text": {"zh": "电压偏高", "en": "Voltage <high>"}, "ack_url": "https://lakeside.example.com/ack/S3CRET"}`)
	g.told = []store.Delivery{
		{Notice: notify.Notice{Receiver: "desk", Alert: 3, Event: "raised", Body: body, Made: noon, Attempts: 1}, State: "sent", At: noon + 1000},
		{Notice: notify.Notice{Receiver: "people/wang", Alert: 3, Event: "escalated", Body: body, Made: noon, Attempts: 2}, State: "waiting", At: noon + 2000, Err: "503 Service Unavailable"},
		{Notice: notify.Notice{Receiver: "desk", Alert: 4, Event: "raised", Body: body, Made: noon}, State: "waiting"},
	}
	w := g.get("/api/v1/alerts/3/told")
	const first = `{"receiver":"desk","event":"raised","text":{"zh":"电压偏高","en":"Voltage \u003chigh\u003e"},"made":"2026-03-10T12:00:00+08:00","state":"sent","attempts":1,"tried":"2026-03-10T12:00:01+08:00","error":""}`
	if got := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(got, first) || !strings.Contains(got, `"error":"503 Service Unavailable"`) || strings.Count(got, "receiver") != 2 || strings.Contains(got, "S3CRET") {
		t.Errorf("%d\n%s", w.Code, got)
	}
	if got := g.get("/api/v1/alerts/4/told").Body.String(); !strings.Contains(got, `"state":"waiting","attempts":0,"tried":null`) {
		t.Errorf("of one that nobody has tried to send: %s", got)
	}
	page := g.get("/alerts/3/told?lang=en").Body.String()
	for _, want := range []string{"people/wang", "Voltage &lt;high&gt;", "not yet taken, will be tried again 12:00", "503 Service Unavailable"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q\n%s", want, page)
		}
	}
	if !strings.Contains(g.get("/").Body.String(), `href="/alerts/3/told"`) || strings.Contains(page, "S3CRET") {
		t.Error("no card leads to the page, or it shows the link")
	}
	if page := g.get("/alerts/9/told").Body.String(); !strings.Contains(page, "没有通知任何人") {
		t.Errorf("of an alert that nobody was told of:\n%s", page)
	}
	g.err = errors.New("disk")
	if w := g.get("/alerts/3/told"); w.Code != http.StatusInternalServerError {
		t.Errorf("without the store: %d", w.Code)
	}
}
