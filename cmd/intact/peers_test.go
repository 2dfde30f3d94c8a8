package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// need returns the path of a foreign program the test talks to. Where it is
// missing the test is skipped and says what to install; with CI=true it fails.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
		_, err = os.Stat(path)
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing (Debian package %s)", program, debian)
		}
		t.Skipf("%s is missing: apt-get install %s", program, debian)
	}
	return path
}

// freePort returns a loopback port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// waitFor asks again and again until ok says yes. The limit is no measure of
// speed: it only ends a test that would never end, and leaves the others of the
// package enough of the ten minutes that they have together.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// get returns the body of a GET, or "" if there is no answer 200.
func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// start runs a program until the test ends; its output shows when it fails.
func start(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), out)
		}
	})
	return cmd
}

// pymodbus is a foreign Modbus server whose registers the test sets.
type pymodbus struct {
	t    *testing.T
	port int
	in   io.Writer
	out  *bufio.Scanner
	stop func()
}

func startPymodbus(t *testing.T, words ...string) *pymodbus {
	t.Helper()
	python := need(t, "/usr/bin/python3", "python3-pymodbus")
	if err := exec.Command(python, "-c", "import pymodbus").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pymodbus is missing (Debian package python3-pymodbus)")
		}
		t.Skip("pymodbus is missing: apt-get install python3-pymodbus")
	}
	p := &pymodbus{t: t, port: freePort(t)}
	cmd := exec.Command(python, append([]string{"testdata/pymodbus_server.py", fmt.Sprint(p.port)}, words...)...)
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
	p.stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(p.stop)
	p.in, p.out = in, bufio.NewScanner(out)
	p.expect("ready")
	return p
}

func (p *pymodbus) expect(word string) {
	p.t.Helper()
	if !p.out.Scan() || p.out.Text() != word {
		p.t.Fatalf("pymodbus said %q, want %q", p.out.Text(), word)
	}
}

// set writes words into the registers of a unit: fc 3 holding, 4 input.
func (p *pymodbus) set(unit, fc, address int, words ...uint16) {
	p.t.Helper()
	line := fmt.Sprint(unit, " ", fc, " ", address)
	for _, w := range words {
		line += fmt.Sprint(" ", w)
	}
	fmt.Fprintln(p.in, line)
	p.expect("ok")
}

func startMosquitto(t *testing.T) (port int) {
	t.Helper()
	path := need(t, "mosquitto", "mosquitto")
	port = freePort(t)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	write(t, conf, fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\n", port))
	start(t, path, "-c", conf)
	waitFor(t, "mosquitto", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return port
}

func startVictoriaMetrics(t *testing.T) (url string) {
	t.Helper()
	path := need(t, "victoria-metrics", "victoria-metrics")
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	start(t, path, "-httpListenAddr="+addr, "-storageDataPath="+t.TempDir(), "-retentionPeriod=1y")
	waitFor(t, "VictoriaMetrics", func() bool { return get("http://"+addr+"/health") != "" })
	return "http://" + addr
}

// startPrometheus scrapes target every second.
func startPrometheus(t *testing.T, target string) (url string) {
	t.Helper()
	path := need(t, "prometheus", "prometheus")
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(
		"scrape_configs:\n- job_name: intact\n  scrape_interval: 1s\n  static_configs:\n  - targets: [%q]\n", target))
	start(t, path, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr)
	waitFor(t, "Prometheus", func() bool { return strings.Contains(get("http://"+addr+"/-/ready"), "Ready") })
	return "http://" + addr
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
