package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// The longest list of a digest: nobody reads on, and it fits every channel.
const (
	digestLines = 30
	digestBytes = 2500
)

// digestWords are the parts of a digest in one language.
type digestWords struct {
	worst, over   string // headline while something is wrong, and when all is over
	count, listed string
	several       string // in place of the one facility
	colon         string
}

func digestIn(l gateway.Language) digestWords {
	if l == gateway.English {
		return digestWords{
			worst: "[Digest] alerts: %d (urgent: %d), the worst: %s", over: "[Digest] alerts: %d, all returned or seen to",
			count: "So many at once that %d messages became this one.", listed: " The first %d of %d alerts, for the others see the page of the gateway.",
			several: "several", colon: english.colon,
		}
	}
	return digestWords{
		worst: "【汇总】%d条报警（紧急%d条），最重：%s", over: "【汇总】%d条报警均已恢复或有人处理",
		count: "消息太多，%d条合并为这一条。", listed: "以下列出前%d条，共%d条，其余见网关页面。",
		several: "多处", colon: chinese.colon,
	}
}

// newDigest returns the card that tells to of all notices at once: how many, the
// worst, and how each alert stands now, the worst first.
func newDigest(notices []Notice, to audience) (card, error) {
	latest, at, err := byAlert(notices)
	if err != nil {
		return card{}, err
	}
	words := digestIn(to.language)
	urgent := 0
	for _, m := range latest {
		if moodOf(m) == alarmed {
			urgent++
		}
	}
	c := card{key: digestKey(notices), mood: moodOf(latest[0]), title: fmt.Sprintf(words.over, len(latest))}
	if rank(latest[0]) > 0 {
		c.title = cut(fmt.Sprintf(words.worst, len(latest), urgent, latest[0].Headline.In(to.language)), headlineLimit)
	}
	c.brief = brief{text: c.title, site: to.site.In(to.language), facility: words.several, alert: c.title}
	list := listed(latest, to, words)
	summary := fmt.Sprintf(words.count, len(notices))
	if len(list) < len(latest) {
		summary += fmt.Sprintf(words.listed, len(list), len(latest))
	}
	c.lines = slices.Concat([]string{summary}, list, []string{footer(to, at)})
	return c, nil
}

// byAlert returns the newest message of each alert, the worst first, and the
// time of the newest of all.
func byAlert(notices []Notice) (latest []Message, at string, err error) {
	place := make(map[alerts.ID]int)
	for _, n := range notices {
		var m Message
		if err := json.Unmarshal(n.Body, &m); err != nil {
			return nil, "", fmt.Errorf("notice %s cannot be read: %w", n.Key, err)
		}
		at = max(at, m.At) // all are in the zone of the site
		if i, known := place[n.Alert]; known {
			latest[i] = m
			continue
		}
		place[n.Alert] = len(latest)
		latest = append(latest, m)
	}
	slices.SortStableFunc(latest, func(a, b Message) int { return cmp.Compare(rank(b), rank(a)) })
	return latest, at, nil
}

// calls reports whether an event asks somebody to act.
func calls(event string) bool {
	return event == eventRaised || event == eventLevel || event == eventEscalated
}

// rank orders messages by how much somebody is needed: by severity, and 0 for
// what is over or seen to.
func rank(m Message) int {
	if !calls(m.Event) {
		return 0
	}
	return 1 + int(m.Alert.Severity)
}

// listed returns a line for each alert, as many as there is room for.
func listed(latest []Message, to audience, words digestWords) (lines []string) {
	room := digestBytes
	for _, m := range latest {
		facts, _, _ := strings.Cut(m.Detail.In(to.language), "\n")
		line := join(words.colon, m.Headline.In(to.language), facts)
		if t, err := time.Parse(time.RFC3339Nano, m.At); err == nil {
			line += t.Format(" · 15:04")
		}
		if room -= len(line) + 2; room < 0 || len(lines) == digestLines {
			break
		}
		lines = append(lines, line)
	}
	return lines
}

// digestKey is the same for the same notices.
func digestKey(notices []Notice) string {
	keys := make([]string, len(notices))
	for i, n := range notices {
		keys[i] = n.Key
	}
	slices.Sort(keys)
	sum := sha256.Sum256([]byte(strings.Join(keys, "\n")))
	return "digest/" + hex.EncodeToString(sum[:])
}

// isUrgent reports whether n must not wait for others: somebody is needed now.
func isUrgent(n Notice) (urgent, lifeSafety bool) {
	if !calls(n.Event) {
		return false, false
	}
	var m struct {
		Alert struct{ Severity rules.Severity }
	}
	if json.Unmarshal(n.Body, &m) != nil {
		return false, false
	}
	return m.Alert.Severity >= rules.Critical, m.Alert.Severity == rules.LifeSafety
}
