package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// planned writes a site with meters on one bus and returns its name.
func planned(t *testing.T, bus string, meters int) string {
	t.Helper()
	site := "site: {id: s, timezone: UTC}\nbuses:\n  b1: " + bus + "\nfacilities:\n"
	for unit := 1; unit <= meters; unit++ {
		site += fmt.Sprintf("  - {id: m%d, profile: eastron-sdm630, bus: b1, unit: %d}\n", unit, unit)
	}
	name := filepath.Join(t.TempDir(), "site.yaml")
	write(t, name, site)
	return name
}

func TestPlan(t *testing.T) {
	const port = "rtu: /dev/serial/by-id/usb-FTDI_A1"
	for _, tt := range []struct {
		name, bus      string
		meters, code   int
		stdout, stderr string
	}{
		{"a line with room", "{" + port + ", baud: 9600}", 4, 0, "16 requests", ""},
		{"a line that cannot keep up", "{" + port + ", baud: 1200}", 12, 1, "48 requests", "bus b1 cannot keep up: read less often"},
		{"a converter whose line is not known", "{rtu_over_tcp: 192.0.2.7:4001}", 60, 0, "more than 80 %", ""},
		{"a bus with mistakes", "{" + port + ", baud: 12}", 1, 1, "", "12 baud cannot be"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := call(t, "plan", "--config", planned(t, tt.bus, tt.meters))
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, stdout, stderr)
			}
		})
	}
}

// TestPlanForAProgram holds the parts of the plan to their sum.
func TestPlanForAProgram(t *testing.T) {
	out, stderr, code := call(t, "plan", "--json", "--config", planned(t, "{rtu: /dev/ttyS0, baud: 19200, frame: 8E1}", 3))
	var plan struct {
		Buses []struct {
			ID, Kind, Address string
			Requests          []struct {
				Unit, Address, Count, Points, Bytes int
				Table                               string
				Every, Seconds                      float64
			}
			Pass, Load float64
			Full       bool
		}
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != 0 {
		t.Fatal(err, stderr)
	}
	if len(plan.Buses) != 1 || plan.Buses[0].Kind != "rtu" || plan.Buses[0].Address != "/dev/ttyS0" || len(plan.Buses[0].Requests) != 12 {
		t.Fatalf("plan is %+v", plan)
	}
	b := plan.Buses[0]
	for _, r := range b.Requests {
		b.Pass -= r.Seconds
		b.Load -= r.Seconds / r.Every
		if r.Bytes != 13+2*r.Count || r.Table != "input" || r.Points == 0 || r.Unit == 0 {
			t.Errorf("request is %+v", r)
		}
	}
	if b.Pass > 1e-9 || b.Pass < -1e-9 || b.Load > 1e-9 || b.Load < -1e-9 || b.Full {
		t.Errorf("the sums are off by %v and %v", b.Pass, b.Load)
	}
}
