package notify_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// startAlertmanager runs the real one and returns its address.
func startAlertmanager(t *testing.T) string {
	t.Helper()
	const binary = "/usr/bin/prometheus-alertmanager"
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: install prometheus-alertmanager", binary)
		}
		t.Skip("alertmanager is missing: apt-get install prometheus-alertmanager")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "--config.file", config, "--storage.path", dir, "--web.listen-address", address, "--cluster.listen-address", "")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("alertmanager does not become ready")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// firing returns the alerts that Alertmanager holds for active.
func firing(t *testing.T, url string) (list []string) {
	t.Helper()
	resp, err := http.Get(url + "/api/v2/alerts?active=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got []struct {
		Labels, Annotations map[string]string
		EndsAt              time.Time
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	for _, a := range got {
		if time.Until(a.EndsAt) < 24*time.Hour && a.Labels["alertname"] != "intact_test" {
			t.Errorf("%v would resolve by itself at %v", a.Labels, a.EndsAt)
		}
		list = append(list, fmt.Sprintf("%s %s %s: %s", a.Labels["facility"], a.Labels["alertname"], a.Labels["severity"], a.Annotations["summary"]))
	}
	slices.Sort(list)
	return list
}

func TestARealAlertmanagerFollowsAnAlert(t *testing.T) { followAnAlert(t, 0) }

// It keeps whichever end of an alert is later, as long as none of them has come:
// an end that is ahead of its clock would be lost, and the alert stay for a year.
func TestAnAlertEndsAlthoughOurClockIsFast(t *testing.T) { followAnAlert(t, 10*time.Minute) }

// followAnAlert tells a real Alertmanager the life of an alert by a clock that is
// fast.
func followAnAlert(t *testing.T, fast time.Duration) {
	t.Helper()
	url := startAlertmanager(t)
	am := open(t, notify.Receiver{Channel: notify.Channel{Alertmanager: &notify.Alertmanager{URL: url + "/"}}})
	began := gateway.InstantOf(time.Now().Add(fast))
	step := func(name string, kind alerts.EventKind, s rules.Severity, phase rules.Phase, want ...string) {
		t.Helper()
		a := low()
		a.Severity, a.Phase, a.Started = s, phase, began
		if err := am.Notify(t.Context(), noticeOf(t, alerts.Event{Kind: kind, At: gateway.InstantOf(time.Now().Add(fast)), Alert: a, By: "王工"}, nil)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, firing(t, url)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	step("raised", alerts.Raised, rules.Warning, rules.Active, "pump-1 outlet_low warning: 【一般】1号楼泵房 1号生活泵 出水压力低")
	step("worse", alerts.LevelChanged, rules.Critical, rules.Active, "pump-1 outlet_low critical: 【紧急】1号楼泵房 1号生活泵 出水压力低")
	step("acknowledged", alerts.Acknowledged, rules.Critical, rules.Active, "pump-1 outlet_low critical: 【已确认】1号楼泵房 1号生活泵 出水压力低")
	step("returned", alerts.Returned, rules.Critical, rules.Normal)
	step("acknowledged after it has returned", alerts.Acknowledged, rules.Critical, rules.Normal)
	step("raised again", alerts.Raised, rules.Critical, rules.Active, "pump-1 outlet_low critical: 【紧急】1号楼泵房 1号生活泵 出水压力低")
}

// TestTwoAlertsOfOneRuleAreTwoToAlertmanager: both sources of a facility are
// silent, and one of them answers again.
func TestTwoAlertsOfOneRuleAreTwoToAlertmanager(t *testing.T) {
	url := startAlertmanager(t)
	am := open(t, notify.Receiver{Channel: notify.Channel{Alertmanager: &notify.Alertmanager{URL: url}}})
	tell := func(id alerts.ID, point gateway.PointID, kind alerts.EventKind, phase rules.Phase) {
		t.Helper()
		at := gateway.InstantOf(time.Now())
		a := low()
		a.ID, a.Rule, a.Point, a.Phase, a.Started = id, alerts.CommLoss, point, phase, at
		if err := am.Notify(t.Context(), noticeOf(t, alerts.Event{Kind: kind, At: at, Alert: a}, nil)); err != nil {
			t.Fatal(err)
		}
	}
	tell(1, "pump-1/link", alerts.Raised, rules.Active)
	tell(2, "pump-1/link.2", alerts.Raised, rules.Active)
	if got := firing(t, url); len(got) != 2 {
		t.Errorf("while both are silent Alertmanager has %q", got)
	}
	tell(1, "pump-1/link", alerts.Returned, rules.Normal)
	if got := firing(t, url); len(got) != 1 {
		t.Errorf("while one is silent Alertmanager has %q", got)
	}
}

func TestATrialOfAnAlertmanager(t *testing.T) {
	url := startAlertmanager(t)
	for receiver, taken := range map[string]bool{url: true, url + "/elsewhere": false} {
		r := notify.Receiver{ID: "am", Channel: notify.Channel{Alertmanager: &notify.Alertmanager{URL: receiver}}}
		trials, err := notify.Try(t.Context(), r, notify.Options{Site: site(t)})
		if err != nil || len(trials) != 1 || trials[0].Taken() != taken || trials[0].Channel != "alertmanager" {
			t.Errorf("%s: %+v %v", receiver, trials, err)
		}
		if !taken && !strings.Contains(trials[0].Err.Error(), "Alertmanager answered 404 Not Found") {
			t.Errorf("%s: %v", receiver, trials[0].Err)
		}
	}
	if got := firing(t, url); len(got) != 1 || !strings.Contains(got[0], "intact_test info: 【演练】") {
		t.Errorf("got %v", got)
	}
}
