package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// Channel is one way to a receiver: exactly one of its fields is given.
type Channel struct {
	Webhook  *Webhook     `yaml:"webhook"`
	DingTalk *SignedRobot `yaml:"dingtalk"`
	WeCom    *Robot       `yaml:"wecom"`
	Feishu   *SignedRobot `yaml:"feishu"` // also Lark
	Email    *Email       `yaml:"email"`
	SMS      *Phone       `yaml:"sms"`
	Voice    *Phone       `yaml:"voice"`
	// Programs, which take messages of their own form and all of them.
	Alertmanager *Alertmanager `yaml:"alertmanager"`
}

// kind is one of the ways that a Channel can go.
type kind struct {
	key      string // in the site file
	given    bool
	limits   limits
	validate func(gateway.Report)
	open     func(dial) (teller, error) // nil for a program
}

// kinds lists every way, in the order in which they are suggested.
func (c *Channel) kinds() []kind {
	return []kind{
		{"dingtalk", c.DingTalk != nil, dingTalk.limits,
			func(r gateway.Report) { c.DingTalk.validate(r, &dingTalk) },
			func(d dial) (teller, error) { return newDingTalk(*c.DingTalk, d) }},
		{"wecom", c.WeCom != nil, weCom.limits,
			func(r gateway.Report) { c.WeCom.validate(r, &weCom) },
			func(d dial) (teller, error) { return newWeCom(*c.WeCom, d) }},
		{"feishu", c.Feishu != nil, feishu.limits,
			func(r gateway.Report) { c.Feishu.validate(r, &feishu) },
			func(d dial) (teller, error) { return newFeishu(*c.Feishu, d) }},
		{"email", c.Email != nil, mailLimits,
			func(r gateway.Report) { c.Email.validate(r) },
			func(d dial) (teller, error) { return newMailer(*c.Email, d) }},
		{"sms", c.SMS != nil, phoneLimits,
			func(r gateway.Report) { c.SMS.validate(r) },
			func(d dial) (teller, error) { return newPhone(*c.SMS, d) }},
		{"voice", c.Voice != nil, phoneLimits,
			func(r gateway.Report) { c.Voice.validate(r) },
			func(d dial) (teller, error) { return newPhone(*c.Voice, d) }},
		{key: "alertmanager", given: c.Alertmanager != nil,
			validate: func(r gateway.Report) { c.Alertmanager.validate(r) }},
		{key: "webhook", given: c.Webhook != nil,
			validate: func(r gateway.Report) { c.Webhook.validate(r) }},
	}
}

// validate reports what is wrong with the channel of whom, such as "receiver
// desk".
func (c *Channel) validate(report gateway.Report, whom string) {
	var all, given []string
	for _, k := range c.kinds() {
		all = append(all, k.key)
		if k.given {
			given = append(given, k.key)
			k.validate(report.At(k.key))
		}
	}
	switch {
	case len(given) == 0:
		report("", whom+" has no channel", "give it one of "+strings.Join(all, ", ")+", such as webhook: {url: …}")
	case len(given) > 1:
		report(given[1], fmt.Sprintf("%s has more than one channel: %s", whom, strings.Join(given, ", ")),
			"put them into a pool if one is to stand in for the other, or make a receiver of each")
	}
}

// program returns the kind of a channel to a program, if it is one.
func (c *Channel) program() (key string, ok bool) {
	for _, k := range c.kinds() {
		if k.given && k.open == nil {
			return k.key, true
		}
	}
	return "", false
}

// maxPool bounds how long it can take to try every way.
const maxPool = 8

func (r *Receiver) validateChannels(report gateway.Report) {
	whom := "receiver " + r.ID
	if r.Pool == nil {
		r.Channel.validate(report, whom)
		return
	}
	if len(r.Pool) == 0 || len(r.Pool) > maxPool {
		report("pool", fmt.Sprintf("%s has %d channels", whom, len(r.Pool)), fmt.Sprintf("between 1 and %d", maxPool))
	}
	if r.Channel != (Channel{}) {
		report("pool", whom+" has a pool and a channel beside it", "put the channel into the pool, first if it is the usual one")
	}
	for i, c := range r.Pool {
		at := report.At(fmt.Sprintf("pool[%d]", i))
		if key, ok := c.program(); ok {
			at(key, key+" cannot be part of a pool: a program takes other messages than people do", "make it a receiver of its own")
			continue
		}
		c.validate(at, fmt.Sprintf("channel %d of %s", i+1, whom))
	}
}

// Options are what a receiver needs to know of the gateway it is told by.
type Options struct {
	Site *gateway.Site
	// Dial connects to receivers; nil for the network, save addresses at which
	// no receiver can be.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

type dial = func(ctx context.Context, network, addr string) (net.Conn, error)

// OpenReceiver returns the Notifier of a receiver that Validate found in order.
// The error is that of its secret file.
func OpenReceiver(r Receiver, o Options) (Notifier, error) {
	n, err := r.open(o)
	if err != nil {
		return nil, fmt.Errorf("receiver %s: %w", r.ID, err)
	}
	return n, nil
}

func (r *Receiver) open(o Options) (Notifier, error) {
	to := audience{cmp.Or(r.Language, o.Site.Language), o.Site.Name}
	switch {
	case r.Webhook != nil:
		return newWebhook(*r.Webhook, o.Dial)
	case r.Alertmanager != nil:
		return newAlertmanager(*r.Alertmanager, to, o.Dial)
	}
	p := &people{to: to}
	channels := r.Pool
	if channels == nil {
		channels = []Channel{r.Channel}
	}
	for i, c := range channels {
		w, err := c.open(o.Dial)
		if err != nil {
			return nil, err
		}
		if len(channels) > 1 {
			w.name = fmt.Sprintf("%s (channel %d)", w.name, i+1)
		}
		p.ways = append(p.ways, w)
	}
	return p, nil
}

// open returns the channel as one way to people.
func (c *Channel) open(d dial) (*way, error) {
	for _, k := range c.kinds() {
		if k.given && k.open != nil {
			t, err := k.open(d)
			return &way{name: k.key, teller: t, budget: budget{limits: k.limits}}, err
		}
	}
	return nil, errors.New("there is no channel")
}
