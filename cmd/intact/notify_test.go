package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAReceiverIsTriedFromTheCommandLine(t *testing.T) {
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("key") == "good-key" {
			io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
			return
		}
		io.WriteString(w, `{"errcode":93000,"errmsg":"invalid webhook url"}`)
	}))
	defer vendor.Close()
	dir := t.TempDir()
	for _, key := range []string{"good-key", "old-s3cret-key"} {
		if err := os.WriteFile(filepath.Join(dir, key), []byte(vendor.URL+"/cgi-bin/webhook/send?key="+key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "site.yaml")
	example, err := os.ReadFile("../../configs/sites/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	site, _, _ := strings.Cut(string(example), "  receivers:")
	write(t, config, site+"  receivers:\n    - {id: good, wecom: {url_file: "+dir+"/good-key}}\n    - {id: old, wecom: {url_file: "+dir+"/old-s3cret-key}}\n")
	for _, tt := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"good"}, 0, "ok    good wecom: taken after ", ""},
		{nil, 1, "FAIL  old wecom: not taken\n      WeCom answered with code 93000: invalid webhook url\n      地址不对", "1 of 2 channels did not take the message"},
		{[]string{"--json", "old"}, 1, `{"receiver":"old","channel":"wecom","taken":false,`, "1 of 1 channels"},
		{[]string{"nobody"}, 1, "", `there is no receiver "nobody" (one of good, old)`},
	} {
		stdout, stderr, code := call(t, append([]string{"notify", "test", "--config", config}, tt.args...)...)
		if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) || strings.Contains(stdout+stderr, "s3cret") {
			t.Errorf("%v: exit %d\n%s%s", tt.args, code, stdout, stderr)
		}
	}
	if _, stderr, code := call(t, "notify", "test"); code != 2 || !strings.Contains(stderr, "name the site file") {
		t.Errorf("without a site file: exit %d, %s", code, stderr)
	}
}
