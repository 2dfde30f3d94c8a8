package notify_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
)

// mailServer is an aiosmtpd that the test can write to.
type mailServer struct {
	address, ca string
	out         *bufio.Scanner
}

func startMail(t *testing.T, mode string, more ...string) *mailServer {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import aiosmtpd").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("aiosmtpd is missing (Debian package python3-aiosmtpd)")
		}
		t.Skip("aiosmtpd is missing: apt-get install python3-aiosmtpd")
	}
	cert, key := certificate(t)
	cmd := exec.CommandContext(t.Context(), python, append([]string{"testdata/smtp_server.py", mode, cert, key}, more...)...)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &mailServer{ca: cert, out: bufio.NewScanner(out)}
	if !s.out.Scan() {
		t.Fatal("aiosmtpd ended before it listened")
	}
	s.address = net.JoinHostPort("127.0.0.1", s.out.Text())
	return s
}

// certificate returns the files of a certificate for 127.0.0.1 and of its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
}

// delivered is a mail as the server has it.
type delivered struct {
	From string
	To   []string
	TLS  bool
	Data string
}

func (s *mailServer) next(t *testing.T) (delivered, *mail.Message, string) {
	t.Helper()
	if !s.out.Scan() {
		t.Fatal("aiosmtpd ended")
	}
	var d delivered
	if err := json.Unmarshal(s.out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(d.Data))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return d, m, string(body)
}

func (s *mailServer) email(to ...string) notify.Email {
	return notify.Email{Server: s.address, CA: s.ca, From: "湖畔花园 <gateway@example.com>", To: to, Username: "gateway", Password: "授权码"}
}

func openMail(t *testing.T, e notify.Email) notify.Notifier {
	t.Helper()
	return open(t, notify.Receiver{Channel: notify.Channel{Email: &e}})
}

func TestAMailThroughARealServer(t *testing.T) {
	for _, mode := range []string{"starttls", "implicit", "none"} {
		t.Run(mode, func(t *testing.T) {
			s := startMail(t, mode)
			e := s.email("值班 <duty@example.com>", "boss@example.com")
			if e.TLS = mode; mode == "none" {
				e.Username, e.Password = "", ""
			}
			if err := openMail(t, e).Notify(t.Context(), raised(t)); err != nil {
				t.Fatal(err)
			}
			d, m, body := s.next(t)
			if d.From != "gateway@example.com" || strings.Join(d.To, " ") != "duty@example.com boss@example.com" || d.TLS != (mode != "none") {
				t.Errorf("got %+v", d)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != "【紧急】1号楼泵房 1号生活泵 出水压力低" {
				t.Errorf("subject %q %v", subject, err)
			}
			if want := "【紧急】1号楼泵房 1号生活泵 出水压力低\r\n\r\n0.31MPa（下限0.40MPa），已持续2分钟\r\n请09:42前到场\r\n检查泵与管网\r\n工单 WX20260310-0007\r\n湖畔花园 · 2026-03-10 09:12:00\r\n"; body != want {
				t.Errorf("body %q", body)
			}
			if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 || to[0].Name != "值班" {
				t.Errorf("to %v %v", to, err)
			}
			if date, err := m.Header.Date(); err != nil || time.Since(date).Abs() > time.Hour {
				t.Errorf("date %v %v", date, err)
			}
			if m.Header.Get("X-Priority") != "1" || m.Header.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("got %v", m.Header)
			}
			for line := range strings.Lines(d.Data) {
				if len(line) > 78 { // with its end
					t.Errorf("a line of %d bytes: %s", len(line), line)
				}
			}
		})
	}
}

// The same notice is the same mail, and one alert is one thread.
func TestAMailKeepsItsKeyAndThread(t *testing.T) {
	s := startMail(t, "implicit")
	e := s.email("duty@example.com")
	e.TLS = "implicit"
	desk := openMail(t, e)
	back := noticeOf(t, alerts.Event{Kind: alerts.Returned, At: at(9, 50, 0), Alert: low()}, nil)
	var ids, threads []string
	for _, n := range []notify.Notice{raised(t), raised(t), back} {
		if err := desk.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		_, m, _ := s.next(t)
		ids, threads = append(ids, m.Header.Get("Message-ID")), append(threads, m.Header.Get("References"))
	}
	if ids[0] != ids[1] || ids[1] == ids[2] || !strings.HasSuffix(ids[0], "@example.com>") || threads[0] != threads[2] || threads[0] == "" {
		t.Errorf("ids %v threads %v", ids, threads)
	}
}

