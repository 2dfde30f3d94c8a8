package configs

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Schema returns the JSON Schema of a kind of file for editors: "site",
// "profile", "rules", "ruletest" or "roster". Those in the folder schema are made by it.
func Schema(kind string) ([]byte, error) {
	var classes []string
	for _, c := range gateway.Classes() {
		if c.Counted() {
			classes = append(classes, string(c))
		}
	}
	words := yaml.Words{
		reflect.TypeFor[gateway.Class]():       classes,
		reflect.TypeFor[gateway.Criticality](): {"A", "B", "C"},
		reflect.TypeFor[gateway.Language]():    {string(gateway.Chinese), string(gateway.English)},
		reflect.TypeFor[drivers.Protocol]():    {string(drivers.Modbus), string(drivers.MQTT)},
	}
	for _, t := range roster.Trades() {
		words[reflect.TypeFor[roster.Trade]()] = append(words[reflect.TypeFor[roster.Trade]()], string(t))
	}
	words[reflect.TypeFor[roster.Day]()] = roster.Days()
	everything := append(slices.Clone(classes), string(gateway.Line), string(gateway.Gateway))
	switch kind {
	case "site":
		return yaml.Schema("Intact site file", Site{}, words)
	case "profile":
		return yaml.Schema("Intact device profile", drivers.Profile{}, words)
	case "rules":
		words[reflect.TypeFor[gateway.Class]()] = append([]string{string(anyClass)}, everything...)
		return yaml.Schema("Intact rule pack", rules.Pack{}, words)
	case "ruletest":
		words[reflect.TypeFor[gateway.Class]()] = everything
		return yaml.Schema("Intact rule tests", ruleTestFile{}, words)
	case "roster":
		return yaml.Schema("Intact duty roster", roster.Config{}, words)
	default:
		return nil, fmt.Errorf("unknown kind of file %q: want site, profile, rules, ruletest or roster", kind)
	}
}
