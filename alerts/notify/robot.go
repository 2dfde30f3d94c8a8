package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Robot is the robot of a chat group. Its address holds a token: who knows it
// can write into the group.
type Robot struct {
	URL     string        `yaml:"url,secret"`
	URLFile string        `yaml:"url_file,file"`
	Timeout time.Duration `yaml:"timeout"` // of one attempt; default 10s
}

// SignedRobot is a robot that can be told to take signed messages only.
type SignedRobot struct {
	Robot      `yaml:",inline"`
	Secret     string `yaml:"secret,secret"`
	SecretFile string `yaml:"secret_file,file"`
}

func (r *Robot) validate(report gateway.Report, v *vendor) {
	switch {
	case r.URL == "" && r.URLFile == "":
		report("", "the robot has no address", fmt.Sprintf("put its webhook address, %s, into a file and name that as url_file, or say url: ${NAME}", v.address))
	case r.URL != "":
		if _, err := v.parse(r.URL); err != nil {
			report("url", err.Error(), "copy the webhook address from the settings of the robot: "+v.address)
		}
	}
	checkSecret(report, "url", r.URL, r.URLFile)
	checkTimeout(report, r.Timeout)
}

func (r *SignedRobot) validate(report gateway.Report, v *vendor) {
	r.Robot.validate(report, v)
	checkSecret(report, "secret", r.Secret, r.SecretFile)
}

// parse reads the address of a robot. The error does not repeat it.
func (v *vendor) parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || !isHTTP(address) || v.token(u) == "" {
		return nil, fmt.Errorf("this is no address of a %s robot", v.name)
	}
	return u, nil
}

// robot is what the robots of all vendors have in common.
type robot struct {
	vendor *vendor
	url    *url.URL
	secret string // "" for unsigned
	client *http.Client
}

func newRobot(v *vendor, c SignedRobot, d dial) (robot, error) {
	address, err := readSecret("address of the "+v.name+" robot", c.URL, c.URLFile)
	if err != nil {
		return robot{}, err
	}
	u, err := v.parse(address)
	if err != nil {
		return robot{}, fmt.Errorf("%w: it looks like %s", err, v.address)
	}
	secret, err := readSecret("secret of the "+v.name+" robot", c.Secret, c.SecretFile)
	return robot{vendor: v, url: u, secret: secret, client: newClient(c.Timeout, d)}, err
}

// verdict is what the body of an answer says, in the words of either vendor. An
// answer without any code is not one of a robot.
type verdict struct {
	ErrCode    *int   `json:"errcode"`
	ErrMsg     string `json:"errmsg"`
	Code       *int   `json:"code"`
	Msg        string `json:"msg"`
	StatusCode *int   `json:"StatusCode"` // what Feishu said before there was code
}

func (v verdict) code() (int, bool) {
	for _, c := range []*int{v.ErrCode, v.Code, v.StatusCode} {
		if c != nil {
			return *c, true
		}
	}
	return 0, false
}

// say posts message to the address and believes only what the body of the
// answer says: a robot answers 200 to what it throws away.
func (r *robot) say(ctx context.Context, address string, message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("%s: %w", r.vendor.name, err)
	}
	a, err := post(ctx, r.client, address, nil, body)
	if err != nil {
		return fmt.Errorf("%s: %w", r.vendor.name, err)
	}
	var v verdict
	if json.Unmarshal(a.body, &v) != nil {
		v = verdict{}
	}
	code, said := v.code()
	if said && code == 0 && a.status/100 == 2 {
		return nil
	}
	return r.refusal(a, code, said, v.ErrMsg+v.Msg)
}

// refusal puts an answer into words.
func (r *robot) refusal(a answer, code int, said bool, words string) *Refusal {
	if words == "" {
		words = string(a.body)
	}
	f := r.vendor.fault(code, words)
	if a.status == http.StatusTooManyRequests {
		f.throttled = true
	}
	refusal := &Refusal{
		Status: a.status, Body: beginning([]byte(strings.ReplaceAll(words, r.vendor.token(r.url), "…"))), After: a.after,
		Vendor: r.vendor.name, Code: code, Throttled: f.throttled, Mend: f.mend,
	}
	switch {
	case f.throttled:
		refusal.After = max(refusal.After, r.vendor.limits.muted)
	case f.clock:
		if skew, wrong := clockError(a.date); wrong {
			refusal.Mend = skew
		}
	case !said && a.status/100 == 2:
		refusal.Mend = gateway.Text{
			ZH: "应答不是" + r.vendor.name + "的：中间可能有登录页或代理，请检查网络",
			EN: "that is no answer of " + r.vendor.name + ": a proxy or a login page may stand between, check the network",
		}
	}
	return refusal
}

// clockLimit is how far our clock may be off before a vendor refuses what we
// sign: it takes an hour, and the difference is measured in passing.
const clockLimit = 50 * time.Minute

// clockError reports whether our clock is so far from the vendor's that it must
// be the cause, and says so.
func clockError(vendors time.Time) (gateway.Text, bool) {
	if vendors.IsZero() {
		return gateway.Text{}, false
	}
	off := time.Since(vendors).Round(time.Minute)
	if off.Abs() < clockLimit {
		return gateway.Text{}, false
	}
	zh, en := "快", "fast"
	if off < 0 {
		zh, en = "慢", "slow"
	}
	return gateway.Text{
		ZH: fmt.Sprintf("网关的时钟%s了%s：请校时（NTP），签名只在一小时内有效", zh, chinese.duration(off.Abs())),
		EN: fmt.Sprintf("the clock of this gateway is %s %s: set it right (NTP), a signature holds for one hour only", english.duration(off.Abs()), en),
	}, true
}

// Close lets go of the connection that is kept for the next notice.
func (r *robot) Close() error {
	r.client.CloseIdleConnections()
	return nil
}
