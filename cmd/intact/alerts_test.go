package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// console is a gateway with two open alerts as its API tells them. The second one
// is acknowledged already.
func console(t *testing.T) (url string, acts *[]string) {
	t.Helper()
	const low = `{"id":17,"facility":"booster","title":{"zh":"出水压力低","en":"Outlet pressure low"},"severity":"critical","shown_as":"unacknowledged","value":0.31,"limit":0.4,"unit":"MPa","started":"2026-03-10T09:12:00+08:00"}`
	const loss = `{"id":3,"facility":"meter","title":{"zh":"通讯中断","en":"Communication lost"},"severity":"warning","shown_as":"acknowledged","acked_by":"王强","value":0,"limit":null,"unit":"","started":"2026-03-10T08:00:00+08:00"}`
	acts = new([]string)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/alerts", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"items":[%s,%s],"next":null}`, loss, low)
	})
	mux.HandleFunc("GET /api/v1/facilities", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"id":"booster","name":{"zh":"生活泵组","en":"Booster set"}},{"id":"meter","name":{"zh":"电表","en":"Meter"}}],"next":null}`)
	})
	mux.HandleFunc("POST /api/v1/alerts/{id}/{act}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*acts = append(*acts, r.PathValue("id")+" "+r.PathValue("act")+" "+string(body))
		if r.PathValue("id") == "3" {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"detail":"the alert is acknowledged already","hint":"GET it to see by whom"}`)
			return
		}
		_, _ = io.WriteString(w, strings.Replace(low, `"unacknowledged"`, `"acknowledged","acked_by":"李敏"`, 1))
	})
	mux.HandleFunc("GET /api/v1/stream", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data: {\"full\":true,\"alerts\":[%s]}\n\n: beat\n\ndata: {\"full\":false,\"alerts_closed\":[17]}\n\n", low)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, acts
}

func TestAlertsOnATerminal(t *testing.T) {
	url, acts := console(t)
	for _, tt := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"list --lang zh", 0, "#17  紧急  未确认  生活泵组  出水压力低  0.31 / 0.4 MPa  03-10 09:12:00\n" +
			"#3   一般  已确认  电表      通讯中断                    03-10 08:00:00  王强\n", ""},
		{"list --lang en", 0, "#17  CRITICAL  unacknowledged  Booster set  Outlet pressure low  0.31 / 0.4 MPa  03-10 09:12:00\n" +
			"#3   warning   acknowledged    Meter        Communication lost                   03-10 08:00:00  王强\n", ""},
		{"ack 3 17 --by 李敏 --lang zh", 1, "#17  紧急  已确认  生活泵组  出水压力低  0.31 / 0.4 MPa  03-10 09:12:00  李敏\n", "alert 3: the alert is acknowledged already"},
		{"ack seventeen --by 李敏", 1, "", `"seventeen" is no number of an alert`},
		{"ack 17", 2, "", "say who acts: --by NAME"},
		{"shelve 3 --by 李敏 --reason ordered --for 4h", 1, "", "acknowledged already"},
	} {
		stdout, stderr, code := call(t, append(append([]string{"alerts"}, strings.Fields(tt.args)...), "--url", url)...)
		if code != tt.code || stdout != tt.stdout || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: exit %d, %s\ngot\n%swant\n%s", tt.args, code, stderr, stdout, tt.stdout)
		}
	}
	want := []string{
		`3 ack {"by":"李敏","note":""}`, `17 ack {"by":"李敏","note":""}`, `3 shelve {"by":"李敏","for":14400,"reason":"ordered","second":""}`,
	}
	if got := strings.Join(*acts, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the gateway was asked\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if stdout, _, code := call(t, "alerts", "list", "--json", "--url", url); code != 0 || strings.Count(stdout, "\n") != 2 || !strings.HasPrefix(stdout, `{"id":3,`) {
		t.Errorf("as JSON: exit %d\n%s", code, stdout)
	}
	if _, stderr, code := call(t, "alerts", "watch", "--url", "http://127.0.0.1:1"); code != 1 || !strings.Contains(stderr, "connection refused") {
		t.Errorf("watching nothing: exit %d, %s", code, stderr)
	}
}

func TestWatchPrintsEveryChange(t *testing.T) {
	url, _ := console(t)
	cmd := exec.CommandContext(t.Context(), binary, "alerts", "watch", "--lang", "zh", "--url", url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"#17  紧急  未确认  生活泵组", "#17  已关闭"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Errorf("it prints %q, want %q", lines.Text(), want)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
