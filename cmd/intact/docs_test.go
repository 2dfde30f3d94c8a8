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
