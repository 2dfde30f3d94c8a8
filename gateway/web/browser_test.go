package web_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/intact-gateway/intact/gateway/pipeline"
)

// newPhone opens a browser the size of a phone, or skips the test where there
// is none.
func newPhone(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is missing: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, closeBrowser := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(closeBrowser)
	// The protocol of a new browser has events that chromedp does not know.
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// stop closes a server whose live stream a browser still holds.
func stop(s *httptest.Server) {
	s.CloseClientConnections()
	s.Close()
}

func TestAlertIsAcknowledgedOnAPhone(t *testing.T) {
	ctx := newPhone(t)
	g := newGateway(t)
	server := httptest.NewServer(g)
	t.Cleanup(func() { stop(server) })

	var width int
	var acked, notice string
	err := chromedp.Run(ctx,
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		chromedp.Navigate(server.URL+"/?lang=en"),
		chromedp.Evaluate(`document.documentElement.scrollWidth`, &width),
		chromedp.Click(`#a-3 form[action$="/ack"] button`, chromedp.ByQuery),
		chromedp.WaitVisible(`#ask-name`, chromedp.ByQuery),
		chromedp.SendKeys(`#ask-name`, "Li", chromedp.ByQuery),
		chromedp.Click(`#ask button.primary`, chromedp.ByQuery),
		chromedp.WaitVisible(`#a-3 .acked`, chromedp.ByQuery),
		chromedp.Text(`#a-3 .acked`, &acked, chromedp.ByQuery),
		chromedp.Text(`#notice`, &notice, chromedp.ByQuery, chromedp.NodeReady),
	)
	if err != nil {
		t.Fatal(err)
	}
	if acked != "Acknowledged · Li" || notice != "" {
		t.Errorf("the page shows %q, notice %q", acked, notice)
	}
	if a := g.Snapshot().Alerts[0]; !a.Acked || a.AckedBy != "Li" {
		t.Errorf("alert acknowledged %v by %q", a.Acked, a.AckedBy)
	}
	if width > 390 {
		t.Errorf("the page is %d px wide on a phone of 390", width)
	}

	// The name is known now: the ticket moves at one touch.
	var state string
	if err := chromedp.Run(ctx,
		chromedp.Click(`#t-5 form.move[action$="/accept"] button`, chromedp.ByQuery),
		chromedp.WaitVisible(`#t-5 form.move[action$="/arrive"]`, chromedp.ByQuery),
		chromedp.Text(`#t-5 .state`, &state, chromedp.ByQuery),
	); err != nil {
		t.Fatal(err)
	}
	if state != "Accepted" || len(g.moves) != 1 || g.moves[0].By != "Li" {
		t.Errorf("ticket is %q after %+v", state, g.moves)
	}
}

func TestAlertIsShelvedOnAPhone(t *testing.T) {
	ctx := newPhone(t)
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) { s.Alerts[0].Facility = "lift-1" }) // two persons
	server := httptest.NewServer(g)
	t.Cleanup(func() { stop(server) })

	var width int
	var mark string
	err := chromedp.Run(ctx,
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		chromedp.Navigate(server.URL+"/?lang=en"),
		chromedp.Click(`#a-3 details.shelf summary`, chromedp.ByQuery),
		chromedp.SendKeys(`#a-3 input[name="reason"]`, "belt on order", chromedp.ByQuery),
		chromedp.SendKeys(`#a-3 input[name="second"]`, "Zhao", chromedp.ByQuery),
		chromedp.Evaluate(`document.documentElement.scrollWidth`, &width),
		chromedp.Click(`#a-3 form[action$="/shelve"] button`, chromedp.ByQuery),
		chromedp.SendKeys(`#ask-name`, "Li", chromedp.ByQuery),
		chromedp.Click(`#ask button.primary`, chromedp.ByQuery),
		chromedp.WaitVisible(`#a-3 form[action$="/unshelve"]`, chromedp.ByQuery),
		chromedp.Text(`#a-3 .tag.shelf`, &mark, chromedp.ByQuery),
	)
	if err != nil {
		t.Fatal(err)
	}
	if mark != "Shelved until 13:00 · Li, Zhao: belt on order" {
		t.Errorf("the page shows %q", mark)
	}
	if width > 390 {
		t.Errorf("the page is %d px wide on a phone of 390", width)
	}
}

