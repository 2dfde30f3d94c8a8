package mqtt_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
	simulator "github.com/intact-gateway/intact/simulators/mqtt"
)

// certificate returns a self-signed certificate for host and a pool that trusts
// it. It is valid around the time of the bubble.
func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestSecureConnection(t *testing.T) {
	tests := []struct {
		name    string
		host    string // in the certificate
		version uint16 // the newest the broker speaks
		trusted bool
		link    string
	}{
		{"a broker we trust", "broker", tls.VersionTLS13, true, "good 1"},
		{"a broker of another name", "impostor", tls.VersionTLS13, true, "good 0"},
		{"a broker nobody vouches for", "broker", tls.VersionTLS13, false, "good 0"},
		{"a broker that speaks TLS 1.1 only", "broker", tls.VersionTLS11, true, "good 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBroker(t, simulator.BrokerOptions{})
				own, pool := certificate(t, tt.host)
				if !tt.trusted {
					pool = x509.NewCertPool()
				}
				c := config(leakSensor())
				c.Broker, c.TLS = "mqtts://broker", &tls.Config{RootCAs: pool}
				var address string
				l := listen(t, c, func(_ context.Context, _, addr string) (net.Conn, error) {
					address = addr
					near, far := net.Pipe()
					b.Attach(tls.Server(far, &tls.Config{
						Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS10, MaxVersion: tt.version,
					}))
					return near, nil
				})
				pass(3 * time.Second)
				l.want(t, "after the handshake", map[gateway.PointRef]string{lineLink: tt.link})
				l.stop()
				if address != "broker:8883" {
					t.Errorf("dialled %s", address)
				}
			})
		})
	}
}

func TestTheBrokerMayAskForACertificate(t *testing.T) {
	for name, tt := range map[string]struct {
		given bool
		link  string
	}{"with ours": {true, "good 1"}, "without one": {false, "good 0"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBroker(t, simulator.BrokerOptions{})
				theirs, trusted := certificate(t, "broker")
				ours, known := certificate(t, "gw")
				c := config(leakSensor())
				c.Broker, c.TLS = "mqtts://broker", &tls.Config{RootCAs: trusted}
				if tt.given {
					c.TLS.Certificates = []tls.Certificate{ours}
				}
				l := listen(t, c, func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					b.Attach(tls.Server(far, &tls.Config{
						Certificates: []tls.Certificate{theirs}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known,
					}))
					return near, nil
				})
				pass(20 * time.Second)
				l.want(t, "after the handshake", map[gateway.PointRef]string{lineLink: tt.link})
			})
		})
	}
}

func TestPlainConnectionsStayPlain(t *testing.T) {
	for broker, want := range map[string]string{
		"mqtt://h": "h:1883", "tcp://h:99": "h:99", "mqtts://h": "h:8883", "ssl://[::1]:1": "[::1]:1",
	} {
		synctest.Test(t, func(t *testing.T) {
			var dialled string
			c := config()
			c.Broker = broker
			l := listen(t, c, func(_ context.Context, _, addr string) (net.Conn, error) {
				dialled = addr
				return nil, net.ErrClosed
			})
			pass(time.Millisecond)
			l.stop()
			if dialled != want {
				t.Errorf("%s dials %s, want %s", broker, dialled, want)
			}
		})
	}
}
