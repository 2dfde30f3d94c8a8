package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/formula"
)

// point explains a point.
func (x *explainer) point(ref gateway.PointRef) *Explanation {
	p := x.Site.Point(ref)
	e := &Explanation{Name: string(p.ID()), Kind: "point", Title: p.Text, Points: []string{p.Name}, Sections: []ExplainSection{x.meaning(p)}}
	if p.Formula != "" {
		e.Sections = append(e.Sections, x.derivation(ref, p))
	}
	for i, d := range x.Devices {
		if d.Facility != p.Facility {
			continue
		}
		profile := x.Profiles[d.Profile]
		if k := slices.IndexFunc(profile.Points, func(pt drivers.Point) bool { return pt.Name == p.Name }); k >= 0 {
			pt := &profile.Points[k]
			if profile.Protocol == drivers.MQTT {
				e.Sections = append(e.Sections, message(pt, &d))
			} else {
				e.Sections = append(e.Sections, x.register(profile, pt, &d))
			}
			e.Sections = append(e.Sections, x.decoding(pt))
		} else if !slices.ContainsFunc(profile.Derive, func(d drivers.Derived) bool { return d.Name == p.Name }) {
			continue
		}
		e.Sections = append(e.Sections, x.provenance(i, p.Name))
	}
	e.Sections = append(e.Sections, x.usage(ref))
	return e
}

// meaning says what the value is to people and rules.
func (x *explainer) meaning(p *gateway.Point) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "含义", EN: "meaning"}}
	s.text("设施", "facility", x.Site.Facility(p.Facility).Name)
	s.add("角色", "role", p.Role)
	s.text("类型", "kind", inWords(p.Kind.String()))
	s.add("单位", "unit", p.Unit)
	for _, value := range sortedStates(p) {
		state := p.States[value]
		s.text(fmt.Sprintf("状态 %d", value), fmt.Sprintf("state %d", value), gateway.Text{
			ZH: state.Name + "  " + state.Text.In(gateway.Chinese), EN: state.Name + "  " + state.Text.In(gateway.English),
		})
	}
	s.add("周期", "expected every", durationText(p.Period))
	s.add("失效时限", "stale after", durationText(p.MaxAge))
	return s
}

func sortedStates(p *gateway.Point) []int64 {
	var values []int64
	for v := range p.States {
		values = append(values, v)
	}
	slices.Sort(values)
	return values
}

// durationText returns d without parts that are 0, or nothing for no time.
func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// derivation says what a derived point is computed from.
func (x *explainer) derivation(ref gateway.PointRef, p *gateway.Point) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "计算", EN: "computed"}}
	s.add("公式", "formula", p.Formula)
	for _, d := range x.formulas(ref) {
		if d.Point != ref {
			continue
		}
		for _, input := range d.Inputs {
			s.add("输入", "from", string(x.Site.Point(input).ID()))
		}
	}
	return s
}

// formulas returns what is derived on the facility of a point.
func (x *explainer) formulas(ref gateway.PointRef) []formula.Derived {
	i := x.Site.FacilityIndex(x.Site.Point(ref).Facility)
	first, _ := x.Site.PointsOf(i)
	return formula.Compile(x.Site.Facilities()[i].Points, first, func(int, *formula.Error) {})
}

var functionCodes = map[string]int{"coil": 1, "discrete": 2, "holding": 3, "input": 4}

// register says where on a Modbus device the value is found.
func (x *explainer) register(p *drivers.Profile, pt *drivers.Point, d *drivers.Device) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "寄存器", EN: "register"}}
	address, err := p.WireAddress(*pt.Reg)
	if err != nil {
		return s // Validate refuses what has no address
	}
	s.add("报文地址", "on the wire", fmt.Sprintf("%d  0x%04X", address, address))
	s.add("手册编号", "in the manual", fmt.Sprintf("%d (%s)", *pt.Reg, p.Defaults.Numbering))
	s.add("Modicon", "Modicon", modicon(pt.Table, address))
	s.add("区", "table", fmt.Sprintf("%s, FC%d", pt.Table, functionCodes[pt.Table]))
	s.add("总线", "bus", x.busText(d.Bus))
	s.add("从站地址", "unit id", strconv.Itoa(d.Unit))
	s.text("采集", "read in", x.requestText(d, pt, address))
	return s
}

// modicon returns the classic numbers of a register: 40001 and 400001.
func modicon(table string, address uint16) string {
	digit := map[string]int{"coil": 0, "discrete": 1, "input": 3, "holding": 4}[table]
	six := fmt.Sprintf("%d%05d", digit, int(address)+1)
	if address > 9998 {
		return six
	}
	return fmt.Sprintf("%d%04d / %s", digit, address+1, six)
}

func (x *explainer) busText(id string) string {
	for i := range x.Buses {
		if b := &x.Buses[i]; b.ID == id {
			return fmt.Sprintf("%s  %s: %s", id, b.Kind(), b.Address())
		}
	}
	return id
}

