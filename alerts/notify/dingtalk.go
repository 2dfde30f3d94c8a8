package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// dingTalkRobot writes into a group of DingTalk (钉钉).
type dingTalkRobot struct{ robot }

func newDingTalk(c SignedRobot, d dial) (*dingTalkRobot, error) {
	r, err := newRobot(&dingTalk, c, d)
	return &dingTalkRobot{r}, err
}

// dingTalkMessage is a message of type markdown. The title is what stands in the
// list of chats.
type dingTalkMessage struct {
	Type     string           `json:"msgtype"`
	Markdown dingTalkMarkdown `json:"markdown"`
}

type dingTalkMarkdown struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

func (d *dingTalkRobot) tell(ctx context.Context, c card) error {
	c = c.plain()
	// A single line feed does not part lines in DingTalk's Markdown.
	text := c.text("\n\n", dingTalk.textBytes, func(title string) string { return "### " + title })
	return d.say(ctx, d.address(time.Now()), dingTalkMessage{"markdown", dingTalkMarkdown{c.title, text}})
}

// address returns where to post at a time: the signature is part of it.
func (d *dingTalkRobot) address(now time.Time) string {
	if d.secret == "" {
		return d.url.String()
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	signed, q := *d.url, d.url.Query()
	q.Set("timestamp", stamp)
	q.Set("sign", signDingTalk(d.secret, stamp))
	signed.RawQuery = q.Encode()
	return signed.String()
}

// signDingTalk signs the milliseconds since 1970: the secret is the key, and
// part of what is signed as well.
func signDingTalk(secret, stamp string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "\n" + secret))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
