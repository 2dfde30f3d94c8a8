package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fences are the blocks of code in a page, with the language they are marked as.
var fences = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// TestTheWalkThroughOfTheProfilesPage does what docs/profiles.md tells a new user
// to do, with the files and commands that stand there, in both languages.
func TestTheWalkThroughOfTheProfilesPage(t *testing.T) {
	for _, page := range []string{"../../docs/profiles.md", "../../docs/zh/profiles.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := make(map[string][]string)
		for _, b := range fences.FindAllStringSubmatch(string(text), -1) {
			blocks[b[1]] = append(blocks[b[1]], b[2])
		}
		dir := t.TempDir()
		write := func(name, text string) string {
			t.Helper()
			name = filepath.Join(dir, name)
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			return name
		}

		table := write("pm1.csv", blocks["csv"][0])
		_, command, _ := strings.Cut(blocks["sh"][0], "intact ")
		args, _, _ := strings.Cut(command, " >")
		args = strings.Replace(args, "pm1.csv", table, 1)
		draft, stderr, code := call(t, strings.Fields(args)...)
		if code != 0 || !strings.Contains(draft, "Energy: taken as a counter") || !strings.Contains(draft, "Serial number is text") {
			t.Errorf("%s: intact %s: exit %d\n%s%s", page, args, code, draft, stderr)
		}
		if stdout, stderr, code := call(t, "profile", "test", write("draft.yaml", draft)); code != 0 {
			t.Errorf("%s: the draft: %s%s", page, stdout, stderr)
		}

		profile := write("acme-pump-1.yaml", blocks["yaml"][0])
		_, want, _ := strings.Cut(blocks["console"][1], "\n")
		if stdout, stderr, code := call(t, "profile", "test", profile); code != 0 || stdout != want {
			t.Errorf("%s: exit %d, %s\ngot\n%swant\n%s", page, code, stderr, stdout, want)
		}

		site := "site: {id: s, timezone: UTC}\n" + strings.Replace(blocks["yaml"][1], "profiles/*.yaml", "acme-pump-1.yaml, variant.yaml", 1)
		write("variant.yaml", blocks["yaml"][3])
		_, ours, _ := strings.Cut(blocks["yaml"][4], "facilities:\n")
		site += ours + "  - {id: panel, profile: our-fire-panel, bus: plc, unit: 9}\n"
		site = strings.Replace(site, "id: meter-main, profile: acrel-adw300, bus: plc, unit: 1", "id: meter-main, profile: acrel-adw300, bus: plc, unit: 2", 1)
		if stdout, stderr, code := call(t, "check", "--config", write("site.yaml", site)); code != 0 {
			t.Errorf("%s: %s%s", page, stdout, stderr)
		}
	}
}

// TestTheWalkThroughOfTheRulesPage does what docs/rules.md tells a new user to do
// about a chiller, in both languages: every file and every command as printed.
func TestTheWalkThroughOfTheRulesPage(t *testing.T) {
	for _, page := range []string{"../../docs/rules.md", "../../docs/zh/rules.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(filepath.Dir(page)), func(t *testing.T) {
			walkRules(t, string(text))
		})
	}
}

func walkRules(t *testing.T, text string) {
	_, section, found := strings.Cut(text, "**1. ")
	if !found {
		t.Fatal("the page has no walk-through")
	}
	blocks := make(map[string][]string)
	for _, b := range fences.FindAllStringSubmatch(section, -1) {
		blocks[b[1]] = append(blocks[b[1]], b[2])
	}
	t.Chdir(t.TempDir())
	for i, name := range []string{"site.yaml", "profiles/chiller.yaml", "rules/chiller.yaml", "tests/chiller.yaml"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, name, blocks["yaml"][i])
	}
	write(t, "week.csv", blocks["csv"][0])
	for _, console := range blocks["console"][:3] {
		asPrinted(t, console)
	}
	rule := blocks["yaml"][2]
	write(t, "old.yaml", rule)
	mended := regexp.MustCompile("(?m)^      warning: .*\n").ReplaceAllLiteralString(rule, blocks["yaml"][4])
	write(t, "rules/chiller.yaml", mended)
	asPrinted(t, blocks["console"][1])
	asPrinted(t, blocks["console"][3])
}

// asPrinted runs the command in the first line of a block and holds what it says
// against the rest. Blanks at the end of lines are not printed on the page.
func asPrinted(t *testing.T, console string) {
	t.Helper()
	command, want, _ := strings.Cut(strings.TrimPrefix(console, "$ intact "), "\n")
	stdout, stderr, _ := call(t, strings.Fields(command)...)
	got := regexp.MustCompile(`(?m) +$`).ReplaceAllString(stderr+stdout, "")
	if got != want {
		t.Errorf("intact %s\ngot\n%s\nwant\n%s", command, got, want)
	}
}
