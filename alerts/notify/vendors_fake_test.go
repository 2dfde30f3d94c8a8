package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// The fakes below are written from the makers' documents and from answers that
// people have posted. They know nothing of the code they test.

// group is a chat group with a robot in it.
type group struct {
	token, secret, keyword string
	ahead                  time.Duration // of the vendor's clock before ours
	perMinute, perSecond   int
	muted                  time.Duration // how long the robot is mute after too many

	mu        sync.Mutex
	sent      []time.Time
	muteUntil time.Time
	posts     []string // text of each message in the group
	titles    []string
	raw       []string // bodies
	refused   int
}

func (g *group) now() time.Time { return time.Now().Add(g.ahead) }

// tooFast reports whether the robot has used up what it may send.
func (g *group) tooFast() bool {
	now := g.now()
	if now.Before(g.muteUntil) {
		return true
	}
	within := func(d time.Duration) (n int) {
		for _, at := range g.sent {
			if now.Sub(at) < d {
				n++
			}
		}
		return n
	}
	if within(time.Minute) >= g.perMinute || g.perSecond > 0 && within(time.Second) >= g.perSecond {
		g.muteUntil = now.Add(g.muted)
		return true
	}
	return false
}

func (g *group) take(title, text string, body []byte) {
	g.sent = append(g.sent, g.now())
	g.posts, g.titles, g.raw = append(g.posts, text), append(g.titles, title), append(g.raw, string(body))
}

// serve answers as judge says, with the vendor's clock.
func (g *group) serve(judge func(r *http.Request, body []byte) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		defer g.mu.Unlock()
		w.Header().Set("Date", g.now().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		before := len(g.posts)
		said := judge(r, body)
		if len(g.posts) == before {
			g.refused++
		}
		io.WriteString(w, said)
	}
}

func base64HMAC(key, message string) string {
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, message)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// dingTalkSign is what DingTalk's document says of the signature.
func dingTalkSign(secret, millis string) string { return base64HMAC(secret, millis+"\n"+secret) }

// feishuSign is what Feishu's document says of the signature.
func feishuSign(secret, seconds string) string { return base64HMAC(seconds+"\n"+secret, "") }

func TestTheFakesSignAsOpenSSLDoes(t *testing.T) {
	const secret = "SEC0123456789abcdef"
	// From: printf '%s\n%s' 1773105120000 SEC… | openssl dgst -sha256 -hmac SEC… -binary | openssl base64
	if got := dingTalkSign(secret, "1773105120000"); got != "8cvgQUbpKgYm8Ei4og231rWuQaVav8kRMVMKYQ/zZho=" {
		t.Errorf("DingTalk: %s", got)
	}
	// From: printf '' | openssl dgst -sha256 -hmac "$(printf '%s\n%s' 1773105120 SEC…)" -binary | openssl base64
	if got := feishuSign(secret, "1773105120"); got != "ajNntZ62CsFuhYLtYiO59Bh3uy/4lcu9iHK19S+3qdA=" {
		t.Errorf("Feishu: %s", got)
	}
}

// dingTalkGroup answers as oapi.dingtalk.com/robot/send does.
func dingTalkGroup(g *group) http.Handler {
	g.perMinute, g.muted = 20, 10*time.Minute
	const more = ", more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"
	no := func(code int, words string) string { return fmt.Sprintf(`{"errcode":%d,"errmsg":%q}`, code, words) }
	return g.serve(func(r *http.Request, body []byte) string {
		q := r.URL.Query()
		if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			return no(43004, "无效的HTTP HEADER Content-Type")
		}
		if q.Get("access_token") != g.token {
			return no(300001, "token is not exist")
		}
		if g.secret != "" {
			ms, err := strconv.ParseInt(q.Get("timestamp"), 10, 64)
			switch {
			case err != nil || g.now().Sub(time.UnixMilli(ms)).Abs() > time.Hour:
				return no(310000, "invalid timestamp"+more)
			case q.Get("sign") != dingTalkSign(g.secret, q.Get("timestamp")):
				return no(310000, "sign not match"+more)
			}
		}
		var m struct {
			MsgType  string
			Markdown struct{ Title, Text string }
		}
		if err := json.Unmarshal(body, &m); err != nil || m.MsgType != "markdown" || m.Markdown.Title == "" || m.Markdown.Text == "" || !utf8.Valid(body) {
			return no(40035, "缺少参数 json")
		}
		if len(body) > 20_000 {
			return no(460101, "message too long, exceed 20000 bytes")
		}
		if !strings.Contains(m.Markdown.Text, g.keyword) {
			return no(310000, "keywords not in content"+more)
		}
		if g.tooFast() {
			return no(130101, "send too fast, exceed 20 times per minute")
		}
		g.take(m.Markdown.Title, m.Markdown.Text, body)
		return `{"errcode":0,"errmsg":"ok"}`
	})
}