// requestText says in which request a register is read.
func (x *explainer) requestText(d *drivers.Device, pt *drivers.Point, address uint16) gateway.Text {
	loads, err := x.Loads()
	if err != nil {
		return gateway.Text{} // Load has opened all buses
	}
	for _, l := range loads {
		for _, r := range l.Requests {
			if l.Bus.ID == d.Bus && r.Unit == d.Unit && r.Table.String() == pt.Table && r.Period == x.periodOf(d, pt) &&
				address >= r.Start && int(address) < int(r.Start)+int(r.Count) {
				every := durationText(r.Period)
				return gateway.Text{
					ZH: fmt.Sprintf("%s组：自 %d 起读 %d 个，每 %s 一次", inWords(pt.Group).ZH, r.Start, r.Count, every),
					EN: fmt.Sprintf("group %s: %d from address %d on, every %s", pt.Group, r.Count, r.Start, every),
				}
			}
		}
	}
	return gateway.Text{}
}

// periodOf returns how often pt is read from d.
func (x *explainer) periodOf(d *drivers.Device, pt *drivers.Point) time.Duration {
	if ref, ok := x.Site.Lookup(gateway.PointID(string(d.Facility) + "/" + pt.Name)); ok {
		return x.Site.Point(ref).Period
	}
	return 0
}

// message says where in an MQTT message the value is found.
func message(pt *drivers.Point, d *drivers.Device) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "消息", EN: "message"}}
	s.add("总线", "bus", d.Bus)
	s.add("主题", "topic", strings.ReplaceAll(d.Topic, device, d.Name))
	s.add("路径", "path", pt.Path)
	return s
}

// decoding says how the raw number becomes the value.
func (x *explainer) decoding(pt *drivers.Point) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "解码", EN: "decoding"}}
	s.add("数据类型", "type", strings.TrimSpace(pt.Type+" "+pt.Order))
	if pt.Bit != nil {
		s.add("位", "bit", strconv.Itoa(*pt.Bit))
	}
	s.add("位段", "bits", pt.Bits)
	if pt.Scale != nil && (*pt.Scale != 1 || pt.Offset != 0) {
		s.add("换算", "value", fmt.Sprintf("raw × %v + %v", *pt.Scale, pt.Offset))
	}
	if pt.Factor != nil {
		s.add("比例取自", "scaled by", pt.Factor.Point)
	}
	if pt.Invert {
		s.text("取反", "inverted", gateway.Text{ZH: "常闭触点：1 读作 0", EN: "a normally closed contact: 1 reads as 0"})
	}
	if len(pt.NA) > 0 {
		s.add("无效码", "not available", strings.Trim(fmt.Sprint(pt.NA), "[]"))
	}
	if len(pt.Range) == 2 {
		s.add("可能范围", "possible range", fmt.Sprintf("%v … %v", pt.Range[0], pt.Range[1]))
	}
	if pt.Gate != nil {
		s.add("有效条件", "valid when", pt.Gate.Point)
	}
	return s
}

// provenance says where device number i has what it says of a point from.
func (x *explainer) provenance(i int, name string) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "依据", EN: "where it comes from"}}
	base, _, _ := strings.Cut(x.Devices[i].Profile, "@")
	p := x.written.profiles[base]
	place := "profile"
	for _, key := range []string{"points." + name, "derive." + name} {
		if p.doc.Has(key) {
			place = key
		}
	}
	s.add("模板", "profile", fmt.Sprintf("%s  %s", base, origin{p.doc, place}))
	if at := x.written.written[i]; at.doc.Has(at.path + ".points." + name) {
		s.add("站点修改", "changed by the site", origin{at.doc, at.path + ".points." + name}.String())
	}
	for _, source := range p.Source {
		s.add("资料", "source", source)
	}
	trust := map[string]gateway.Text{
		"paper": {ZH: "仅依据资料 (paper)", EN: "paper: from documents only"},
		"bench": {ZH: "台架验证 (bench)", EN: "bench: proven on a device"},
		"site":  {ZH: "现场验证 (site)", EN: "site: proven in a building"},
	}
	s.text("可信度", "trust", trust[p.Trust])
	if k := slices.IndexFunc(p.Points, func(pt drivers.Point) bool { return pt.Name == name }); k >= 0 && p.Points[k].Verify {
		s.text("待核实", "doubt", gateway.Text{ZH: "资料未能确定，须在设备上核实", EN: "the source leaves open what only a device can settle"})
	}
	return s
}

// usage says who looks at a point.
func (x *explainer) usage(ref gateway.PointRef) ExplainSection {
	s := ExplainSection{Title: gateway.Text{ZH: "用途", EN: "read by"}}
	for _, d := range x.formulas(ref) {
		if slices.Contains(d.Inputs, ref) {
			s.add("公式测点", "derived point", string(x.Site.Point(d.Point).ID()))
		}
	}
	for _, r := range x.engine.ReadBy(ref) {
		in := x.engine.Instances()[r]
		s.text("规则", "rule", gateway.Text{ZH: in.Key + "  " + in.Rule.Title.In(gateway.Chinese), EN: in.Key + "  " + in.Rule.Title.In(gateway.English)})
	}
	if len(s.Facts) == 0 {
		s.text("规则", "rule", gateway.Text{ZH: "无", EN: "none"})
	}
	return s
}
