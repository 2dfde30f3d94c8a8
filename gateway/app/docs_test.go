package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages returns every page of the documentation, READMEs included.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/zh/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func TestEveryLinkOfTheDocumentationLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)`)
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range link.FindAllSubmatch(text, -1) {
			to := string(l[1])
			if strings.Contains(to, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, to)
			}
		}
	}
}

// What is true in one language is to be found in the other, too.
func TestEveryPageIsInBothLanguages(t *testing.T) {
	list := func(dir string) (names []string) {
		found, err := filepath.Glob(dir + "/*.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names = append(names, filepath.Base(f))
		}
		return names
	}
	english, chinese := list("../../docs"), list("../../docs/zh")
	if !slices.Equal(english, chinese) {
		t.Errorf("in English %v\nin Chinese %v", english, chinese)
	}
	for _, name := range english {
		for page, twin := range map[string]string{"../../docs/" + name: "](zh/" + name + ")", "../../docs/zh/" + name: "](../" + name + ")"} {
			if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), twin) {
				t.Errorf("%s does not lead to its twin (%v)", page, err)
			}
		}
		for readme, to := range map[string]string{"../../README.md": "](docs/" + name + ")", "../../README.zh.md": "](docs/zh/" + name + ")"} {
			if text, err := os.ReadFile(readme); err != nil || !strings.Contains(string(text), to) {
				t.Errorf("%s does not lead to %s (%v)", readme, name, err)
			}
		}
	}
}
