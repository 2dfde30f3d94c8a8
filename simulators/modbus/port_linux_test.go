package modbus_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/intact-gateway/intact/simulators/modbus"
)

// TestMbpollReadsASerialPort pulls the adapter out meanwhile and puts it back.
func TestMbpollReadsASerialPort(t *testing.T) {
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("mbpoll is missing: apt-get install mbpoll")
		}
		t.Skip("mbpoll is missing: apt-get install mbpoll")
	}
	s := new(modbus.Server)
	u := unit(t, s, 7, nil)
	u.SetRegister(modbus.Holding, 4, 4711)
	name := filepath.Join(t.TempDir(), "intact-b1")
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.ServePort(ctx, name); err != nil {
			t.Errorf("ServePort: %v", err)
		}
	})
	defer running.Wait()
	defer cancel()
	present := func(want bool) {
		t.Helper()
		for range 1000 {
			if _, err := os.Lstat(name); (err == nil) == want {
				return
			}
			time.Sleep(10 * time.Millisecond) // the other side is the system
		}
		t.Fatalf("the port is there: %v, want %v", !want, want)
	}
	for range 2 {
		present(true)
		out, _ := exec.CommandContext(t.Context(), mbpoll, strings.Fields("-m rtu -b 9600 -P none -a 7 -t 4 -r 4 -0 -1 "+name)...).CombinedOutput()
		if !strings.Contains(string(out), "[4]: \t4711\n") {
			t.Errorf("mbpoll says\n%s", out)
		}
		s.SetDown(true)
		present(false)
		s.SetDown(false)
	}
	present(true)
	cancel()
	running.Wait()
	present(false)
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.ServePort(t.Context(), file); err == nil || !strings.Contains(err.Error(), "taken by a file") {
		t.Errorf("a file was taken for a port: %v", err)
	}
}
