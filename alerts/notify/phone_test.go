package notify_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

// smsGateway takes JSON with approved variables only, as providers do, and
// answers 200 to everything.
func smsGateway(t *testing.T, sent *[]map[string]string) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m struct {
			Phone, Sign, Template string
			Params                map[string]string
		}
		no := func(code string) {
			io.WriteString(w, `{"Code":"`+code+`","Message":"refused for `+r.Header.Get("Authorization")+`"}`)
		}
		if err := json.Unmarshal(body, &m); err != nil {
			no("isv.INVALID_JSON")
			return
		}
		for _, v := range m.Params {
			if v == "" || utf8.RuneCountInString(v) > 20 {
				no("isv.PARAM_LENGTH_LIMIT")
				return
			}
			if strings.Contains(v, "http") {
				no("isv.PARAM_NOT_SUPPORT_URL")
				return
			}
		}
		switch {
		case r.Header.Get("Authorization") != "Bearer t0ken-t0ken":
			no("InvalidAccessKeyId")
		case m.Phone == "13800000001":
			no("isv.MOBILE_NUMBER_ILLEGAL")
		default:
			m.Params["phone"] = m.Phone
			*sent = append(*sent, m.Params)
			io.WriteString(w, `{"Code":"OK","Message":"OK"}`)
		}
	})
}

func sms(url string, to ...string) notify.Phone {
	return notify.Phone{
		URL: url, To: to, Token: token, Headers: map[string]string{"Authorization": "Bearer {token}"}, Expect: notify.Expect{"Code": "OK"},
		Template: `{"phone":"{to}","sign":"湖畔花园","template":"SMS_1","params":{"site":"{site}","device":"{facility}","alarm":"{alert}","code":"{ticket}"}}`,
	}
}

func TestAShortMessageFillsTheApprovedText(t *testing.T) {
	var sent []map[string]string
	p := sms(smsGateway(t, &sent), "13800000000", "13800000002")
	phone := open(t, notify.Receiver{Channel: notify.Channel{SMS: &p}})
	if err := phone.Notify(t.Context(), raised(t)); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 2 || sent[0]["phone"] != "13800000000" || sent[1]["phone"] != "13800000002" ||
		sent[0]["site"] != "湖畔花园" || sent[0]["device"] != "1号生活泵" || sent[0]["alarm"] != "出水压力低" || sent[0]["code"] != "WX20260310-0007" {
		t.Errorf("sent %v", sent)
	}
	a := low()
	a.Title = gateway.Text{ZH: strings.Repeat("出水\"压力\"低\n", 20)}
	if err := phone.Notify(t.Context(), noticeOf(t, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: a}, nil)); err != nil {
		t.Errorf("a long title with quotes and no ticket: %v", err)
	}
	var many []notify.Notice
	for range 3 {
		many = append(many, raised(t))
	}
	if err := phone.(notify.Digester).Digest(t.Context(), many); err != nil || sent[len(sent)-1]["device"] != "多处" {
		t.Errorf("a digest: %v %v", err, sent[len(sent)-1])
	}
}

func TestAGatewayForTelephonesThatSaysNo(t *testing.T) {
	var sent []map[string]string
	at := smsGateway(t, &sent)
	for _, tt := range []struct {
		name   string
		change func(*notify.Phone)
		want   string
		caveat bool
	}{
		{"a number that is none", func(p *notify.Phone) { p.To = []string{"13800000001"} }, "isv.MOBILE_NUMBER_ILLEGAL", false},
		{"one number of two", func(p *notify.Phone) { p.To = []string{"13800000001", "13800000000"} }, "the message was taken, but not for 13800000001: receiver answered 200 OK", true},
		{"another token", func(p *notify.Phone) { p.Token = "s3cret-s3cret" }, "expected Code to be OK in the answer", false},
	} {
		p := sms(at, "13800000000")
		tt.change(&p)
		err := open(t, notify.Receiver{Channel: notify.Channel{SMS: &p}}).Notify(t.Context(), raised(t))
		if _, caveat := errors.AsType[*notify.Caveat](err); err == nil || !strings.Contains(err.Error(), tt.want) || caveat != tt.caveat || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

// A call is placed by the same means; many gateways take forms.
func TestACallByAForm(t *testing.T) {
	var form url.Values
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form = r.PostForm
		io.WriteString(w, "OK")
	})
	p := notify.Phone{URL: at, Type: "form", Template: "tel={to}&say={text}&id={key}", To: []string{"+86 138-0000-0000"}}
	n := raised(t)
	if err := open(t, notify.Receiver{Channel: notify.Channel{Voice: &p}}).Notify(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if say := form.Get("say"); form.Get("tel") != p.To[0] || form.Get("id") != n.Key || len(form) != 3 || !strings.HasPrefix(say, "【紧急】1号楼泵房 1号生活泵 出水压力低：") || utf8.RuneCountInString(say) > 70 {
		t.Errorf("got %v", form)
	}
}

func TestAWebhookMayBeHeldToWhatItAnswers(t *testing.T) {
	for body, taken := range map[string]bool{
		`{"errcode":0}`: true, `{"errcode":"0"}`: true, `{"errcode":1}`: false, `{}`: false, "ok": false, `{"errcode":0`: false,
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
		err := openHook(t, notify.Webhook{URL: url, Expect: notify.Expect{"errcode": "0"}}).Notify(t.Context(), notify.Notice{Key: "k"})
		if (err == nil) != taken {
			t.Errorf("%s: got %v", body, err)
		}
	}
}
