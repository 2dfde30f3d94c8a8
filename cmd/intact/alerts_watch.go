package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/gateway"
)

// watchAgain is how long to wait before a lost gateway is asked again.
const watchAgain = 3 * time.Second

func alertsWatchCommand() *cobra.Command {
	var c console
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Print the open alerts and then every change, until interrupted",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.watch(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.flags(cmd)
	return cmd
}

// watch follows the live stream. A gateway that never answered is an error; one
// that is lost is waited for, and said so: silence must not look like peace.
func (c *console) watch(ctx context.Context, out, errs io.Writer) error {
	for seen := false; ; {
		began, err := c.follow(ctx, out)
		if ctx.Err() != nil {
			return nil
		}
		if seen = seen || began; !seen {
			return err
		}
		if began {
			fmt.Fprintln(errs, gateway.Text{ZH: "与网关失去联系，正在重试：", EN: "contact with the gateway is lost, trying again: "}.In(c.words())+err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchAgain):
		}
	}
}

// changed is what the command reads of an event of the stream.
type changed struct {
	Full         bool              `json:"full"`
	Alerts       []json.RawMessage `json:"alerts"`
	AlertsClosed []int64           `json:"alerts_closed"`
}

// follow prints events until the stream ends, and reports whether one came.
func (c *console) follow(ctx context.Context, out io.Writer) (began bool, err error) {
	names, err := c.facilityNames(ctx)
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.url, "/")+"/api/v1/stream?points=none", nil)
	if err != nil {
		return false, err
	}
	showToken(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, refusal(resp)
	}
	const longest = 16 << 20
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), longest)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		var event changed
		if err := json.Unmarshal(data, &event); err != nil {
			return began, fmt.Errorf("the gateway answers what this program does not know: %w", err)
		}
		if err := c.printEvent(out, event, names); err != nil {
			return began, err
		}
		began = true
	}
	if err := lines.Err(); err != nil {
		return began, err
	}
	return began, errors.New("the stream has ended")
}

func (c *console) printEvent(out io.Writer, event changed, names map[gateway.FacilityID]gateway.Text) error {
	if len(event.Alerts) > 0 || event.Full {
		if err := c.print(out, event.Alerts, names); err != nil {
			return err
		}
	}
	for _, id := range event.AlertsClosed {
		if c.asJSON {
			fmt.Fprintf(out, "{\"id\":%d,\"shown_as\":\"closed\"}\n", id)
			continue
		}
		fmt.Fprintf(out, "#%d  %s\n", id, alertWords["closed"].In(c.words()))
	}
	return nil
}
