package notify_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

const (
	token  = "t0ken-t0ken"
	secret = "SEC0123456789abcdef"
)

// noticeOf returns what the router makes of an event.
func noticeOf(t *testing.T, ev alerts.Event, ticket *tickets.Ticket) notify.Notice {
	t.Helper()
	r := notify.NewRouter(notify.Config{Receivers: receivers("desk")}, site(t))
	notices := r.Route(nil, ev, ticket)
	if len(notices) != 1 {
		t.Fatalf("got %d notices", len(notices))
	}
	return notices[0]
}

// raised is a pump set without pressure, with its ticket.
func raised(t *testing.T) notify.Notice {
	return noticeOf(t, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: low()},
		&tickets.Ticket{ID: 7, Number: "WX20260310-0007", Priority: tickets.Emergency, Deadlines: tickets.Deadlines{Arrive: at(9, 42, 0)}})
}

// robots are the three vendors: how to set up a group, and the channel to it.
var robots = map[string]struct {
	group   func(*group) http.Handler
	path    string // of the address, with the token
	channel func(url, secret string) notify.Channel
	signs   bool
}{
	"DingTalk": {dingTalkGroup, "/robot/send?access_token=" + token, func(url, secret string) notify.Channel {
		return notify.Channel{DingTalk: &notify.SignedRobot{Robot: notify.Robot{URL: url}, Secret: secret}}
	}, true},
	"WeCom": {weComGroup, "/cgi-bin/webhook/send?key=" + token, func(url, _ string) notify.Channel {
		return notify.Channel{WeCom: &notify.Robot{URL: url}}
	}, false},
	"Feishu": {feishuGroup, "/open-apis/bot/v2/hook/" + token, func(url, secret string) notify.Channel {
		return notify.Channel{Feishu: &notify.SignedRobot{Robot: notify.Robot{URL: url}, Secret: secret}}
	}, true},
}

func open(t *testing.T, r notify.Receiver) notify.Notifier {
	t.Helper()
	r.ID = "duty"
	n, err := notify.OpenReceiver(r, notify.Options{Site: site(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.(io.Closer).Close() })
	return n
}

func TestACardInEachVendorsForm(t *testing.T) {
	for _, tt := range []struct {
		robot       string
		language    gateway.Language
		title, text string
	}{
		{"DingTalk", "", "【紧急】1号楼泵房 1号生活泵 出水压力低",
			"### 【紧急】1号楼泵房 1号生活泵 出水压力低\n\n0.31MPa（下限0.40MPa），已持续2分钟\n\n请09:42前到场\n\n检查泵与管网\n\n工单 WX20260310-0007\n\n湖畔花园 · 2026-03-10 09:12:00"},
		{"DingTalk", gateway.English, "[URGENT] Building 1 泵房 Pump 1 Outlet pressure low",
			"### [URGENT] Building 1 泵房 Pump 1 Outlet pressure low\n\n0.31 MPa (lower limit 0.40 MPa), for 2 min\n\nBe on site by 09:42\n\nCheck the pump and the mains\n\nTicket WX20260310-0007\n\nLakeside Garden · 2026-03-10 09:12:00"},
		{"WeCom", "", "",
			"**<font color=\"warning\">【紧急】1号楼泵房 1号生活泵 出水压力低</font>**\n0.31MPa（下限0.40MPa），已持续2分钟\n请09:42前到场\n检查泵与管网\n工单 WX20260310-0007\n湖畔花园 · 2026-03-10 09:12:00"},
		{"Feishu", "", "【紧急】1号楼泵房 1号生活泵 出水压力低",
			"0.31MPa（下限0.40MPa），已持续2分钟\n请09:42前到场\n检查泵与管网\n工单 WX20260310-0007\n湖畔花园 · 2026-03-10 09:12:00"},
	} {
		r, g := robots[tt.robot], group{token: token, secret: secret}
		url := serve(t, r.group(&g).ServeHTTP)
		if err := open(t, notify.Receiver{Language: tt.language, Channel: r.channel(url+r.path, secret)}).Notify(t.Context(), raised(t)); tt.robot != "WeCom" && err != nil {
			t.Fatalf("%s: %v", tt.robot, err)
		}
		if diff := cmp.Diff([]string{tt.title, tt.text}, []string{g.titles[0], g.posts[0]}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.robot, diff)
		}
	}
}

