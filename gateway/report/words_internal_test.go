package report

import (
	"regexp"
	"slices"
	"testing"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

func TestEveryWordOfThePageIsInBothLanguages(t *testing.T) {
	keys := []string{"rescue", "emergency", "ordinary", "respond", "arrive", "finish", "class", "building", "facility"}
	keys = append(keys, severities()...)
	if worst := rules.LifeSafety.String(); !slices.Contains(keys, worst) {
		t.Errorf("the report leaves %s out", worst)
	}
	for _, m := range regexp.MustCompile(`T "(\w+)"`).FindAllStringSubmatch(page, -1) {
		keys = append(keys, m[1])
	}
	if len(keys) < 40 {
		t.Errorf("only %d words found", len(keys))
	}
	for _, k := range keys {
		if w := catalogue[k]; w.ZH == "" || w.EN == "" {
			t.Errorf("no word for %q", k)
		}
	}
}

func TestTimesAreSaidInTwoUnits(t *testing.T) {
	for ms, want := range map[int64][2]string{
		0: {"0秒", "0 s"}, 59_999: {"59秒", "59 s"}, 60_000: {"1分", "1 min"}, 3_600_000 + 20*60_000 + 999: {"1小时20分", "1 h 20 min"},
		24 * 3_600_000: {"1天", "1 d"}, 51 * 3_600_000: {"2天3小时", "2 d 3 h"}, -90_000: {"−1分30秒", "−1 min 30 s"},
	} {
		if zh, en := words(gateway.Chinese).Long(ms), words(gateway.English).Long(ms); zh != want[0] || en != want[1] {
			t.Errorf("%d ms: %q, %q; want %q", ms, zh, en, want)
		}
	}
}
