package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// say calls the command with a line on standard input.
func say(t *testing.T, line string, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdin = strings.NewReader(line + "\n")
	out, _ := cmd.CombinedOutput() // the exit code says it
	return string(out), cmd.ProcessState.ExitCode()
}

func TestUsersAreKeptOnTheTerminal(t *testing.T) {
	const password = "copper kettle on the roof"
	data := t.TempDir()
	for _, step := range []struct {
		line string
		args []string
		code int
		want string
	}{
		{password, []string{"user", "add", "李强", "--role", "admin"}, 0, "李强 may log in as admin\n"},
		{password, []string{"user", "add", "李强"}, 1, "already"},
		{password, []string{"user", "add", "wang", "--role", "boss"}, 1, "viewer, technician, engineer or admin"},
		{"short", []string{"user", "add", "wang"}, 1, "too weak: fewer than 12 characters"},
		{password, []string{"user", "add", "wang"}, 0, "wang may log in as technician\n"},
		{password + "!", []string{"user", "passwd", "wang"}, 0, "wang has a new password and is logged out everywhere\n"},
		{"", []string{"user", "token", "grafana"}, 0, "intact_"},
		{"", []string{"user", "token", "cmms", "--scope", "everything"}, 1, "metrics, read or act"},
		{"", []string{"user", "list"}, 0, "token: read"},
		{"", []string{"user", "remove", "李强"}, 1, "last admin"},
		{"", []string{"user", "remove", "grafana"}, 0, "grafana has no access any more\n"},
		{"", []string{"user", "add"}, 2, "name the person"},
	} {
		args := append(step.args, "--data", data)
		if out, code := say(t, step.line, args...); code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("intact %v: exit %d, want %d with %q\n%s", step.args, code, step.code, step.want, out)
		}
	}
	out, code := say(t, "", "user", "list", "--json", "--data", data)
	if code != 0 || gjson.Get(out, "users.#").Int() != 2 || strings.Contains(out, "argon2") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if out, code := say(t, password, "user", "add", "li", "--data", filepath.Join(data, "other")); code != 1 || !strings.Contains(out, "there is no directory") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if _, err := os.Stat(filepath.Join(data, "other")); err == nil {
		t.Error("it made a directory")
	}
}