func TestTheColourSaysHowBad(t *testing.T) {
	g := group{token: token}
	feishu := robots["Feishu"]
	url := serve(t, feishu.group(&g).ServeHTTP) + feishu.path
	with := func(s rules.Severity, kind alerts.EventKind) notify.Notice {
		a := low()
		a.Severity, a.Worst = s, s
		return noticeOf(t, alerts.Event{Kind: kind, At: at(9, 12, 0), Alert: a, By: "值班员"}, nil)
	}
	want := []string{"red", "red", "orange", "grey", "green", "grey"}
	g.perSecond = len(want) // each receiver keeps its own budget
	for _, n := range []notify.Notice{
		with(rules.LifeSafety, alerts.Raised), with(rules.Critical, alerts.Raised), with(rules.Warning, alerts.Raised),
		with(rules.Info, alerts.Raised), with(rules.Critical, alerts.Returned), with(rules.Critical, alerts.Acknowledged),
	} {
		if err := open(t, notify.Receiver{Channel: feishu.channel(url, "")}).Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range g.raw {
		if !strings.Contains(body, `"template":"`+want[i]+`"`) {
			t.Errorf("card %d is not %s: %s", i, want[i], body)
		}
	}
}

// A refusal says what the vendor said and what to do, and holds no secret.
func TestARobotsNoIsPutIntoWords(t *testing.T) {
	for _, tt := range []struct {
		name, robot    string
		group          *group
		secret         string
		want, zh       string // parts of the error, and of what to do in Chinese
		throttledAfter time.Duration
	}{
		{name: "the wrong secret", robot: "DingTalk", group: &group{token: token, secret: "SECother"}, secret: secret,
			want: "DingTalk answered with code 310000: sign not match, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq] (the secret is not that of the robot", zh: "重新复制密钥"},
		{name: "no secret where one is wanted", robot: "DingTalk", group: &group{token: token, secret: secret}, want: "310000: invalid timestamp", zh: "重新复制密钥"},
		{name: "our clock is slow", robot: "DingTalk", group: &group{token: token, secret: secret, ahead: 8 * time.Hour}, secret: secret,
			want: "the clock of this gateway is 8 h slow", zh: "网关的时钟慢了8小时"},
		{name: "our clock is fast", robot: "Feishu", group: &group{token: token, secret: secret, ahead: -26 * time.Hour}, secret: secret,
			want: "the clock of this gateway is 1 d 2 h fast", zh: "网关的时钟快了1天2小时"},
		{name: "a keyword", robot: "DingTalk", group: &group{token: token, keyword: "告警"}, want: "310000: keywords not in content", zh: "关键词"},
		{name: "another robot's token", robot: "DingTalk", group: &group{token: "other"}, want: "300001: token is not exist (the address is wrong", zh: "重新复制 Webhook 地址"},
		{name: "too many", robot: "DingTalk", group: &group{token: token, muteUntil: time.Now().Add(time.Hour)}, want: "130101: send too fast", zh: "发送太快", throttledAfter: 10 * time.Minute},

		{name: "a key that is not known", robot: "WeCom", group: &group{token: "other"}, want: "93000: invalid webhook url", zh: "重新复制 Webhook 地址"},
		{name: "too many", robot: "WeCom", group: &group{token: token, muteUntil: time.Now().Add(time.Hour)}, want: "45009: api freq out of limit", zh: "发送太快", throttledAfter: time.Minute},

		{name: "the wrong secret", robot: "Feishu", group: &group{token: token, secret: "other"}, secret: secret, want: "19021: sign match fail", zh: "重新复制密钥"},
		{name: "a keyword", robot: "Feishu", group: &group{token: token, keyword: "告警"}, want: "19024: Key Words Not Found", zh: "关键词"},
		{name: "another hook", robot: "Feishu", group: &group{token: "other"}, want: "19001: param invalid", zh: "重新复制 Webhook 地址"},
		{name: "too many", robot: "Feishu", group: &group{token: token, muteUntil: time.Now().Add(time.Hour)}, want: "11232: frequency limited", zh: "发送太快", throttledAfter: 30 * time.Second},
	} {
		t.Run(tt.robot+" "+tt.name, func(t *testing.T) {
			r, g := robots[tt.robot], tt.group
			until := g.muteUntil
			h := r.group(g)
			g.muteUntil = until
			err := open(t, notify.Receiver{Channel: r.channel(serve(t, h.ServeHTTP)+r.path, tt.secret)}).Notify(t.Context(), raised(t))
			no, ok := errors.AsType[*notify.Refusal](err)
			if !ok || !strings.Contains(err.Error(), tt.want) || !strings.Contains(no.Mend.ZH, tt.zh) || no.Throttled != (tt.throttledAfter > 0) || no.After != tt.throttledAfter {
				t.Errorf("got %v\n%+v", err, no)
			}
			if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), secret)) {
				t.Errorf("the secret is in: %v", err)
			}
		})
	}
}

