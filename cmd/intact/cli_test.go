package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// call runs the binary and returns what it said and its exit code.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs lockedBuffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestSecretsLieBesideTheSiteFile: the gateway is started from any folder, by
// systemd from the root.
func TestSecretsLieBesideTheSiteFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "site.yaml"), `site: {id: one, timezone: Asia/Shanghai, language: en}
include: [more/line.yaml]
influx: {url: "http://127.0.0.1:8086", org: o, bucket: b, token_file: token}
`)
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "more", "line.yaml"), `buses:
  mq: {mqtt: "mqtt://127.0.0.1:1883", client_id: one, username: gw, password_file: password}
facilities:
  - {id: meter, class: electric_meter, profile: eastron-sdm630, bus: plc, unit: 1}
`)
	for _, missing := range []string{"token", "more/password"} {
		name := filepath.Join(dir, missing)
		if _, errs, _ := call(t, "check", "--config", filepath.Join(dir, "site.yaml")); !strings.Contains(errs, "file "+name+" cannot be read") {
			t.Errorf("%s is looked for elsewhere: %s", name, errs)
		}
		write(t, name, "secret\n")
		if _, errs, _ := call(t, "check", "--config", filepath.Join(dir, "site.yaml")); strings.Contains(errs, "cannot be read") && strings.Contains(errs, name) {
			t.Errorf("%s is not found: %s", name, errs)
		}
	}
}

