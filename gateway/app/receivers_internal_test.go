package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/web"
)

// TestAReceiverIsTriedOverTheAPI: one that takes the message, one that does not,
// and neither of them twice in a moment.
func TestAReceiverIsTriedOverTheAPI(t *testing.T) {
	var got []string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body))
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer hook.Close()
	site, err := gateway.NewSite("s", gateway.Text{}, gateway.Instant(0).Time().Location(), gateway.English, nil)
	if err != nil {
		t.Fatal(err)
	}
	receiver := func(id, path string) notify.Receiver {
		return notify.Receiver{ID: id, Channel: notify.Channel{Webhook: &notify.Webhook{URL: hook.URL + path}}}
	}
	h := web.New(onlyJournal{}, nil, web.Options{Receivers: newTrials([]notify.Receiver{receiver("desk", "/good"), receiver("people/wang", "/bad")}, notify.Options{Site: site})})
	ask := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), method, path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := ask("GET", "/api/v1/receivers"); code != http.StatusOK || !strings.Contains(body, `{"id":"desk"},{"id":"people/wang"}`) {
		t.Errorf("the receivers: %d %s", code, body)
	}
	if code, body := ask("POST", "/api/v1/receivers/desk/test"); code != http.StatusOK || !strings.Contains(body, `"channel":"webhook","taken":true`) {
		t.Errorf("one that takes it: %d %s", code, body)
	}
	if code, body := ask("POST", "/api/v1/receivers/people%2Fwang/test"); code != http.StatusOK || !strings.Contains(body, `"taken":false`) || !strings.Contains(body, "403 Forbidden") {
		t.Errorf("one that does not: %d %s", code, body)
	}
	if code, _ := ask("POST", "/api/v1/receivers/desk/test"); code != http.StatusTooManyRequests {
		t.Errorf("again at once: %d", code)
	}
	if code, _ := ask("POST", "/api/v1/receivers/nobody/test"); code != http.StatusNotFound {
		t.Errorf("one that there is not: %d", code)
	}
	var m notify.Message
	if len(got) != 2 || json.Unmarshal([]byte(got[0]), &m) != nil || m.Event != "test" || !strings.Contains(m.Text.ZH, "演练") || !strings.Contains(m.Text.EN, "TEST") {
		t.Errorf("they were sent %q", got)
	}
}

// onlyJournal is a desk of which nothing is asked but to record the act.
type onlyJournal struct{ web.Desk }

func (onlyJournal) Note(context.Context, string, string, any) error { return nil }
