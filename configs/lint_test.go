package configs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/rules"
)

func TestWhatIsMostLikelyNotMeant(t *testing.T) {
	c, err := configs.Load(os.DirFS("testdata/lint"), "site.yaml", configs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var warnings strings.Builder
	for _, w := range c.Warnings {
		fmt.Fprintln(&warnings, w)
		if w.Hint == "" {
			t.Errorf("no hint: %s", w)
		}
	}
	golden(t, "testdata/lint/warnings.txt", warnings.String())
}

// The tests of the rules that ship have a facility for each of them.
func TestShippedRulesAreBeyondDoubt(t *testing.T) {
	for name, tests := range shippedRuleTests(t) {
		engine := rules.Compile(tests.Site, tests.Packs, tests.Settings, func(path, problem, _ string) { t.Errorf("%s: %s: %s", name, path, problem) })
		for _, f := range rules.Lint(tests.Site, tests.Packs, engine) {
			t.Errorf("%s: doubt %d about rule %s at %s", name, f.Doubt, engine.Instances()[f.Ref].Key, f.Path)
		}
	}
}

func TestShippedSitesAreBeyondDoubt(t *testing.T) {
	for _, name := range []string{"example.yaml", "demo.yaml"} {
		port := 1
		env := func(string) (string, bool) { port++; return fmt.Sprintf("127.0.0.1:%d", port), true }
		c, err := configs.Load(os.DirFS("sites"), name, configs.Options{Env: env})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.Warnings {
			t.Errorf("%s: %s", name, w)
		}
	}
}
