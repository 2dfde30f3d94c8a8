package configs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/intact-gateway/intact/configs"
)

// shippedRuleTests returns the tests of the rules that ship, by the name of their
// file.
func shippedRuleTests(t *testing.T) map[string]*configs.RuleTests {
	t.Helper()
	folder := os.DirFS("rules/tests")
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	files := make(map[string]*configs.RuleTests)
	for _, name := range names {
		tests, err := configs.LoadRuleTests(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(name, ".yaml")] = tests
	}
	return files
}

func TestShippedRulesPassTheirTests(t *testing.T) {
	for name, tests := range shippedRuleTests(t) {
		for _, r := range tests.Run() {
			for _, f := range r.Failures {
				at := tests.At(f.Path)
				t.Errorf("%s:%d: %s: %v", path.Join("rules/tests", name+".yaml"), at.Line, r.Name, f)
			}
		}
	}
}

func TestShippedTestsAreInOrder(t *testing.T) {
	for name, tests := range shippedRuleTests(t) {
		for _, test := range tests.Tests {
			for i := range test.Expect {
				if i > 0 && test.Expect[i].At < test.Expect[i-1].At {
					t.Errorf("%s: %s: the expectation at %v comes after that at %v", name, test.Name, test.Expect[i].At, test.Expect[i-1].At)
				}
			}
		}
	}
}

func TestRuleTestFilesWithMistakes(t *testing.T) {
	for _, name := range []string{"pump", "names", "set"} {
		_, err := configs.LoadRuleTests(os.DirFS("testdata/ruletests"), name+".bad.yaml")
		if err == nil {
			t.Fatalf("%s: no mistake was found", name)
		}
		golden(t, "testdata/ruletests/"+name+".bad.txt", fmt.Sprintln(err))
	}
}

func TestRuleTestsOfOwnRules(t *testing.T) {
	tests, err := configs.LoadRuleTests(os.DirFS("testdata/ruletests"), "own.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	results := tests.Run()
	if len(results) != 1 || len(results[0].Failures) != 0 {
		t.Errorf("%+v", results)
	}
}

// TestRuleTestsOfTheGuide plays the examples of the guide as they are printed.
func TestRuleTestsOfTheGuide(t *testing.T) {
	for _, page := range []string{"../docs/rules.md", "../docs/zh/rules.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(text), "`intact test ")
		_, example, _ := strings.Cut(section, "```yaml\n")
		example, _, found := strings.Cut(example, "```")
		if !found {
			t.Fatalf("%s has no example", page)
		}
		folder := fstest.MapFS{"guide.yaml": {Data: []byte(example)}}
		tests, err := configs.LoadRuleTests(folder, "guide.yaml")
		if err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		for _, r := range tests.Run() {
			for _, f := range r.Failures {
				t.Errorf("%s: %s: %v", page, r.Name, f)
			}
		}
	}
}
