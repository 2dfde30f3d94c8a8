package notify

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// eventTest is no event of an alert: somebody tries whether messages arrive.
const eventTest = "test"

// Trial is what came of a test message through one channel of a receiver.
type Trial struct {
	Receiver string
	Channel  string // such as "dingtalk"; with its number if there are several
	Took     time.Duration
	Err      error // nil when it was taken; a *Caveat if something is wrong all the same
}

// Taken reports whether the other side has taken the message.
func (t Trial) Taken() bool {
	_, caveat := errors.AsType[*Caveat](t.Err)
	return t.Err == nil || caveat
}

// Try sends a message marked 演练 or TEST through every channel of a receiver
// that Validate found in order, also through those that only stand in for others.
// The error is that of a secret file.
func Try(ctx context.Context, r Receiver, o Options) ([]Trial, error) {
	to, err := OpenReceiver(r, o)
	if err != nil {
		return nil, err
	}
	if c, ok := to.(io.Closer); ok {
		defer c.Close()
	}
	now := time.Now()
	n := testNotice(r.ID, o.Site, gateway.InstantOf(now))
	trial := func(channel string, send func() error) Trial {
		began := time.Now()
		err := send()
		return Trial{Receiver: r.ID, Channel: channel, Err: err, Took: time.Since(began)}
	}
	p, ok := to.(*people)
	if !ok {
		channel, _ := r.program()
		return []Trial{trial(channel, func() error { return to.Notify(ctx, n) })}, nil
	}
	c, err := newCard(n, p.to)
	if err != nil {
		return nil, err
	}
	var trials []Trial
	for _, w := range p.ways {
		trials = append(trials, trial(w.name, func() error { return w.tell(ctx, c) }))
	}
	return trials, nil
}

func testNotice(receiver string, site *gateway.Site, at gateway.Instant) Notice {
	detail := gateway.Text{ZH: "这是演练消息，不是真实报警，无需处置\n收到即说明该通道可用", EN: "This is a test, not an alert: nothing is to be done\nThat you read it shows that this channel works"}
	headline := gateway.Text{ZH: "【演练】报警通道测试", EN: "[TEST] Do alerts arrive here?"}
	body, err := json.Marshal(Message{
		Site: site.ID, Event: eventTest, At: *stamp(site, at), Headline: headline, Detail: detail,
		Text: gateway.Text{ZH: headline.ZH + "：这是演练消息，不是真实报警，无需处置。", EN: headline.EN + " This is a test, not an alert: nothing is to be done."},
	})
	if err != nil {
		panic(fmt.Sprintf("a message that JSON cannot hold: %v", err)) // its types make that impossible
	}
	return Notice{Key: fmt.Sprintf("%s/test/%d/%s", site.ID, int64(at), receiver), Receiver: receiver, Event: eventTest, Body: body, Made: at}
}

// Said parts an error of a Notifier into what was answered and what to do about it.
func Said(err error) (answer string, mend gateway.Text) {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Said(), r.Mend
	}
	if err == nil {
		return "", gateway.Text{}
	}
	return err.Error(), Mend(err)
}

// Mend says what to do about an error of a Notifier; zero if we do not know.
func Mend(err error) gateway.Text {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Mend
	}
	if errors.Is(err, errNowhere) {
		return gateway.Text{ZH: "这是本机或云平台内部的地址：改成接收者的地址", EN: "the address is one of this machine or its cloud: write that of the receiver"}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return gateway.Text{ZH: "域名解析不了：检查本机的网络和DNS", EN: "the name cannot be looked up: check the network and the DNS of this machine"}
	}
	if c, ok := errors.AsType[x509.CertificateInvalidError](err); ok && c.Reason == x509.Expired {
		return gateway.Text{ZH: "对方证书过期或尚未生效：先检查本机时钟", EN: "the certificate has run out or does not hold yet: check the clock of this machine first"}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return gateway.Text{ZH: "不认识对方证书的签发者：可能经过了代理；自建服务器请装入其CA证书", EN: "nobody knows who signed the certificate: a proxy may stand between; for a server of your own install its CA"}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return gateway.Text{ZH: "没有应答：检查防火墙是否放行出站连接", EN: "nothing answers: check whether the firewall lets connections out"}
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return gateway.Text{ZH: "连接不上：检查地址、端口和网络", EN: "no connection: check address, port and network"}
	}
	return gateway.Text{}
}