func TestExitCodesAndStreams(t *testing.T) {
	example := "../../configs/sites/example.yaml"
	twelve := "../../configs/testdata/twelve.yaml"
	lint := "../../configs/testdata/lint/site.yaml"
	one := filepath.Join(t.TempDir(), "one.yaml")
	write(t, one, "site: {id: one, timezone: Asia/Shanghai, language: zh}\n")
	empty := filepath.Join(t.TempDir(), "empty.csv")
	write(t, empty, "time,point,value\n")
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"a site in order", []string{"check", "--config", example}, 0, "is in order: 6 facilities, ", ""},
		{"a site without warnings", []string{"check", "--strict", "--config", example}, 0, "; no rule reads ", ""},
		{"a site with warnings", []string{"check", "--config", lint}, 0, "is in order", "warning: rules.yaml:14:14: rule no_dead_band"},
		{"warnings that count", []string{"check", "--strict", "--config", lint}, 1, "", "site.yaml: 10 warnings\n"},
		{"warnings that count, for a program", []string{"check", "--strict", "--json", "--config", lint}, 1, `"unread_points":`, "10 warnings"},
		{"a site with one mistake", []string{"check", "--config", one}, 1, "", ": 1 mistake\n"},
		{"a site with mistakes", []string{"check", "--config", twelve}, 1, "", "12 mistakes"},
		{"one mistake stops the gateway", []string{"run", "--config", one}, 1, "", ": 1 mistake\n"},
		{"mistakes for a program", []string{"check", "--json", "--config", twelve}, 1, `"line":`, ""},
		{"no such file", []string{"check", "--config", "testdata/nowhere.yaml"}, 1, "", "open testdata/nowhere.yaml"},
		{"a flag is missing", []string{"check"}, 2, "", "name the site file: --config site.yaml"},
		{"an unknown flag", []string{"run", "--confg", "x"}, 2, "", "unknown flag: --confg"},
		{"an unknown command", []string{"watch"}, 2, "", `there is no command "watch"`},
		{"a command with too much", []string{"version", "now"}, 2, "", `"now" is more than the command takes`},
		{"a site file without its flag", []string{"check", "site.yaml"}, 2, "", "named with --config site.yaml"},
		{"a slip in a command", []string{"chek"}, 2, "", "do you mean check?"},
		{"a slip in the name of a profile", []string{"profile", "test", "eastron-sdm63"}, 1, "", `did you mean "eastron-sdm630"?`},
		{"a profile that ships", []string{"profile", "test", "tuf-2000m"}, 0, "pass  tuf-2000m", ""},
		{"a folder of tests", []string{"test", "../../configs/rules/tests"}, 0, "ok   ../../configs/rules/tests/pump.yaml", ""},
		{"a folder without tests", []string{"test", "testdata/profiles/.."}, 1, "", "holds no file named *.yaml"},
		{"a recording without a sample", []string{"replay", "--config", example, empty}, 1, "", "holds no sample"},
		{"the version as a flag", []string{"--version"}, 0, "intact ", ""},
		{"no command", nil, 0, "Available Commands", ""},
		{"the version", []string{"version"}, 0, "intact ", ""},
		{"a page for everybody that nobody asked for", []string{"demo", "--listen", "0.0.0.0:0"}, 1, "", "can be reached by others"},
		{"a simulation that is none", []string{"simulate", twelve}, 1, "", "twelve.yaml:"},
		{"the samples of the profiles that ship", []string{"profile", "test"}, 0, "pass  eastron-sdm630", ""},
		{"samples of files, for a program", []string{"profile", "test", "--json", "../../configs/profiles/tuf-2000m.yaml"}, 0, `"passed":true`, ""},
		{"a sample that does not come out", []string{"profile", "test", "testdata/profiles/wrong.yaml"}, 1, "volts: 230, want 231", "1 of 2 samples do not come out"},
		{"a profile with a mistake", []string{"profile", "test", "../../configs/testdata/profiles/meter.bad.yaml"}, 1, "", "meter.bad.yaml:4:8:"},
		{"a profile that is not there", []string{"profile", "test", "nowhere.yaml"}, 1, "", "nowhere.yaml"},
		{"a register table", []string{"profile", "import", "../../drivers/testdata/meter-zh.csv", "--class", "electric_meter"}, 0, "profile: meter-zh", "7 points, 9 things to look at"},
		{"a register table that is none", []string{"profile", "import", twelve}, 1, "", "twelve.yaml: no line names the columns"},
		{"a journal that is not there", []string{"journal", "verify", "--data", "testdata"}, 1, "", "testdata holds no database"},
		{"a month that is none", []string{"report", "--config", twelve, "--month", "November"}, 2, "", "write it as 2026-11"},
		{"a report in no form", []string{"report", "--config", twelve, "--format", "pdf"}, 2, "", "html, csv or json"},
		{"no journal", []string{"journal", "verify"}, 2, "", "say which journal"},
		{"an unknown part of a command", []string{"profile", "guess"}, 2, "", `there is no command "guess"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := call(t, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, stdout, stderr)
			}
			if tt.stdout == "" && stdout != "" {
				t.Errorf("errors on standard output: %s", stdout)
			}
		})
	}
}

// TestRunTellsWarnings starts a gateway with a line that nobody reads.
func TestRunTellsWarnings(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "site.yaml")
	write(t, config, `
site: {id: idle, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {plc: {tcp: "127.0.0.1:1"}, idle: {tcp: "127.0.0.1:2"}}
facilities: [{id: lift-1, profile: generic-lift-io, bus: plc, unit: 1}]
`)
	gw := startGateway(t, config, filepath.Join(dir, "data"))
	if want := "nothing is read through bus idle"; !strings.Contains(gw.log.String(), want) {
		t.Errorf("no %q in:\n%s", want, gw.log)
	}
	gw.stop(t)
}

// TestTwelveMistakes holds the binary to a message with a place and a hint for
// each of twelve mistakes.
func TestTwelveMistakes(t *testing.T) {
	out, _, code := call(t, "check", "--json", "--config", "../../configs/testdata/twelve.yaml")
	var report struct {
		Problems []struct {
			File, Message, Hint string
			Line, Col           int
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) != 12 || code != 1 {
		t.Errorf("%d problems, exit %d", len(report.Problems), code)
	}
	for _, p := range report.Problems {
		if p.File == "" || p.Line == 0 || p.Col == 0 || p.Message == "" || p.Hint == "" {
			t.Errorf("incomplete: %+v", p)
		}
	}
}

// TestDemo runs the demo until its first fault has become an alert and a ticket.
func TestDemo(t *testing.T) {
	var out lockedBuffer
	cmd := exec.Command(binary, "demo", "--listen", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the demo said:\n%s", &out)
		}
	})
	waitFor(t, "a ticket", func() bool { return regexp.MustCompile(`ticket +new +WX\d{8}-0001`).MatchString(out.String()) })
	url := regexp.MustCompile(`open +(http://\S+/)`).FindStringSubmatch(out.String())
	if url == nil || !strings.Contains(get(url[1]), "湖畔花园") {
		t.Errorf("no page at %v", url)
	}
	demo := &gateway{t: t, url: strings.TrimSuffix(url[1], "/")}
	waitFor(t, "the state of every facility", func() bool {
		facilities := demo.items("facilities?limit=500")
		return len(facilities) > 0 && !slices.ContainsFunc(facilities, func(f map[string]any) bool { return f["state"] == "unknown" })
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ended it with %v", err)
	}
	if left, _ := filepath.Glob(cmd.Env[len(cmd.Env)-1][len("TMPDIR="):] + "/*"); len(left) != 0 {
		t.Errorf("it left %v behind", left)
	}
}
