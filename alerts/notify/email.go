package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// Email is one or more mailboxes, written to through the mail server of the
// house or of its provider.
type Email struct {
	Server       string        `yaml:"server,required"` // host:port
	TLS          string        `yaml:"tls"`             // starttls, implicit or none; default implicit on port 465, else starttls
	CA           string        `yaml:"ca,file"`         // who signed the server's certificate, if the system does not know
	From         string        `yaml:"from,required"`
	To           []string      `yaml:"to"` // of people of the roster their mail addresses
	Username     string        `yaml:"username"`
	Password     string        `yaml:"password,secret"`
	PasswordFile string        `yaml:"password_file,file"`
	Timeout      time.Duration `yaml:"timeout"` // of one attempt; default 10s
}

// mailLimits are our own: people who get more mails read none, and a provider
// blocks who sends them.
var mailLimits = limits{perMinute: 20, muted: time.Minute}

// How the line to a mail server is encrypted.
const (
	startTLS    = "starttls" // after the greeting; a server that can't is refused
	implicitTLS = "implicit" // from the first byte
	noTLS       = "none"
)

func (e *Email) validate(report gateway.Report) {
	host, port, err := net.SplitHostPort(e.Server)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		report("server", fmt.Sprintf("%q is not an address of a mail server", e.Server), "host:port, such as smtp.example.com:465")
	}
	if modes := []string{startTLS, implicitTLS, noTLS}; e.TLS != "" && !slices.Contains(modes, e.TLS) {
		report("tls", fmt.Sprintf("unknown way of encryption %q", e.TLS), suggest(e.TLS, modes))
	}
	if _, err := mail.ParseAddress(e.From); err != nil {
		report("from", fmt.Sprintf("%q is not a mail address", e.From), "such as gateway@example.com")
	}
	if len(e.To) == 0 {
		report("to", "the mail goes to nobody", "name one or more mail addresses")
	}
	for i, to := range e.To {
		if _, err := mail.ParseAddress(to); err != nil {
			report(fmt.Sprintf("to[%d]", i), fmt.Sprintf("%q is not a mail address", to), "such as duty@example.com")
		}
	}
	checkSecret(report, "password", e.Password, e.PasswordFile)
	switch secret := e.Password != "" || e.PasswordFile != ""; {
	case secret && e.Username == "":
		report("username", "there is a password, but nobody it belongs to", "write username, often the mail address itself")
	case !secret && e.Username != "":
		report("", "there is no password for username", "name a file that holds it as password_file; many providers want an authorization code (授权码) instead of the password")
	case secret && e.TLS == noTLS:
		report("tls", "the password would cross the network in the clear", "say starttls or implicit, or leave out username and password")
	}
	checkTimeout(report, e.Timeout)
}

// mailer writes mails.
type mailer struct {
	server   string
	host     string
	mode     string
	tls      *tls.Config
	from     *mail.Address
	to       []*mail.Address
	username string
	password string
	timeout  time.Duration
	dial     dial
}

func newMailer(c Email, d dial) (*mailer, error) {
	password, err := readSecret("password of the mail server", c.Password, c.PasswordFile)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, err
	}
	m := &mailer{
		server: c.Server, host: host, mode: c.TLS, tls: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12},
		username: c.Username, password: password, timeout: cmp.Or(c.Timeout, attemptLimit), dial: d,
	}
	if m.mode == "" {
		m.mode = startTLS
		if port == "465" {
			m.mode = implicitTLS
		}
	}
	if d == nil {
		m.dial = (&net.Dialer{Control: guard}).DialContext
	}
	if c.CA != "" {
		if m.tls.RootCAs, err = readCertificates(c.CA); err != nil {
			return nil, err
		}
	}
	if m.from, err = mail.ParseAddress(c.From); err != nil {
		return nil, err
	}
	for _, to := range c.To {
		a, err := mail.ParseAddress(to)
		if err != nil {
			return nil, err
		}
		m.to = append(m.to, a)
	}
	return m, nil
}

func readCertificates(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("certificates: %s holds none", file)
	}
	return pool, nil
}

// tell sends one mail to all mailboxes. Each attempt has a connection of its
// own: mails are rare, and servers hang up on who says nothing.
func (m *mailer) tell(ctx context.Context, c card) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	line, err := m.dial(ctx, "tcp", m.server)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	defer line.Close()
	defer context.AfterFunc(ctx, func() { line.Close() })() // whatever it waits for
	conn := line
	if m.mode == implicitTLS {
		conn = tls.Client(line, m.tls)
	}
	err = m.converse(conn, c)
	switch _, taken := errors.AsType[*Caveat](err); {
	case err == nil || taken:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("mail server: %w", ctx.Err())
	default:
		return mailRefusal(err)
	}
}

