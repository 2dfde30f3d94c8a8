package main_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMbpollReadsASimulation starts a rehearsal and reads it with a foreign
// program where the first lines of its output say: over TCP and at a serial port.
func TestMbpollReadsASimulation(t *testing.T) {
	mbpoll := need(t, "mbpoll", "mbpoll")
	dir := t.TempDir()
	shipped, err := os.ReadFile("../../configs/simulations/rehearsal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plan, _, _ := strings.Cut(string(shipped), "script:")
	plan = strings.NewReplacer("127.0.0.1:1502", "127.0.0.1:0", "127.0.0.1:4001", "127.0.0.1:0", "/tmp", dir).Replace(plan)
	file := filepath.Join(dir, "rehearsal.yaml")
	write(t, file, plan)

	cmd := exec.Command(binary, "simulate", file)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	lines := bufio.NewScanner(out)
	var where []string
	for len(where) < 3 && lines.Scan() {
		where = append(where, lines.Text())
	}
	var serial, converter, plc string
	if n, err := fmt.Sscanf(strings.Join(where, "\n"), "b1 rtu: "+dir+"/intact-b1 (%s\ngw7 rtu_over_tcp: %s\nplc tcp: %s", &serial, &converter, &plc); n != 3 || err != nil {
		t.Fatalf("it says %q", where)
	}
	serial = strings.TrimSuffix(serial, ")")
	_, port, _ := strings.Cut(plc, ":")
	for _, tt := range []struct {
		what string
		args []string
		want string
	}{
		{"the frequency of the main meter", []string{"-m", "rtu", "-b", "19200", "-P", "none", "-a", "1", "-t", "3:float", "-B", "-r", "70", serial}, "[70]: \t"},
		{"a unit that is not there", []string{"-m", "rtu", "-b", "19200", "-P", "none", "-a", "2", "-o", "0.3", "-t", "3", "-r", "70", serial}, "timed out"},
		{"the lift", []string{"-m", "tcp", "-p", port, "-a", "3", "-t", "3", "-r", "0", "127.0.0.1"}, "[0]: \t"},
	} {
		out, _ := exec.CommandContext(t.Context(), mbpoll, append([]string{"-0", "-1"}, tt.args...)...).CombinedOutput()
		if !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: mbpoll says\n%s", tt.what, out)
		}
	}
}
