package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/configs/yaml"
)

func testCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test {FILE | FOLDER}...",
		Short: "Test rules without devices: play samples in simulated time and compare the alerts",
		Args:  between(1, -1, "name a test file, or a folder of them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var files []testedFile
			names, err := filesIn(args)
			if err != nil {
				return err
			}
			for _, name := range names {
				f, err := testFile(name)
				if err != nil {
					return err
				}
				files = append(files, f)
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(files); err != nil {
					return err
				}
			} else {
				printTests(cmd.OutOrStdout(), cmd.ErrOrStderr(), files)
			}
			return verdict(files)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the results as JSON on standard output")
	return cmd
}

// testedFile is what came of one test file. A file with mistakes is not played.
type testedFile struct {
	File     string         `json:"file"`
	Problems []yaml.Problem `json:"problems"`
	Warnings []yaml.Problem `json:"warnings"`
	Tests    []testResult   `json:"tests"`
}

type testResult struct {
	Name     string        `json:"name"`
	Failures []testFailure `json:"failures"`
}

// testFailure is an expectation that was not met, and where it is written.
type testFailure struct {
	yaml.Position
	At   string `json:"at"` // from the beginning of the test
	Rule string `json:"rule"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// filesIn returns names with the YAML files of each folder in its place.
func filesIn(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			all = append(all, name)
			continue
		}
		inside, err := filepath.Glob(filepath.Join(name, "*.yaml"))
		if err != nil || len(inside) == 0 {
			return nil, fmt.Errorf("%s holds no file named *.yaml", name)
		}
		all = append(all, inside...)
	}
	return all, nil
}

// testFile reads and plays one file. The error is of a file that cannot be read.
func testFile(name string) (testedFile, error) {
	t := testedFile{File: name, Problems: []yaml.Problem{}, Warnings: []yaml.Problem{}, Tests: []testResult{}}
	fsys, within := folderOf(name)
	tests, err := configs.LoadRuleTests(fsys, within)
	var faults *configs.Errors
	if errors.As(err, &faults) {
		t.Problems = faults.Problems
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Warnings = append(t.Warnings, tests.Warnings...)
	for _, r := range tests.Run() {
		result := testResult{Name: r.Name, Failures: []testFailure{}}
		for _, f := range r.Failures {
			result.Failures = append(result.Failures, testFailure{tests.At(f.Path), words(f.At), f.Rule, f.Want, f.Got})
		}
		t.Tests = append(t.Tests, result)
	}
	return t, nil
}

// folderOf returns the folder that a test file may refer to, and its name there:
// the working folder, so that tests may lie beside the rules they are about and
// messages name the file as it was called; else the file's own.
func folderOf(name string) (fs.FS, string) {
	if filepath.IsLocal(name) {
		return os.DirFS("."), filepath.ToSlash(filepath.Clean(name))
	}
	return os.DirFS(filepath.Dir(name)), filepath.Base(name)
}

// words writes a time as a test file does: 1m30s, and 5m instead of 5m0s.
func words(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%dmin", d/time.Minute)
	}
	return d.String()
}

// printTests writes results for people: mistakes of files to errs.
func printTests(out, errs io.Writer, files []testedFile) {
	for _, f := range files {
		for _, w := range f.Warnings {
			fmt.Fprintln(errs, "warning:", w)
		}
		for _, p := range f.Problems {
			fmt.Fprintln(errs, p)
		}
		failed := 0
		for _, t := range f.Tests {
			if len(t.Failures) == 0 {
				continue
			}
			failed++
			fmt.Fprintf(out, "FAIL %s: %s\n", f.File, t.Name)
			for _, x := range t.Failures {
				fmt.Fprintf(out, "  %s:%d:%d: at %s %s\n      want %s\n      got  %s\n", x.File, x.Line, x.Col, x.At, x.Rule, x.Want, x.Got)
			}
		}
		if len(f.Problems) == 0 && failed == 0 {
			fmt.Fprintf(out, "ok   %s: %s\n", f.File, count(len(f.Tests), "test", "tests"))
		}
	}
}

// verdict returns an error if anything is not as it should be.
func verdict(files []testedFile) error {
	var tests, failed, mistakes int
	for _, f := range files {
		mistakes += len(f.Problems)
		for _, t := range f.Tests {
			tests++
			if len(t.Failures) > 0 {
				failed++
			}
		}
	}
	var errs []error
	if mistakes > 0 {
		errs = append(errs, fmt.Errorf("%s in the test files", count(mistakes, "mistake", "mistakes")))
	}
	if failed > 0 {
		errs = append(errs, fmt.Errorf("%d of %d tests failed", failed, tests))
	}
	return errors.Join(errs...)
}
