package configs

import (
	"fmt"
	"io/fs"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
	"github.com/intact-gateway/intact/rules/ruletest"
)

// RuleTests are the tests of one file with the rules they are about.
type RuleTests struct {
	ruletest.File
	Site     *gateway.Site
	Packs    []rules.Pack
	Settings rules.Settings
	Warnings []yaml.Problem

	doc *yaml.Document
}

// ruleTestFile is a test file as it is written. The rules are named as in a site
// file, so that a site tests what it runs.
type ruleTestFile struct {
	Rules         Rules `yaml:"rules"`
	ruletest.File `yaml:",inline"`
}

// LoadRuleTests reads the test file called name in fsys with the rules it is
// about; the names of files in it are relative to it. The error is an *Errors
// unless the file cannot be opened.
func LoadRuleTests(fsys fs.FS, name string) (*RuleTests, error) {
	src, err := readAll(fsys, name)
	if err != nil {
		return nil, err
	}
	l := newLoader(fsys, name, Options{}) // on no day: an override in a test is always in force
	tests := l.ruleTests(src)
	if problems := l.problems(); len(problems) > 0 {
		return nil, &Errors{Problems: problems}
	}
	tests.Warnings = l.warnings
	return tests, nil
}

// ruleTests reads a test file. What it returns is complete only if there are no
// problems.
func (l *loader) ruleTests(src []byte) *RuleTests {
	docs := l.parse(l.name, src, yaml.Options{})
	if len(docs) == 0 {
		return nil
	}
	l.site = docs[0]
	var written ruleTestFile
	l.site.Decode(&written)
	written.File.Validate(l.site.Report)
	t := &RuleTests{File: written.File, doc: l.site}
	site, err := t.File.Site()
	if err != nil {
		l.site.Report("facilities", err.Error(), "")
		return t
	}
	t.Site = site
	for _, f := range t.Facilities {
		l.facilities[f.ID] = origin{l.site, "facilities." + string(f.ID)}
	}
	c := &Config{Site: site}
	l.addPacks(&written.Rules)
	l.compile(c, &written.Rules)
	t.Packs, t.Settings = c.Packs, c.Settings
	if len(l.problems()) == 0 {
		t.Check(t.compile().Instances(), l.site.Report)
	}
	return t
}

// compile makes an engine of rules that were found to be in order.
func (t *RuleTests) compile() *rules.Engine {
	return rules.Compile(t.Site, t.Packs, t.Settings, func(path, problem, _ string) {
		panic(fmt.Sprintf("rules that were in order are not any more: %s: %s", path, problem))
	})
}

// Run plays the tests and returns their results in the order of the file.
func (t *RuleTests) Run() []ruletest.Result { return ruletest.Run(&t.File, t.Site, t.compile) }

// Watch is Run with somebody who is shown what each test looks at.
func (t *RuleTests) Watch(watch func(ruletest.Look)) []ruletest.Result {
	return ruletest.Watch(&t.File, t.Site, t.compile, watch)
}

// At returns the place of what a result calls by path.
func (t *RuleTests) At(path string) yaml.Position { return t.doc.At(path) }
