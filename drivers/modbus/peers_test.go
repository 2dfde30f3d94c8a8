package modbus_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// startPymodbus runs a foreign server until the test ends.
func startPymodbus(t *testing.T, args ...string) {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import pymodbus, serial_asyncio").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pymodbus is missing (Debian packages python3-pymodbus, python3-serial-asyncio)")
		}
		t.Skip("pymodbus is missing: apt-get install python3-pymodbus python3-serial-asyncio")
	}
	cmd := exec.Command(python, append([]string{"testdata/pymodbus_server.py"}, args...)...)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _, _ = in.Close(), cmd.Process.Kill(), cmd.Wait()
	})
	if lines := bufio.NewScanner(out); !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("pymodbus said %q", lines.Text())
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// readAll reads all four tables of two units through the line that c describes,
// ten times.
func readAll(t *testing.T, c modbus.Config) {
	t.Helper()
	const period = 20 * time.Millisecond
	want := make(map[gateway.PointRef]float64)
	c.ID, c.Link = "b1", gateway.NoPoint
	for _, unit := range []byte{1, 3} {
		d := modbus.Device{Unit: unit, Link: gateway.NoPoint, Every: period, MaxGap: 8, Timeout: 10 * time.Second}
		for table := modbus.Coils; table <= modbus.InputRegisters; table++ {
			for _, address := range []uint16{0, 1, 7, 8, 9, 100, 223, 999} {
				f := modbus.Field{Point: gateway.PointRef(len(want)), Table: table, Type: modbus.U16, Address: address, Period: period}
				want[f.Point] = float64(word(unit, byte(table), address))
				if table.Single() {
					f.Type, want[f.Point] = modbus.Bit, 0
					if word(unit, byte(table), address)%3 == 0 {
						want[f.Point] = 1
					}
				}
				d.Fields = append(d.Fields, f)
			}
		}
		c.Devices = append(c.Devices, d)
	}
	count := 0
	follow(t, c, func(s gateway.Sample) bool {
		if s.Quality != gateway.Good || s.Value != want[s.Point] {
			t.Errorf("point %d is %v, %s; want %v", s.Point, s.Value, s.Quality, want[s.Point])
		}
		count++
		return count == 10*len(want)
	})
}

func TestPymodbusOverRTUOverTCP(t *testing.T) {
	port := strconv.Itoa(freePort(t))
	startPymodbus(t, "rtu_over_tcp", port)
	readAll(t, modbus.Config{Transport: modbus.RTUOverTCP, Address: "127.0.0.1:" + port})
}

// TestPymodbusOverTLS has both sides show a certificate.
func TestPymodbusOverTLS(t *testing.T) {
	port := strconv.Itoa(freePort(t))
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	serverCert, serverKey := ca.issue(t, dir, "server")
	startPymodbus(t, "tls", port, serverCert, serverKey, filepath.Join(dir, "ca.pem"))
	own, err := tls.LoadX509KeyPair(ca.issue(t, dir, "gateway"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	config := modbus.Config{Address: "127.0.0.1:" + port, TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}}
	readAll(t, config)

	refused := config
	refused.TLS = &tls.Config{Certificates: []tls.Certificate{own}} // does not know the authority
	fields, _ := twins(20 * time.Millisecond)
	refused.Devices = []modbus.Device{{Unit: 1, Link: gateway.NoPoint, Every: time.Second, Fields: fields}}
	follow(t, refused, func(s gateway.Sample) bool {
		if s.Point < gateway.PointRef(len(fields)) && s.Quality != gateway.BadRefused {
			t.Errorf("over an untrusted connection a sample is %v, %s", s.Value, s.Quality)
		}
		return true
	})
}

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", der)
	return a
}

// issue returns the files of a certificate of that name and of its key.
func (a *authority) issue(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "EC PRIVATE KEY", secret)
	return certFile, keyFile
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
