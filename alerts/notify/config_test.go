package notify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

func TestValidateReportsEveryMistake(t *testing.T) {
	hook := func(url string) *notify.Webhook { return &notify.Webhook{URL: url} }
	desk := notify.Receiver{ID: "duty-desk", Channel: notify.Channel{Webhook: hook("https://example.com/alarm")}}
	route := func(r notify.Route) notify.Config {
		return notify.Config{Receivers: []notify.Receiver{desk, {ID: "boss", Channel: notify.Channel{Webhook: hook("http://[::1]:80/")}}}, Routes: []notify.Route{r}}
	}
	receiver := func(r ...notify.Receiver) notify.Config { return notify.Config{Receivers: r} }
	for _, tt := range []struct {
		name   string
		config notify.Config
		want   []string // path: problem; hint
	}{
		{"nothing", notify.Config{}, nil},
		{"all that a route can say", route(notify.Route{To: []string{"duty-desk", "boss"}, Severity: "life_safety", Classes: []gateway.Class{gateway.Pump},
			Buildings: []string{"1"}, Events: []string{"raised", "level", "returned", "acknowledged", "withdrawn"}}), nil},
		{"a receiver twice", receiver(desk, desk), []string{`receivers[1].id: receiver "duty-desk" exists twice; `}},
		{"a receiver with a strange name", receiver(notify.Receiver{ID: "Duty Desk", Channel: notify.Channel{Webhook: hook("http://a")}}),
			[]string{`receivers[0].id: "Duty Desk" cannot name a receiver; small letters, digits and -`}},
		{"a receiver that cannot be reached", receiver(notify.Receiver{ID: "a"}), []string{"receivers[0]: receiver a has no channel; give it one of dingtalk, wecom, feishu, email, sms, voice, alertmanager, webhook, such as webhook: {url: …}"}},
		{"addresses that are none", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{Webhook: hook("ftp://example.com")}}, notify.Receiver{ID: "b", Channel: notify.Channel{Webhook: hook("example.com/alarm")}},
			notify.Receiver{ID: "c", Channel: notify.Channel{Webhook: hook("https://:443/x")}}, notify.Receiver{ID: "d", Channel: notify.Channel{Webhook: hook("http://a b\x7f")}}),
			[]string{
				"receivers[0].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
				"receivers[1].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
				"receivers[2].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
				"receivers[3].webhook.url: this is no address of a webhook; http or https, such as https://example.com/alarm",
			}},
		{"two secrets and an endless attempt", receiver(notify.Receiver{ID: "a", Channel: notify.Channel{Webhook: &notify.Webhook{URL: "http://a", Secret: "x", SecretFile: "y", Timeout: time.Hour}}}),
			[]string{
				"receivers[0].webhook.secret_file: there are two of secret; keep secret or secret_file",
				"receivers[0].webhook.timeout: the time for one attempt is out of bounds; up to 1min; what fails is tried again",
			}},
		{"a receiver in another language", receiver(notify.Receiver{ID: "a", Language: "de", Channel: desk.Channel}),
			[]string{`receivers[0].language: unknown language "de"; one of zh, en`}},
		{"two channels at once", receiver(notify.Receiver{ID: "a", Channel: notify.Channel{Webhook: hook("http://a"), WeCom: &notify.Robot{URLFile: "wecom"}}}),
			[]string{"receivers[0].webhook: receiver a has more than one channel: wecom, webhook; put them into a pool if one is to stand in for the other, or make a receiver of each"}},
		{"a pool", receiver(notify.Receiver{ID: "a", Pool: []notify.Channel{{WeCom: &notify.Robot{URLFile: "1"}}, {WeCom: &notify.Robot{URLFile: "2"}}, {Feishu: &notify.SignedRobot{Robot: notify.Robot{URLFile: "3"}}}}}), nil},
		{"pools that cannot be", receiver(
			notify.Receiver{ID: "a", Pool: []notify.Channel{}},
			notify.Receiver{ID: "b", Channel: notify.Channel{WeCom: &notify.Robot{URLFile: "1"}}, Pool: []notify.Channel{{WeCom: &notify.Robot{}}}},
			notify.Receiver{ID: "c", Pool: []notify.Channel{{}, {Webhook: hook("http://a")}}}),
			[]string{
				"receivers[0].pool: receiver a has 0 channels; between 1 and 8",
				"receivers[1].pool: receiver b has a pool and a channel beside it; put the channel into the pool, first if it is the usual one",
				"receivers[1].pool[0].wecom: the robot has no address; put its webhook address, https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…, into a file and name that as url_file, or say url: ${NAME}",
				"receivers[2].pool[0]: channel 1 of receiver c has no channel; give it one of dingtalk, wecom, feishu, email, sms, voice, alertmanager, webhook, such as webhook: {url: …}",
				"receivers[2].pool[1].webhook: webhook cannot be part of a pool: a program takes other messages than people do; make it a receiver of its own",
			}},
		{"robots", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{DingTalk: &notify.SignedRobot{Robot: notify.Robot{URL: "https://oapi.dingtalk.com/robot/send?access_token=a1b2"}, SecretFile: "s"}}},
			notify.Receiver{ID: "b", Channel: notify.Channel{WeCom: &notify.Robot{URLFile: "b"}}},
			notify.Receiver{ID: "c", Channel: notify.Channel{Feishu: &notify.SignedRobot{Robot: notify.Robot{URL: "https://open.larksuite.com/open-apis/bot/v2/hook/a1b2"}}}}), nil},
		{"robots that cannot be", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{DingTalk: &notify.SignedRobot{}}},
			notify.Receiver{ID: "b", Channel: notify.Channel{WeCom: &notify.Robot{URL: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?access_token=s3cret", URLFile: "b"}}},
			notify.Receiver{ID: "c", Channel: notify.Channel{Feishu: &notify.SignedRobot{Robot: notify.Robot{URL: "https://open.feishu.cn/s3cret", Timeout: -1}, Secret: "x", SecretFile: "y"}}}),
			[]string{
				"receivers[0].dingtalk: the robot has no address; put its webhook address, https://oapi.dingtalk.com/robot/send?access_token=…, into a file and name that as url_file, or say url: ${NAME}",
				"receivers[1].wecom.url: this is no address of a WeCom robot; copy the webhook address from the settings of the robot: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
				"receivers[1].wecom.url_file: there are two of url; keep url or url_file",
				"receivers[2].feishu.url: this is no address of a Feishu robot; copy the webhook address from the settings of the robot: https://open.feishu.cn/open-apis/bot/v2/hook/…",
				"receivers[2].feishu.timeout: the time for one attempt is out of bounds; up to 1min; what fails is tried again",
				"receivers[2].feishu.secret_file: there are two of secret; keep secret or secret_file",
			}},
		{"mail", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{Email: &notify.Email{Server: "smtp.example.com:465", From: "网关 <gw@example.com>", To: []string{"duty@example.com"}, Username: "gw@example.com", PasswordFile: "p"}}},
			notify.Receiver{ID: "b", Channel: notify.Channel{Email: &notify.Email{Server: "[::1]:25", TLS: "none", From: "gw@example.com", To: []string{"duty@example.com"}}}}), nil},
		{"mail that cannot be", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{Email: &notify.Email{Server: "smtp.example.com", TLS: "starttsl", From: "gw", To: []string{"duty@example.com", "boss@"}, Username: "gw"}}},
			notify.Receiver{ID: "b", Channel: notify.Channel{Email: &notify.Email{Server: "smtp.example.com:25", TLS: "none", From: "gw@example.com", Password: "s3cret", PasswordFile: "p", Username: "gw", Timeout: time.Hour}}},
			notify.Receiver{ID: "c", Channel: notify.Channel{Email: &notify.Email{Server: "smtp.example.com:587", From: "gw@example.com", To: []string{"duty@example.com"}, PasswordFile: "p"}}}),
			[]string{
				`receivers[0].email.server: "smtp.example.com" is not an address of a mail server; host:port, such as smtp.example.com:465`,
				`receivers[0].email.tls: unknown way of encryption "starttsl"; did you mean starttls?`,
				`receivers[0].email.from: "gw" is not a mail address; such as gateway@example.com`,
				`receivers[0].email.to[1]: "boss@" is not a mail address; such as duty@example.com`,
				"receivers[0].email: there is no password for username; name a file that holds it as password_file; many providers want an authorization code (授权码) instead of the password",
				"receivers[1].email.to: the mail goes to nobody; name one or more mail addresses",
				"receivers[1].email.password_file: there are two of password; keep password or password_file",
				"receivers[1].email.tls: the password would cross the network in the clear; say starttls or implicit, or leave out username and password",
				"receivers[1].email.timeout: the time for one attempt is out of bounds; up to 1min; what fails is tried again",
				"receivers[2].email.username: there is a password, but nobody it belongs to; write username, often the mail address itself",
			}},
		{"telephones", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{SMS: &notify.Phone{URL: "https://sms.example.com", To: []string{"13800000000"}, TokenFile: "t",
				Template: `{"to": "{to}", "text": "{text}"}`, Headers: map[string]string{"Authorization": "Bearer {token}"}, Expect: notify.Expect{"code": "0"}}}},
			notify.Receiver{ID: "b", Channel: notify.Channel{Voice: &notify.Phone{URL: "http://10.0.0.9/call", Type: "form", Template: "n={to}&t={text}", To: []string{"119"}}}}), nil},
		{"telephones that cannot be", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{SMS: &notify.Phone{URL: "sms.example.com", Type: "xml", To: []string{"duty"}, Template: `{"to": "{too}"}`, Headers: map[string]string{"X-Key": "{token}"}, Expect: notify.Expect{"": "x"}}}},
			notify.Receiver{ID: "b", Channel: notify.Channel{Voice: &notify.Phone{URL: "http://10.0.0.9/call", Template: "n={to}"}}}),
			[]string{
				"receivers[0].sms.url: this is no address of an HTTP gateway; http or https, such as https://sms.example.com/send",
				`receivers[0].sms.type: unknown type "xml"; one of json, form`,
				"receivers[0].sms.template: nothing is known that {too} could stand for; did you mean to?",
				"receivers[0].sms.headers.X-Key: there is no token that {token} could stand for; name a file that holds it: token_file",
				`receivers[0].sms.to[0]: "duty" is not a telephone number; digits, such as 13800000000 or +8613800000000`,
				"receivers[0].sms.expect: an expectation has no path; such as expect: {errcode: 0}",
				`receivers[1].voice.template: the template does not make JSON; such as {"phone": "{to}", "content": "{text}"}, or say type: form`,
				"receivers[1].voice.to: the message goes to nobody; name one or more telephone numbers",
			}},
		{"alertmanagers", receiver(
			notify.Receiver{ID: "a", Channel: notify.Channel{Alertmanager: &notify.Alertmanager{URL: "http://127.0.0.1:9093", TokenFile: "t"}}},
			notify.Receiver{ID: "b", Channel: notify.Channel{Alertmanager: &notify.Alertmanager{URL: "http://127.0.0.1:9093/api/v2/alerts", Token: "x", TokenFile: "t"}}},
			notify.Receiver{ID: "c", Channel: notify.Channel{Alertmanager: &notify.Alertmanager{URL: "127.0.0.1:9093"}}}),
			[]string{
				"receivers[1].alertmanager.url: the address goes on into the API; leave out what begins with /api/",
				"receivers[1].alertmanager.token_file: there are two of token; keep token or token_file",
				"receivers[2].alertmanager.url: this is no address of an Alertmanager; such as http://127.0.0.1:9093",
			}},
		{"a slip in a receiver's name", route(notify.Route{To: []string{"boss", "dutydesk"}}),
			[]string{`routes[0].to[1]: there is no receiver "dutydesk"; did you mean duty-desk?`}},
		{"a receiver that is like no other", route(notify.Route{To: []string{"fire-brigade"}}),
			[]string{`routes[0].to[0]: there is no receiver "fire-brigade"; one of duty-desk, boss`}},
		{"no receivers at all", notify.Config{Routes: []notify.Route{{To: []string{"boss"}}}}, []string{`routes[0].to[0]: there is no receiver "boss"; there are none`}},
		{"a route to nobody", route(notify.Route{}), []string{"routes[0].to: the route leads to nobody; name one or more receivers"}},
		{"slips in the rest of a route", route(notify.Route{To: []string{"boss"}, Severity: "criticl", Classes: []gateway.Class{gateway.Pump, "elevater"}, Events: []string{"raise", "everything"}}),
			[]string{
				`routes[0].severity: unknown severity "criticl"; did you mean critical?`,
				`routes[0].classes[1]: unknown class "elevater"; did you mean elevator?`,
				`routes[0].events[0]: unknown event "raise"; did you mean raised?`,
				`routes[0].events[1]: unknown event "everything"; one of raised, level, returned, acknowledged, withdrawn`,
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			tt.config.Validate(func(path, problem, hint string) { got = append(got, path+": "+problem+"; "+hint) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
