package app

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/intact-gateway/intact/configs"
)

// A gateway that others can reach lets nobody in before there is a user, and
// prints the code for the first one; on loopback it is open until then.
func TestOnlyLoopbackIsOpenWithoutUsers(t *testing.T) {
	const site = "site: {id: s, timezone: UTC}\nhttp: {open: true}\nbuses: {plc: {tcp: \"127.0.0.1:9\"}}\n" +
		"facilities: [{id: meter, profile: eastron-sdm630, bus: plc, unit: 1}]\n"
	for listen, status := range map[string]int{"127.0.0.1:0": http.StatusOK, "0.0.0.0:0": http.StatusUnauthorized} {
		var log bytes.Buffer
		c, err := configs.Load(fstest.MapFS{"site.yaml": {Data: []byte(site)}}, "site.yaml", configs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(Options{Config: c, Data: t.TempDir(), Listen: listen, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		(*a.page.Load()).ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/facilities", nil))
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if w.Code != status || strings.Contains(log.String(), "code=") == (status == http.StatusOK) {
			t.Errorf("on %s: %d\n%s", listen, w.Code, log.String())
		}
	}
}