// converse is one SMTP session. The mail is taken once the server has said so to
// its last line.
func (m *mailer) converse(conn net.Conn, c card) error {
	s, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return err
	}
	defer s.Close()
	if m.mode == startTLS {
		if ok, _ := s.Extension("STARTTLS"); !ok {
			return errors.New(`the server offers no STARTTLS; say tls: implicit, or tls: none if the line is safe`)
		}
		if err := s.StartTLS(m.tls); err != nil {
			return err
		}
	}
	if m.username != "" {
		if err := s.Auth(&login{username: m.username, password: m.password}); err != nil {
			return err
		}
	}
	if err := s.Mail(m.from.Address); err != nil {
		return err
	}
	refused, err := m.recipients(s)
	if err != nil {
		return err
	}
	w, err := s.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.compose(c, time.Now())); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = s.Quit() // it has the mail; what it says to a farewell changes nothing
	return refused
}

// recipients names the mailboxes to the server. One that does not exist must not
// keep the mail from the others: it is told of in refused, if any other is left.
func (m *mailer) recipients(s *smtp.Client) (refused, err error) {
	var bad []error
	for _, to := range m.to {
		if err := s.Rcpt(to.Address); err != nil {
			if _, answered := errors.AsType[*textproto.Error](err); !answered {
				return nil, err
			}
			bad = append(bad, fmt.Errorf("%s: %w", to.Address, err))
		}
	}
	switch len(bad) {
	case 0:
		return nil, nil
	case len(m.to):
		return nil, bad[0]
	default:
		return &Caveat{fmt.Errorf("the mail was taken, but not for %w", errors.Join(bad...))}, nil
	}
}

// compose returns the mail as it goes over the line. Mails of one alert refer to
// the same thread, and the same notice always has the same id, so that a mailbox
// can drop what it has twice.
func (m *mailer) compose(c card, now time.Time) []byte {
	var b bytes.Buffer
	header := func(key, value string) { fmt.Fprintf(&b, "%s: %s\r\n", key, value) }
	var to []string
	for _, a := range m.to {
		to = append(to, a.String())
	}
	header("From", m.from.String())
	header("To", strings.Join(to, ",\r\n "))
	header("Subject", subject(c.title))
	header("Date", now.Format(time.RFC1123Z))
	header("Message-ID", m.id(c.key))
	if c.thread != "" {
		header("References", m.id(c.thread))
	}
	header("Auto-Submitted", "auto-generated")
	if c.mood == alarmed {
		header("X-Priority", "1")
		header("Importance", "high")
	}
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "base64")
	b.WriteString("\r\n")
	const width = 76 // RFC 2045, 6.8
	lines := slices.Concat([]string{c.title, ""}, c.lines)
	if !c.link.isZero() {
		lines = append(lines, "", c.link.text, c.link.url)
	}
	text := base64.StdEncoding.EncodeToString([]byte(strings.Join(lines, "\r\n") + "\r\n"))
	for line := range slices.Chunk([]byte(text), width) {
		b.Write(line)
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// subject encodes a title. A line with encoded words has at most 76 characters
// (RFC 2047, 2), and each word may have 75.
func subject(title string) string {
	words := mime.BEncoding.Encode("utf-8", title)
	if words == title {
		return title
	}
	return "\r\n " + strings.ReplaceAll(words, "?= =?", "?=\r\n =?")
}

// id returns a message id for key.
func (m *mailer) id(key string) string {
	sum := sha256.Sum256([]byte(key))
	_, domain, _ := strings.Cut(m.from.Address, "@")
	return "<" + hex.EncodeToString(sum[:16]) + "@" + domain + ">"
}

// Close implements io.Closer; no connection is kept.
func (m *mailer) Close() error { return nil }

// login proves who we are by PLAIN or, where a server knows only that, by LOGIN.
type login struct {
	username, password string
	asked              int
}

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case !server.TLS:
		return "", nil, errors.New("the password would cross the network in the clear")
	case slices.Contains(server.Auth, "PLAIN") || !slices.Contains(server.Auth, "LOGIN"):
		return "PLAIN", []byte("\x00" + l.username + "\x00" + l.password), nil
	default:
		return "LOGIN", nil, nil
	}
}

// Next implements smtp.Auth. What LOGIN asks for is always first the name and
// then the password, in whatever words.
func (l *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	l.asked++
	switch l.asked {
	case 1:
		return []byte(l.username), nil
	case 2:
		return []byte(l.password), nil
	default:
		return nil, errors.New("the mail server asks for more than name and password")
	}
}

// mailRefusal puts the failure of a session into words.
func mailRefusal(err error) error {
	answer, ok := errors.AsType[*textproto.Error](err)
	if !ok {
		return fmt.Errorf("mail server: %w", err)
	}
	r := &Refusal{Vendor: "mail server", Code: answer.Code, Body: beginning([]byte(answer.Msg))}
	switch answer.Code {
	case 535, 534, 530:
		r.Mend = gateway.Text{
			ZH: "用户名或密码不对；QQ、163等邮箱要用授权码代替密码，并先在邮箱里开启SMTP",
			EN: "user name or password is wrong; many providers want an authorization code (授权码) in place of the password, and SMTP switched on in the mailbox",
		}
	case 550, 551, 553:
		r.Mend = gateway.Text{ZH: "收件地址不存在，或发件地址不是登录的用户", EN: "a mailbox does not exist, or from is not the address of the user"}
	case 421, 450, 451, 452:
		r.Mend = mendLater
	}
	return r
}