// Some servers know LOGIN only.
func TestAServerThatWantsLogin(t *testing.T) {
	s := startMail(t, "implicit", "no-plain")
	e := s.email("duty@example.com")
	e.TLS = "implicit"
	if err := openMail(t, e).Notify(t.Context(), raised(t)); err != nil {
		t.Fatal(err)
	}
	if d, _, _ := s.next(t); len(d.To) != 1 {
		t.Errorf("got %+v", d)
	}
}

func TestWhatAMailServerRefuses(t *testing.T) {
	s := startMail(t, "starttls")
	for _, tt := range []struct {
		name       string
		change     func(*notify.Email)
		want, mend string
	}{
		{"the wrong password", func(e *notify.Email) { e.Password = "s3cret-s3cret" }, "mail server answered with code 535", "授权码"},
		{"nobody there", func(e *notify.Email) { e.To = []string{"nobody@example.com"} }, "mail server answered with code 550: 5.1.1 no such user here", "mailbox does not exist"},
		{"not now", func(e *notify.Email) { e.To = []string{"later@example.com"} }, "mail server answered with code 451", "tried again"},
		{"a certificate of nobody", func(e *notify.Email) { e.CA = "" }, "mail server: tls: failed to verify certificate", ""},
		{"STARTTLS where it is TLS from the start", func(e *notify.Email) { e.TLS = "implicit" }, "mail server: tls: first record", ""},
	} {
		e := s.email("duty@example.com")
		tt.change(&e)
		err := openMail(t, e).Notify(t.Context(), raised(t))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.mend) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	plain := startMail(t, "none")
	e := plain.email("duty@example.com")
	if err := openMail(t, e).Notify(t.Context(), raised(t)); err == nil || !strings.Contains(err.Error(), "offers no STARTTLS") {
		t.Errorf("a line that is not encrypted: got %v", err)
	}
	e.TLS = "none"
	if err := openMail(t, e).Notify(t.Context(), raised(t)); err == nil || !strings.Contains(err.Error(), "in the clear") {
		t.Errorf("a password in the clear: got %v", err)
	}
}

// One mailbox that is gone must neither keep the mail from the others nor be
// passed over in silence.
func TestOneMailboxThatIsGoneKeepsNothingFromTheOthers(t *testing.T) {
	s := startMail(t, "starttls")
	err := openMail(t, s.email("nobody@example.com", "duty@example.com")).Notify(t.Context(), raised(t))
	if p, ok := errors.AsType[*notify.Caveat](err); !ok || !strings.Contains(p.Error(), "the mail was taken, but not for nobody@example.com: 550") {
		t.Errorf("got %v", err)
	}
	if d, _, _ := s.next(t); strings.Join(d.To, " ") != "duty@example.com" {
		t.Errorf("got %+v", d)
	}
}

func TestAMailServerThatHangsIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e := notify.Email{Server: l.Addr().String(), From: "a@example.com", To: []string{"b@example.com"}, Timeout: 20 * time.Millisecond}
	if err := openMail(t, e).Notify(t.Context(), raised(t)); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("got %v", err)
	}
}

func TestAMailTellsNothingThatIsNotForIt(t *testing.T) {
	a := low()
	a.Title = gateway.Text{ZH: "压力低\r\nBcc: all@example.com"}
	s := startMail(t, "implicit")
	e := s.email("duty@example.com")
	e.TLS = "implicit"
	if err := openMail(t, e).Notify(t.Context(), noticeOf(t, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: a}, nil)); err != nil {
		t.Fatal(err)
	}
	if d, m, _ := s.next(t); m.Header.Get("Bcc") != "" || len(d.To) != 1 {
		t.Errorf("a title became a header: %v", m.Header)
	}
}
