package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const dutySite = `
site: {id: lakeside, timezone: Asia/Shanghai, language: LANGUAGE}
buses: {plc: {tcp: "127.0.0.1:502"}}
facilities: [{id: meter, profile: eastron-sdm630, bus: plc, unit: 1}]
tickets: {roster: roster.yaml}
`

const dutyRoster = `people:
  wang: {name: 王强, mobile: "13800000001", trades: [electrician, fire]}
  li: {name: 李敏, mobile: "13800000002"}
shifts:
  day: {hours: 08:00-20:00, people: [wang]}
swaps: [{shift: day, date: 2026-10-02, out: wang, in: li}]
`

func dutyFiles(t *testing.T, language string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"site.yaml": strings.ReplaceAll(dutySite, "LANGUAGE", language), "roster.yaml": dutyRoster} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "site.yaml")
}

func TestDutySaysWhoIsOnDuty(t *testing.T) {
	for _, c := range []struct{ language, at, want string }{
		{"zh", "2026-10-01T09:00", "2026-10-01 09:00 CST 值班人员：\n  王强  13800000001  电工, 消防  至 10-01 20:00\n"},
		{"en", "2026-10-02T09:00", "on duty at 2026-10-02 09:00 CST:\n  李敏  13800000002  -  until 10-02 20:00  in place of 王强\n"},
		{"en", "2026-10-01T21:00", "nobody is on duty at 2026-10-01 21:00 CST: all who are not on leave would be called\n"},
	} {
		stdout, stderr, code := call(t, "duty", "--config", dutyFiles(t, c.language), "--at", c.at)
		if code != 0 || stdout != c.want {
			t.Errorf("at %s: exit %d, %s\ngot\n%swant\n%s", c.at, code, stderr, stdout, c.want)
		}
	}
}

// TestCheckTellsOfTheNextGap has nobody on duty at night.
func TestCheckTellsOfTheNextGap(t *testing.T) {
	stdout, stderr, code := call(t, "check", "--config", dutyFiles(t, "en"))
	if code != 0 || !strings.Contains(stderr, "roster.yaml:4:1: ") || !strings.Contains(stderr, "nobody is on duty from ") || !strings.Contains(stderr, "00:00 to ") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if !strings.Contains(stdout, "is in order") || !strings.Contains(stdout, "on duty at ") {
		t.Errorf("check says %q", stdout)
	}
	if _, _, code := call(t, "check", "--strict", "--config", dutyFiles(t, "en")); code != 1 {
		t.Errorf("check --strict takes a gap for exit %d", code)
	}
}

// TestTheRosterOfItsPage asks the roster that stands in the documentation what it
// says there, in both languages.
func TestTheRosterOfItsPage(t *testing.T) {
	for _, page := range []string{"../../docs/roster.md", "../../docs/zh/roster.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := make(map[string][]string)
		for _, b := range fences.FindAllStringSubmatch(string(text), -1) {
			blocks[b[1]] = append(blocks[b[1]], b[2])
		}
		site := dutyFiles(t, "zh")
		if err := os.WriteFile(filepath.Join(filepath.Dir(site), "roster.yaml"), []byte(blocks["yaml"][1]), 0o644); err != nil {
			t.Fatal(err)
		}
		command, want, _ := strings.Cut(blocks["console"][0], "\n")
		args := strings.Fields(strings.Replace(strings.TrimPrefix(command, "$ intact "), "site.yaml", site, 1))
		if stdout, stderr, code := call(t, args...); code != 0 || stdout != want {
			t.Errorf("%s: exit %d, %s\ngot\n%swant\n%s", page, code, stderr, stdout, want)
		}
	}
}