func TestPageFollowsTheGatewayAndSaysWhenItIsLost(t *testing.T) {
	ctx := newPhone(t)
	g := newGateway(t)
	server := httptest.NewServer(g)
	t.Cleanup(func() { stop(server) })

	var value, table, lost string
	err := chromedp.Run(ctx,
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		chromedp.Navigate(server.URL+"/?lang=en"),
		chromedp.WaitNotPresent(`#lost:not([hidden])`, chromedp.ByQuery),
		chromedp.Click(`#s-lift-1`, chromedp.ByQuery),
		chromedp.WaitVisible(`#f-lift-1 .points table`, chromedp.ByQuery),
		chromedp.Text(`#f-lift-1 .points tbody`, &table, chromedp.ByQuery),
		chromedp.ActionFunc(func(context.Context) error {
			g.publish(func(s *pipeline.Snapshot) {
				s.Values[0].Value, s.Values[0].At, s.At = 8, noon+1000, noon+1000
				s.Alerts = nil
			})
			return nil
		}),
		chromedp.WaitVisible(`#alerts-none`, chromedp.ByQuery),
		chromedp.Text(`#f-lift-1 .points [data-point="lift-1/floor"]`, &value, chromedp.ByQuery),
		// Half a minute passes on the phone without a word from the gateway.
		chromedp.Evaluate(`{ const real = Date.now; Date.now = () => real() + 30000; }`, nil),
		chromedp.WaitVisible(`#lost`, chromedp.ByQuery),
		chromedp.Text(`#lost`, &lost, chromedp.ByQuery),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table, "Floor") || value != "8" {
		t.Errorf("table %q, floor %q, want 8", table, value)
	}
	if !strings.Contains(lost, "out of date") || !strings.HasSuffix(strings.TrimSpace(lost), " s") {
		t.Errorf("the loss is told as %q", lost)
	}
}

func TestPageSaysWhenTheGatewayAnswersWithOldData(t *testing.T) {
	ctx := newPhone(t)
	g := newGateway(t)
	g.publish(func(s *pipeline.Snapshot) { s.Made = made.Add(-75 * time.Second) })
	server := httptest.NewServer(g)
	t.Cleanup(func() { stop(server) })

	var lost string
	err := chromedp.Run(ctx,
		chromedp.Navigate(server.URL+"/?lang=en"),
		// Long enough for the first event of the stream, which is just as old.
		chromedp.Poll(`document.getElementById("lost-age").textContent !== "1 min 15 s"`, nil),
		chromedp.Text(`#lost`, &lost, chromedp.ByQuery, chromedp.NodeVisible),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(lost, "stands still") || !strings.Contains(lost, "1 min") {
		t.Errorf("the standstill is told as %q", lost)
	}
}

func TestAPersonLogsInOnAPhoneAndOnADesk(t *testing.T) {
	for _, screen := range []struct {
		width, height int64
		options       []chromedp.EmulateViewportOption
	}{{390, 844, []chromedp.EmulateViewportOption{chromedp.EmulateMobile}}, {1440, 900, nil}} {
		ctx := newPhone(t)
		g := newGuarded(t)
		server := httptest.NewServer(g)
		t.Cleanup(func() { stop(server) })

		var width, field int64
		var acked string
		err := chromedp.Run(ctx,
			chromedp.EmulateViewport(screen.width, screen.height, screen.options...),
			chromedp.Navigate(server.URL+"/?lang=en"),
			chromedp.WaitVisible(`form[action="/login"]`, chromedp.ByQuery),
			chromedp.Evaluate(`document.documentElement.scrollWidth`, &width),
			chromedp.Evaluate(`document.querySelector("[name=password]").offsetWidth`, &field),
			chromedp.SendKeys(`[name="name"]`, "technician", chromedp.ByQuery),
			chromedp.SendKeys(`[name="password"]`, password+"!", chromedp.ByQuery),
			chromedp.Click(`form[action="/login"] button`, chromedp.ByQuery),
			chromedp.Click(`#a-3 form[action$="/ack"] button`, chromedp.ByQuery), // no question for a name
			chromedp.WaitVisible(`#a-3 .acked`, chromedp.ByQuery),
			chromedp.Text(`#a-3 .acked`, &acked, chromedp.ByQuery),
			chromedp.Click(`.who summary`, chromedp.ByQuery),
			chromedp.Click(`form[action="/logout"] button`, chromedp.ByQuery),
			chromedp.WaitVisible(`form[action="/login"]`, chromedp.ByQuery),
		)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(acked, "· technician") {
			t.Errorf("the page shows %q", acked)
		}
		if width > screen.width || field < 250 {
			t.Errorf("on %d px the login is %d px wide, a field %d", screen.width, width, field)
		}
	}
}
