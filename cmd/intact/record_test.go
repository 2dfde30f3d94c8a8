package main_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheRecordOnTheCommandLine reads the journal beside the gateway that writes
// it, after it was killed, and from the file that went to the auditor; and the
// report of the month.
func TestTheRecordOnTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	config, data, file := filepath.Join(dir, "site.yaml"), filepath.Join(dir, "data"), filepath.Join(dir, "journal.ndjson")
	write(t, config, `
site: {id: idle, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {plc: {tcp: "127.0.0.1:1"}}
facilities: [{id: lift-1, profile: generic-lift-io, bus: plc, unit: 1}]
`)
	gw := startGateway(t, config, data)
	waitFor(t, "the journal to begin", func() bool { return strings.Contains(get(gw.url+"/api/v1/journal"), "gateway.started") })
	gw.post(t, "tickets", `{"facility":"lift-1","by":"=1+1","text":"the door does not close"}`, http.StatusOK)
	proves := func(args ...string) {
		t.Helper()
		if stdout, stderr, code := call(t, append([]string{"journal", "verify"}, args...)...); code != 0 || !strings.Contains(stdout, "rows 1 to ") {
			t.Errorf("exit %d\n%s%s", code, stdout, stderr)
		}
	}
	proves("--data", data)
	gw.kill(t)
	proves("--data", data)

	lines, stderr, code := call(t, "journal", "export", "--data", data)
	if code != 0 || !strings.HasPrefix(lines, `{"seq":1,`) {
		t.Fatalf("export: exit %d\n%s%s", code, lines, stderr)
	}
	write(t, file, lines)
	proves(file)
	write(t, file, strings.Replace(lines, "gateway.started", "gateway.stopped", 1))
	if _, stderr, code := call(t, "journal", "verify", file); code != 1 || !strings.Contains(stderr, "the journal was altered: row 1: its hash does not fit") {
		t.Errorf("an altered file: exit %d, %s", code, stderr)
	}
	table, _, code := call(t, "journal", "export", "--csv", "--data", data)
	if code != 0 || !strings.HasPrefix(table, "\ufeffseq,at,kind,facility,by,body,gateway,hash\r\n1,") {
		t.Errorf("a table: exit %d\n%s", code, table)
	}
	if !strings.Contains(table, ",lift-1,'=1+1,") {
		t.Errorf("what a person typed is a formula:\n%s", table)
	}
	report, stderr, code := call(t, "report", "--config", config, "--data", data, "--format", "json")
	if code != 0 || !strings.Contains(report, `"ticket":"WX`) || !strings.Contains(report, `"by_facility":[{"key":"lift-1"`) {
		t.Errorf("the report of the month: exit %d\n%s%s", code, report, stderr)
	}
	before, err := os.ReadFile(filepath.Join(data, "intact.db"))
	if err != nil {
		t.Fatal(err)
	}
	proves("--data", data)
	if after, err := os.ReadFile(filepath.Join(data, "intact.db")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("reading has changed the database, %v", err)
	}
}
