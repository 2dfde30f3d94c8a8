package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// reloadFile is a site on a line where nobody answers, with as many meters as
// are written.
const reloadFile = `
site: {id: lakeside, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {plc: {tcp: "127.0.0.1:%d"}}
facilities:
%s`

func meters(names ...string) (lines string) {
	for i, name := range names {
		lines += fmt.Sprintf("  - {id: %s, profile: eastron-sdm630, bus: plc, unit: %d, every: 1s}\n", name, i+1)
	}
	return lines
}

// TestSIGHUPLoadsTheSiteFileAgain: a bad file is told and changes nothing, a good
// one takes over, and the alert that is open goes on under its number.
func TestSIGHUPLoadsTheSiteFileAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, port := filepath.Join(dir, "site.yaml"), freePort(t)
	write(t, config, fmt.Sprintf(reloadFile, port, meters("meter-1")))
	gw := startGateway(t, config, filepath.Join(dir, "data"))
	waitFor(t, "the alert of the line", func() bool { return gw.alert("bus-plc", "comm_loss") != nil })
	before := gw.alert("bus-plc", "comm_loss")
	hangup := func() {
		t.Helper()
		if err := gw.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	counted := func(result string) bool {
		return strings.Contains(get(gw.url+"/metrics"), fmt.Sprintf("intact_reload_total{result=%q} 1\n", result))
	}

	write(t, config, fmt.Sprintf(reloadFile, port, meters("meter-1", "Meter 2")))
	hangup()
	waitFor(t, "the bad file to be refused", func() bool { return counted("refused") })
	if log := gw.log.String(); !strings.Contains(log, `site.yaml:7:10: \"Meter 2\" cannot be the id of a facility`) {
		t.Error("the log does not say what is wrong")
	}
	if gw.state("meter-1") == "" {
		t.Error("the meter is gone")
	}

	write(t, config, fmt.Sprintf(reloadFile, port, meters("meter-1", "meter-2")))
	hangup()
	waitFor(t, "the good file to take over", func() bool { return counted("ok") })
	if gw.state("meter-2") == "" {
		t.Error("the new meter is not watched")
	}
	if now := gw.alert("bus-plc", "comm_loss"); now == nil || now["id"] != before["id"] || now["started"] != before["started"] {
		t.Errorf("the alert was %v, is %v", before, now)
	}
	gw.stop(t)
}
