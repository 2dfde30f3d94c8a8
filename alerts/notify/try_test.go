package notify_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

// Nobody must take a test for an alarm.
func TestATrialIsMarkedInEveryChannel(t *testing.T) {
	for language, want := range map[gateway.Language]string{gateway.Chinese: "【演练】", gateway.English: "[TEST]"} {
		good, bad := &group{token: token}, &group{token: "other"}
		dingTalk, weCom := robots["DingTalk"], robots["WeCom"]
		r := notify.Receiver{ID: "duty", Language: language, Pool: []notify.Channel{
			dingTalk.channel(serve(t, dingTalk.group(good).ServeHTTP)+dingTalk.path, ""),
			weCom.channel(serve(t, weCom.group(bad).ServeHTTP)+weCom.path, ""),
			dingTalk.channel(serve(t, dingTalk.group(good).ServeHTTP)+dingTalk.path, ""),
		}}
		trials, err := notify.Try(t.Context(), r, notify.Options{Site: site(t)})
		if err != nil || len(trials) != 3 || !trials[0].Taken() || trials[1].Taken() || !trials[2].Taken() || trials[1].Channel != "wecom (channel 2)" {
			t.Fatalf("%s: %+v %v", language, trials, err)
		}
		if len(good.posts) != 2 || !strings.HasPrefix(good.titles[0], want) || !strings.Contains(good.posts[0], "\n\n"+site(t).Name.In(language)) {
			t.Errorf("%s: %q", language, good.posts)
		}
		if mend := notify.Mend(trials[1].Err); !strings.Contains(mend.ZH, "重新复制") {
			t.Errorf("%s: %v", language, mend)
		}
	}
}

func TestATrialOfAWebhookNamesNoAlert(t *testing.T) {
	var got notify.Message
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
	})
	r := notify.Receiver{ID: "desk", Channel: notify.Channel{Webhook: &notify.Webhook{URL: url}}}
	trials, err := notify.Try(t.Context(), r, notify.Options{Site: site(t)})
	if err != nil || len(trials) != 1 || !trials[0].Taken() || got.Event != "test" || got.Alert.ID != 0 || !strings.Contains(got.Text.ZH, "【演练】") || got.Site != "lakeside" {
		t.Errorf("%+v %v %+v", trials, err, got)
	}
}

func TestWhatIsWrongWithTheNetworkIsSaidInPlainWords(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then the server notices that the client has gone
		<-r.Context().Done()
	})
	s := startMail(t, "implicit")
	for _, tt := range []struct {
		name    string
		channel notify.Channel
		zh, en  string
	}{
		{"nobody listens", notify.Channel{Webhook: &notify.Webhook{URL: "http://" + closed.Addr().String()}}, "连接不上", "no connection"},
		{"nothing answers", notify.Channel{Webhook: &notify.Webhook{URL: silent, Timeout: 20 * time.Millisecond}}, "防火墙", "firewall"},
		{"no such name", notify.Channel{Webhook: &notify.Webhook{URL: "http://no-such-host.invalid/"}}, "DNS", "DNS"},
		{"an address of the cloud", notify.Channel{Webhook: &notify.Webhook{URL: "http://169.254.169.254/"}}, "云平台", "its cloud"},
		{"a certificate of nobody", notify.Channel{Email: &notify.Email{Server: s.address, TLS: "implicit", From: "a@example.com", To: []string{"b@example.com"}}}, "CA证书", "its CA"},
	} {
		trials, err := notify.Try(t.Context(), notify.Receiver{ID: "duty", Channel: tt.channel}, notify.Options{Site: site(t)})
		if err != nil || len(trials) != 1 || trials[0].Taken() {
			t.Fatalf("%s: %+v %v", tt.name, trials, err)
		}
		if mend := notify.Mend(trials[0].Err); !strings.Contains(mend.ZH, tt.zh) || !strings.Contains(mend.EN, tt.en) {
			t.Errorf("%s: %v for %v", tt.name, mend, trials[0].Err)
		}
	}
}
