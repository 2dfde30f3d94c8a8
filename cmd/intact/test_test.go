package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const leakTest = `rules: {packs: [water]}
facilities:
  leak-1: {class: leak_sensor, points: {leak: discrete}}
tests:
  - name: water is told of after three seconds
    series: {leak-1/leak: "0x5 1x10"}
    expect:
      - {at: 7s, is: {leak-1/leak/leak: pending}}
      - {at: 8s, is: {leak-1/leak/leak: active critical}}
`

func TestRuleTests(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := write("good.yaml", leakTest)
	failing := write("failing.yaml", strings.Replace(leakTest, "at: 7s, is: {leak-1/leak/leak: pending}", "at: 7s, is: {leak-1/leak/leak: active}", 1))
	mistaken := write("mistaken.yaml", strings.Replace(leakTest, "leak-1/leak/leak: pending", "leak-1/leek/leak: pending", 1))
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"all is as expected", []string{good}, 0, "ok   " + good + ": 1 test\n", ""},
		{"one is not", []string{good, failing}, 1, "FAIL " + failing + ": water is told of after three seconds\n" +
			"  failing.yaml:8:41: at 7s leak-1/leak/leak\n      want active\n      got  pending critical (since 5s, leak 1)\n", "intact: 1 of 2 tests failed\n"},
		{"a mistake in a file", []string{mistaken}, 1, "", "mistaken.yaml:8:41: no rule \"leak-1/leek/leak\" is at work"},
		{"no such file", []string{filepath.Join(dir, "none.yaml")}, 1, "", "none.yaml"},
		{"no file", nil, 2, "", "name a "},
		{"for a program", []string{"--json", failing}, 1, `"line":8,"col":41,"at":"7s","rule":"leak-1/leak/leak","want":"active","got":"pending critical (since 5s, leak 1)"`, "1 of 1 tests failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := call(t, append([]string{"test"}, tt.args...)...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, stdout, stderr)
			}
		})
	}
	t.Run("JSON has every key", func(t *testing.T) {
		stdout, _, _ := call(t, "test", "--json", good, mistaken)
		var files []map[string]any
		if err := json.Unmarshal([]byte(stdout), &files); err != nil || len(files) != 2 {
			t.Fatalf("%v: %s", err, stdout)
		}
		for _, f := range files {
			for _, key := range []string{"file", "problems", "warnings", "tests"} {
				if f[key] == nil {
					t.Errorf("%v has no %s", f["file"], key)
				}
			}
		}
	})
}

// TestShippedRuleTestsFromTheWorkingFolder plays the files as the guide tells
// people to, with names as they are called.
func TestShippedRuleTestsFromTheWorkingFolder(t *testing.T) {
	t.Chdir("../..")
	files, err := filepath.Glob("configs/rules/tests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	stdout, stderr, code := call(t, append([]string{"test"}, files...)...)
	if code != 0 || strings.Count(stdout, "ok   configs/rules/tests/") != len(files) {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}