// weComGroup answers as qyapi.weixin.qq.com/cgi-bin/webhook/send does.
func weComGroup(g *group) http.Handler {
	g.perMinute, g.muted = 20, time.Minute
	no := func(code int, words string) string {
		return fmt.Sprintf(`{"errcode":%d,"errmsg":"%s, hint: [1700000000123456789012345], from ip: 203.0.113.9, more info at https://open.work.weixin.qq.com/devtool/query?e=%d"}`, code, words, code)
	}
	return g.serve(func(r *http.Request, body []byte) string {
		if r.URL.Query().Get("key") != g.token {
			return no(93000, "invalid webhook url")
		}
		var m struct {
			MsgType  string
			Markdown struct{ Content string }
		}
		switch err := json.Unmarshal(body, &m); {
		case err != nil || m.MsgType != "markdown" || !utf8.Valid(body):
			return no(40008, "invalid message type")
		case m.Markdown.Content == "":
			return no(44004, "text content is empty")
		case len(m.Markdown.Content) > 4096:
			return no(40058, "markdown.content exceed max length 4096. invalid Request Parameter")
		case g.tooFast():
			return no(45009, "api freq out of limit")
		}
		g.take("", m.Markdown.Content, body)
		return `{"errcode":0,"errmsg":"ok"}`
	})
}

// feishuGroup answers as open.feishu.cn/open-apis/bot/v2/hook/ does.
func feishuGroup(g *group) http.Handler {
	g.perMinute, g.perSecond, g.muted = 100, 5, time.Second
	no := func(code int, words string) string { return fmt.Sprintf(`{"code":%d,"data":{},"msg":%q}`, code, words) }
	return g.serve(func(r *http.Request, body []byte) string {
		if r.URL.Path != "/open-apis/bot/v2/hook/"+g.token {
			return no(19001, "param invalid: incoming webhook access token invalid")
		}
		type text struct{ Tag, Content string }
		var m struct {
			Timestamp, Sign string
			MsgType         string `json:"msg_type"`
			Card            struct {
				Header   struct{ Title text }
				Elements []struct {
					Tag  string
					Text text
				}
			}
		}
		if err := json.Unmarshal(body, &m); err != nil || len(body) > 20<<10 || m.MsgType != "interactive" || len(m.Card.Elements) == 0 || m.Card.Header.Title.Tag != "plain_text" {
			return no(9499, "Bad Request")
		}
		if g.secret != "" {
			s, err := strconv.ParseInt(m.Timestamp, 10, 64)
			if err != nil || g.now().Sub(time.Unix(s, 0)).Abs() > time.Hour || m.Sign != feishuSign(g.secret, m.Timestamp) {
				return no(19021, "sign match fail or timestamp is not within one hour from current time")
			}
		}
		if !strings.Contains(string(body), g.keyword) {
			return no(19024, "Key Words Not Found")
		}
		if g.tooFast() {
			return no(11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]")
		}
		g.take(m.Card.Header.Title.Content, m.Card.Elements[0].Text.Content, body)
		return `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`
	})
}
