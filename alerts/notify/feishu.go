package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// feishuRobot writes into a group of Feishu (飞书) or Lark.
type feishuRobot struct{ robot }

func newFeishu(c SignedRobot, d dial) (*feishuRobot, error) {
	r, err := newRobot(&feishu, c, d)
	return &feishuRobot{r}, err
}

// feishuMessage is an interactive card. Unlike DingTalk's, its signature is part
// of the body.
type feishuMessage struct {
	Timestamp string     `json:"timestamp,omitempty"`
	Sign      string     `json:"sign,omitempty"`
	Type      string     `json:"msg_type"`
	Card      feishuCard `json:"card"`
}

type feishuCard struct {
	Config   feishuConfig    `json:"config"`
	Header   feishuHeader    `json:"header"`
	Elements []feishuElement `json:"elements"`
}

type feishuConfig struct {
	Wide bool `json:"wide_screen_mode"`
}

type feishuHeader struct {
	Title    feishuText `json:"title"`
	Template string     `json:"template"` // its colour
}

type feishuElement struct {
	Tag     string         `json:"tag"`
	Text    *feishuText    `json:"text,omitempty"`
	Actions []feishuButton `json:"actions,omitempty"`
}

type feishuButton struct {
	Tag  string     `json:"tag"`
	Text feishuText `json:"text"`
	URL  string     `json:"url"`
	Type string     `json:"type"` // its look
}

// feishuText is shown as it is: nothing in it is read as Markdown.
type feishuText struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

var feishuColours = map[mood]string{calm: "grey", wary: "orange", alarmed: "red", relieved: "green"}

func (f *feishuRobot) tell(ctx context.Context, c card) error {
	text := func(s string) feishuText { return feishuText{"plain_text", s} }
	m := feishuMessage{Type: "interactive", Card: feishuCard{
		Config:   feishuConfig{Wide: true},
		Header:   feishuHeader{text(c.title), feishuColours[c.mood]},
		Elements: []feishuElement{{Tag: "div", Text: new(text(cut(strings.Join(c.lines, "\n"), feishu.textBytes)))}},
	}}
	if !c.link.isZero() {
		button := feishuButton{"button", text(c.link.text), c.link.url, "primary"}
		m.Card.Elements = append(m.Card.Elements, feishuElement{Tag: "action", Actions: []feishuButton{button}})
	}
	if f.secret != "" {
		m.Timestamp = strconv.FormatInt(time.Now().Unix(), 10)
		m.Sign = signFeishu(f.secret, m.Timestamp)
	}
	return f.say(ctx, f.url.String(), m)
}

// signFeishu signs the seconds since 1970: time and secret are the key, and what
// is signed is empty.
func signFeishu(secret, stamp string) string {
	mac := hmac.New(sha256.New, []byte(stamp+"\n"+secret))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
