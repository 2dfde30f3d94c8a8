package notify

import "context"

// weComRobot writes into a group of WeCom (企业微信). Its address is all it takes:
// there is no signature.
type weComRobot struct{ robot }

func newWeCom(c Robot, d dial) (*weComRobot, error) {
	r, err := newRobot(&weCom, SignedRobot{Robot: c}, d)
	return &weComRobot{r}, err
}

// weComMessage is a message of type markdown.
type weComMessage struct {
	Type     string        `json:"msgtype"`
	Markdown weComMarkdown `json:"markdown"`
}

type weComMarkdown struct {
	Content string `json:"content"`
}

// weComColours are the three that WeCom knows.
var weComColours = map[mood]string{calm: "comment", wary: "warning", alarmed: "warning", relieved: "info"}

func (w *weComRobot) tell(ctx context.Context, c card) error {
	text := c.plain().text("\n", weCom.textBytes, func(title string) string {
		return `**<font color="` + weComColours[c.mood] + `">` + title + "</font>**"
	})
	return w.say(ctx, w.url.String(), weComMessage{"markdown", weComMarkdown{text}})
}
