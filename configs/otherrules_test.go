package configs_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/rules"
)

// A changed copy of a pack that ships takes the place of its rules, and leaves
// those of the other classes alone.
func TestWithRules(t *testing.T) {
	site, err := configs.Load(os.DirFS("sites"), "example.yaml", configs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ships, err := fs.ReadFile(configs.Shipped(), "rules/electric.yaml")
	if err != nil {
		t.Fatal(err)
	}
	load := func(text string) (*configs.Config, error) {
		return site.WithRules(fstest.MapFS{"mine.yaml": {Data: []byte(text)}}, "mine.yaml")
	}
	other, err := load(strings.Replace(string(ships), "hold: 60s}", "hold: 61s}", 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := holdOf(t, other, "voltage_high"); got != 61*time.Second {
		t.Errorf("voltage_high is held for %v", got)
	}
	if got := holdOf(t, site, "voltage_high"); got != time.Minute {
		t.Errorf("the site itself was changed: %v", got)
	}
	if other.Instances != site.Instances {
		t.Errorf("%d rules are at work, not %d", other.Instances, site.Instances)
	}
	if other, err := load("class: pump_group\nparams: {}\nrules: {}\n"); err != nil || other.Instances != site.Instances {
		t.Errorf("a file without rules: %v", err)
	}
	if _, err := load(strings.Replace(string(ships), "hold: 60s}", "hold: soon}", 1)); err == nil || !strings.HasPrefix(err.Error(), "mine.yaml:") {
		t.Errorf("a mistake was told as %v", err)
	}
	// A param that the site sets may be new to the rules it has now.
	renamed := strings.ReplaceAll(string(ships), "v_high", "v_top")
	if _, err := load(renamed); err != nil {
		t.Error(err)
	}
}

// holdOf returns the hold of the first level of a rule.
func holdOf(t *testing.T, c *configs.Config, rule string) time.Duration {
	t.Helper()
	var found []rules.Spec
	for _, p := range c.Packs {
		for _, s := range p.Rules {
			if s.ID == rule {
				found = append(found, s)
			}
		}
	}
	if len(found) != 1 {
		t.Fatalf("rule %s is there %d times", rule, len(found))
	}
	return found[0].Levels[0].Hold.Duration
}
