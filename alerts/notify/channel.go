package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
}

// kind is one of the ways that a Channel can go.
type kind struct {
	key      string // in the site file
	given    bool
	validate func(gateway.Report)
	open     func(dial) (teller, error)
}

// kinds lists every way, in the order in which they are suggested.
func (c *Channel) kinds() []kind {
	return []kind{
		{"dingtalk", c.DingTalk != nil,
			func(r gateway.Report) { c.DingTalk.validate(r, &dingTalk) },
			func(d dial) (teller, error) { return newDingTalk(*c.DingTalk, d) }},
		{"wecom", c.WeCom != nil,
			func(r gateway.Report) { c.WeCom.validate(r, &weCom) },
			func(d dial) (teller, error) { return newWeCom(*c.WeCom, d) }},
		{"feishu", c.Feishu != nil,
			func(r gateway.Report) { c.Feishu.validate(r, &feishu) },
			func(d dial) (teller, error) { return newFeishu(*c.Feishu, d) }},
		{"email", c.Email != nil,
			func(r gateway.Report) { c.Email.validate(r) },
			func(d dial) (teller, error) { return newMailer(*c.Email, d) }},
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
	switch len(given) {
	case 0:
		report("", whom+" has no channel", "give it one of "+strings.Join(all, ", ")+", such as webhook: {url: …}")
	case 1:
	default:
		report(given[1], fmt.Sprintf("%s has more than one channel: %s", whom, strings.Join(given, ", ")), "keep one, and make a receiver of each other")
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
	n, err := r.Channel.open(audience{cmp.Or(r.Language, o.Site.Language), o.Site.Name}, o.Dial)
	if err != nil {
		return nil, fmt.Errorf("receiver %s: %w", r.ID, err)
	}
	return n, nil
}

func (c *Channel) open(to audience, d dial) (Notifier, error) {
	if c.Webhook != nil {
		return newWebhook(*c.Webhook, d)
	}
	for _, k := range c.kinds() {
		if k.given {
			t, err := k.open(d)
			return &people{t, to}, err
		}
	}
	return nil, errors.New("there is no channel")
}

// audience is who hears what a channel says.
type audience struct {
	language gateway.Language
	site     gateway.Text // its name, for groups that hear of several
}

// teller is a channel to people.
type teller interface {
	tell(ctx context.Context, c card) error
	io.Closer
}

// people are told of a notice in a card in their language.
type people struct {
	teller
	to audience
}

// Notify implements Notifier.
func (p *people) Notify(ctx context.Context, n Notice) error {
	c, err := newCard(n, p.to)
	if err != nil {
		return err
	}
	return p.tell(ctx, c)
}
