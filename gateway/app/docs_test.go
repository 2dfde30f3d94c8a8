package app_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/simulators"
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

// example returns the first YAML example of a page that begins with start.
func example(t *testing.T, page, start string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```yaml\n"+start)
	block, _, closed := strings.Cut(block, "\n```")
	if !found || !closed {
		t.Fatalf("%s has no example that begins with %q", page, start)
	}
	return []byte(start + block)
}

// The examples of the documentation can be copied as they stand.
func TestTheExamplesOfTheDocumentationWork(t *testing.T) {
	for _, language := range []string{"", "zh/"} {
		t.Run("site file "+language, func(t *testing.T) {
			secrets := t.TempDir()
			for _, name := range []string{"mq", "desk.secret", "influx"} {
				if err := os.WriteFile(filepath.Join(secrets, name), []byte("secret"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			site := strings.ReplaceAll(string(example(t, language+"site-file.md", "site:")), "/etc/intact", secrets)
			load(t, fstest.MapFS{"site.yaml": {Data: []byte(site)}})
		})
		t.Run("profile and rule "+language, func(t *testing.T) {
			load(t, fstest.MapFS{
				"profile.yaml": {Data: example(t, language+"profiles.md", "profile:")},
				"rule.yaml":    {Data: example(t, language+"rules.md", "class:")},
				"site.yaml": {Data: []byte(`
site: {id: own, timezone: Asia/Shanghai, language: zh}
buses: {plc: {tcp: "192.0.2.1:502"}}
facilities: [{id: pump-1, profile: acme-pump-1, bus: plc, unit: 1}]
profiles: [profile.yaml]
rules: {files: [rule.yaml]}
`)},
			})
		})
		t.Run("simulation "+language, func(t *testing.T) {
			var plan simulators.Plan
			if err := configs.Decode(fstest.MapFS{"sim.yaml": {Data: example(t, language+"simulate.md", "seed:")}}, "sim.yaml", &plan); err != nil {
				t.Fatal(err)
			}
			profiles, err := configs.Profiles()
			if err != nil {
				t.Fatal(err)
			}
			s, err := simulators.New(plan, profiles, simulators.Options{Listen: func(network, _ string) (net.Listener, error) {
				return net.Listen(network, "127.0.0.1:0") // the ports of the example may be taken here
			}})
			if err != nil {
				t.Fatal(err)
			}
			over, end := context.WithCancel(t.Context())
			end()
			if err := s.Run(over); err != nil { // closes what New has opened
				t.Error(err)
			}
		})
	}
}

func load(t *testing.T, files fstest.MapFS) {
	t.Helper()
	if _, err := configs.Load(files, "site.yaml", configs.Options{}); err != nil {
		t.Error(err)
	}
}
