package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/intact-gateway/intact/configs"
)

// TestASpoolThatCannotBeWrittenIsSaid has a file where the spool should be.
func TestASpoolThatCannotBeWrittenIsSaid(t *testing.T) {
	site := stopSite + `influx: {url: "http://127.0.0.1:1", bucket: b}` + "\n"
	c, err := configs.Load(fstest.MapFS{"site.yaml": {Data: []byte(site)}}, "site.yaml", configs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, influxSpool), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuse := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") }
	a, err := New(Options{Config: c, Data: dir, Dial: refuse, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	said := func(line string) bool { return strings.HasPrefix(line, "influx spool: ") }
	for s := a.Snapshot(); !slices.ContainsFunc(s.Degraded, said); s = a.Snapshot() {
		select {
		case <-a.Changed(s):
		case <-t.Context().Done():
			t.Fatalf("degraded: %v", s.Degraded)
		}
	}
	if err := a.running.Load().alive(); err != nil {
		t.Errorf("the gateway counts as dead though its alarms go on: %v", err)
	}
}
