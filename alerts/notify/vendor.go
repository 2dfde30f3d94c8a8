package notify

import (
	"net/url"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// vendor is what the maker of a chat says of the robots in its groups. Makers
// change it without notice: read again and move the date when a robot answers
// something else than what stands here.
type vendor struct {
	name    string
	doc     string // where the maker describes the robot
	read    string // when that was last read
	address string // what the address of a robot looks like
	// token returns the part of an address that only the group may know, "" if
	// the address is none of this maker.
	token     func(*url.URL) string
	limits    limits
	textBytes int     // the longest text
	faults    []fault // the first that fits counts
}

// fault is one way in which a vendor says no.
type fault struct {
	code      int
	says      string // part of its words, where one code stands for several faults
	throttled bool
	clock     bool // the clock of this machine may be the cause
	mend      gateway.Text
}

// fault returns what is known of an answer; the zero fault if nothing is.
func (v *vendor) fault(code int, says string) fault {
	for _, f := range v.faults {
		if f.code == code && strings.Contains(strings.ToLower(says), f.says) {
			return f
		}
	}
	return fault{}
}

// What is the same to do with every vendor.
var (
	mendSecret = gateway.Text{
		ZH: "加签密钥不对：在群里打开机器人设置，重新复制密钥",
		EN: "the secret is not that of the robot: open the robot's settings in the group and copy it again",
	}
	mendAddress = gateway.Text{
		ZH: "地址不对，或机器人已被移出群：重新复制 Webhook 地址",
		EN: "the address is wrong, or the robot was taken out of the group: copy its webhook address again",
	}
	mendKeyword = gateway.Text{
		ZH: "机器人设了关键词：把项目名称加为关键词（每条消息都含项目名称），或改用加签",
		EN: "the robot wants a keyword: make the name of the site one, every message holds it, or choose a signature instead",
	}
	mendAllowed = gateway.Text{
		ZH: "机器人设了IP白名单：把网关的出口地址加进去，或改用加签",
		EN: "the robot takes messages from listed addresses only: add the address by which this gateway reaches the internet, or choose a signature instead",
	}
	mendThrottled = gateway.Text{
		ZH: "发送太快，稍后自动重发；在 pool 里多加几个机器人可以更快",
		EN: "too many messages; it is tried again by itself, and more robots in a pool take more",
	}
	mendLater = gateway.Text{ZH: "对方系统繁忙，会自动重发", EN: "the vendor is busy; it is tried again by itself"}
)

func inQuery(key string) func(*url.URL) string {
	return func(u *url.URL) string { return u.Query().Get(key) }
}

// inPath returns what follows mark in the path of an address.
func inPath(mark string) func(*url.URL) string {
	return func(u *url.URL) string {
		_, token, _ := strings.Cut(u.Path, mark)
		return token
	}
}

var dingTalk = vendor{
	name:    "DingTalk",
	doc:     "https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages",
	read:    "2026-11-23",
	address: "https://oapi.dingtalk.com/robot/send?access_token=…",
	token:   inQuery("access_token"),
	// A robot that sends more is muted for ten minutes.
	limits:    limits{perMinute: 20, muted: 10 * time.Minute},
	textBytes: 15_000, // of the 20,000 a whole message may have
	faults: []fault{
		{code: 130101, throttled: true, mend: mendThrottled},
		{code: 410100, throttled: true, mend: mendThrottled},
		{code: 310000, says: "keyword", mend: mendKeyword},
		{code: 310000, says: "timestamp", clock: true, mend: mendSecret},
		{code: 310000, says: "sign", clock: true, mend: mendSecret},
		{code: 310000, says: "ip", mend: mendAllowed},
		{code: 300001, mend: mendAddress},
		{code: 300005, mend: mendAddress},
		{code: 400101, mend: mendAddress},
		{code: 400106, mend: mendAddress},
		{code: 400013, mend: gateway.Text{ZH: "群已解散：在新群里加机器人", EN: "the group was dissolved: add a robot to another one"}},
		{code: 400102, mend: gateway.Text{ZH: "机器人已停用：在群里启用它", EN: "the robot is disabled: enable it in the group"}},
		{code: -1, mend: mendLater},
	},
}

var weCom = vendor{
	name:      "WeCom",
	doc:       "https://developer.work.weixin.qq.com/document/path/91770",
	read:      "2026-11-23",
	address:   "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
	token:     inQuery("key"),
	limits:    limits{perMinute: 20, muted: time.Minute},
	textBytes: 4096,
	faults: []fault{
		{code: 45009, throttled: true, mend: mendThrottled},
		{code: 45033, throttled: true, mend: mendThrottled},
		{code: 93000, mend: mendAddress},
		{code: 93004, mend: gateway.Text{ZH: "机器人已停用：在群里启用它", EN: "the robot is disabled: enable it in the group"}},
		{code: 93008, mend: mendAddress},
		{code: -1, mend: mendLater},
	},
}

var feishu = vendor{
	name:      "Feishu",
	doc:       "https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot",
	read:      "2026-11-23",
	address:   "https://open.feishu.cn/open-apis/bot/v2/hook/…",
	token:     inPath("/bot/v2/hook/"),
	limits:    limits{perMinute: 100, perSecond: 5, muted: 30 * time.Second},
	textBytes: 15_000, // of the 20 KB a whole request may have
	faults: []fault{
		{code: 11232, throttled: true, mend: mendThrottled},
		{code: 9499, says: "too many", throttled: true, mend: mendThrottled},
		{code: 9499, says: "frequency", throttled: true, mend: mendThrottled},
		{code: 19021, clock: true, mend: mendSecret},
		{code: 19022, mend: mendAllowed},
		{code: 19024, mend: mendKeyword},
		{code: 19001, mend: mendAddress},
		{code: 19007, mend: gateway.Text{ZH: "机器人已停用：在群里启用它", EN: "the robot is disabled: enable it in the group"}},
		{code: 2200, mend: mendLater},
	},
}
