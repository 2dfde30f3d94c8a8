package metrics_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestShippedRulesPassPromtool has Prometheus itself check the files that ship
// for it, and run their tests.
func TestShippedRulesPassPromtool(t *testing.T) {
	promtool := needPromtool(t)
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		{"test", "rules", "tests/intact.yml"},
	} {
		check := exec.Command(promtool, args...)
		check.Dir = "../../../configs/prometheus"
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

func needPromtool(t *testing.T) string {
	t.Helper()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is missing")
		}
		t.Skip("promtool is missing: apt-get install prometheus")
	}
	return promtool
}