func TestOnlyARobotsOwnYesMeansTaken(t *testing.T) {
	for name, body := range map[string]string{
		"a login page":   "<html><title>Sign in</title></html>",
		"nothing":        "",
		"other JSON":     `{"ok":true}`,
		"half an answer": `{"errcode":0,`,
	} {
		for vendor, r := range robots {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
			err := open(t, notify.Receiver{Channel: r.channel(url+r.path, secret)}).Notify(t.Context(), raised(t))
			if err == nil || !strings.Contains(err.Error(), vendor+" answered 200 OK") || !strings.Contains(err.Error(), "login page") {
				t.Errorf("%s, %s: got %v", vendor, name, err)
			}
		}
	}
	for vendor, r := range robots {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, `{"errcode":0,"code":0}`)
		})
		if err := open(t, notify.Receiver{Channel: r.channel(url+r.path, secret)}).Notify(t.Context(), raised(t)); err == nil {
			t.Errorf("%s: a proxy that failed counts as taken", vendor)
		}
	}
	feishu := robots["Feishu"]
	old := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"StatusCode":0,"StatusMessage":"success"}`)
	})
	if err := open(t, notify.Receiver{Channel: feishu.channel(old+feishu.path, "")}).Notify(t.Context(), raised(t)); err != nil {
		t.Errorf("Feishu's older yes: %v", err)
	}
}

// The longest that can be said still fits, and is cut between characters.
func TestWhatIsTooLongIsCut(t *testing.T) {
	a := low()
	a.Title = gateway.Text{ZH: strings.Repeat("出水压力低", 1000)}
	a.Why.Response = gateway.Text{ZH: strings.Repeat("检查泵与管网。", 1000)}
	n := noticeOf(t, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: a}, nil)
	for vendor, r := range robots {
		g := group{token: token}
		err := open(t, notify.Receiver{Channel: r.channel(serve(t, r.group(&g).ServeHTTP)+r.path, "")}).Notify(t.Context(), n)
		if err != nil || !utf8.ValidString(g.posts[0]) || !strings.Contains(g.posts[0], "…") {
			t.Errorf("%s: %v", vendor, err)
		}
	}
}

// A person's note must not become a link, a mention or a heading.
func TestANoteIsNotMarkdown(t *testing.T) {
	a := low()
	a.AckedBy, a.AckNote = "王工", "见 [这里](http://evil.example) <@all> **粗** `x`\n# 大"
	n := noticeOf(t, alerts.Event{Kind: alerts.Acknowledged, At: at(9, 12, 0), Alert: a, By: "王工"}, nil)
	for _, vendor := range []string{"DingTalk", "WeCom"} {
		r, g := robots[vendor], group{token: token}
		if err := open(t, notify.Receiver{Channel: r.channel(serve(t, r.group(&g).ServeHTTP)+r.path, "")}).Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"](", "<@", "**粗", "`x", "\n# "} {
			if strings.Contains(g.posts[0], bad) {
				t.Errorf("%s: %q in %s", vendor, bad, g.posts[0])
			}
		}
	}
}

func TestARobotsAddressComesFromAFile(t *testing.T) {
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "address")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for vendor, r := range robots {
		g := group{token: token}
		url := serve(t, r.group(&g).ServeHTTP) + r.path
		c := r.channel("", "")
		set := func(file string) {
			for _, robot := range []**notify.SignedRobot{&c.DingTalk, &c.Feishu} {
				if *robot != nil {
					(*robot).URLFile = file
				}
			}
			if c.WeCom != nil {
				c.WeCom.URLFile = file
			}
		}
		set(write(url + "\n"))
		if err := open(t, notify.Receiver{Channel: c}).Notify(t.Context(), raised(t)); err != nil {
			t.Errorf("%s: %v", vendor, err)
		}
		set(write("https://example.com/s3cret"))
		_, err := notify.OpenReceiver(notify.Receiver{ID: "duty", Channel: c}, notify.Options{Site: site(t)})
		if err == nil || !strings.Contains(err.Error(), "receiver duty: this is no address of a "+vendor+" robot") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", vendor, err)
		}
	}
}

// No receiver is where a cloud keeps its secrets, whatever its name says.
func TestNoReceiverIsAtAddressesThatLeadNowhere(t *testing.T) {
	for _, url := range []string{
		"http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://[fe80::1%25lo]/", "http://0.0.0.0:1/",
		"http://100.100.100.200/", "http://[fd00:ec2::254]/", "http://224.0.0.1/",
	} {
		err := openHook(t, notify.Webhook{URL: url}).Notify(t.Context(), notify.Notice{Key: "k"})
		if err == nil || !strings.Contains(err.Error(), "is not an address at which a receiver may be") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
