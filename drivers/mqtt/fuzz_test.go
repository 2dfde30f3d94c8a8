package mqtt

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/intact-gateway/intact/gateway"
)

// FuzzPath writes a value under keys of any kind and expects to find it, and
// nothing else, by the path of these keys.
func FuzzPath(f *testing.F) {
	for _, seed := range [][2]string{{"data", "temp"}, {"@this", "#"}, {"a*b", "x?"}, {"a|b", "!"}, {"温度", "~"}, {`\`, `"`}, {"0", "1"}, {":1", "-"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, outer, inner string) {
		for _, key := range []string{outer, inner} {
			if key == "" || !utf8.ValidString(key) || strings.ContainsAny(key, ".[]") {
				t.Skip()
			}
		}
		path := outer + "." + inner
		d, err := NewDecoder([]Point{{Path: path}})
		if err != nil {
			t.Fatalf("path %q: %v", path, err)
		}
		payload, err := json.Marshal(map[string]any{outer: map[string]any{inner: 42, inner + "x": 1}, outer + "x": 2})
		if err != nil {
			t.Fatal(err)
		}
		samples, ok := d.Decode(nil, payload, 1)
		if !ok || len(samples) != 1 || samples[0].Quality != gateway.Good || samples[0].Value != 42 {
			t.Errorf("path %q finds %+v in %s", path, samples, payload)
		}
	})
}

// FuzzTopic holds the matching of topics against one written level by level, and
// the name of a device against the topic it makes.
func FuzzTopic(f *testing.F) {
	for _, seed := range [][2]string{
		{"a/+/c", "a/b/c"}, {"a/#", "a"}, {"+/+", "/"}, {"#", "$SYS/x"}, {"a(b)/+/$c", "a(b)/k.1/$c"}, {"a//b", "a//b"}, {"+", ""}, {"a/{device}/x", "a/k(1)/x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		if strings.ContainsAny(topic, "+#\x00") {
			t.Skip() // no message has such a topic
		}
		if topicOf, filter, err := resolveTopic(pattern, "k.1"); err == nil && !Shared(pattern) {
			if got, want := matches(filter, topic), matchLevels(strings.Split(filter, "/"), strings.Split(topic, "/")); got != want {
				t.Errorf("matches(%q, %q) is %t, want %t", filter, topic, got, want)
			}
			if !strings.ContainsAny(topicOf, "+#") && !strings.HasPrefix(topicOf, "$") && !matches(filter, topicOf) {
				t.Errorf("filter %q does not bring the topic %q it is for", filter, topicOf)
			}
		}
		if name, ok := deviceName(pattern, topic); ok && (name == "" || strings.Contains(name, "/")) {
			t.Errorf("device %q in %q by %q", name, topic, pattern)
		}
	})
}

// matchLevels says what MQTT 3.1.1 section 4.7 does, and no more.
func matchLevels(filter, topic []string) bool {
	if strings.HasPrefix(topic[0], "$") && (filter[0] == "+" || filter[0] == "#") {
		return false
	}
	for i, level := range filter {
		switch {
		case level == "#":
			return true
		case i >= len(topic), level != "+" && level != topic[i]:
			return false
		}
	}
	return len(filter) == len(topic)
}
