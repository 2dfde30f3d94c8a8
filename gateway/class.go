package gateway

// Class is the kind of a facility, such as an elevator or a water meter. It
// decides which rule packs apply and how silence is counted.
type Class string

// The classes.
const (
	Elevator      Class = "elevator"
	Escalator     Class = "escalator"
	Pump          Class = "pump"
	PumpGroup     Class = "pump_group"
	Drive         Class = "drive"
	Sump          Class = "sump"
	WaterTank     Class = "water_tank"
	FirePanel     Class = "fire_panel"
	FireWater     Class = "fire_water"
	ElectricMeter Class = "electric_meter"
	WaterMeter    Class = "water_meter"
	GasMeter      Class = "gas_meter"
	HeatMeter     Class = "heat_meter"
	Transformer   Class = "transformer"
	Generator     Class = "generator"
	HVAC          Class = "hvac"
	LeakSensor    Class = "leak_sensor"
	Environment   Class = "environment"
	// Line is a bus of the gateway itself: it can fail and be repaired like any
	// facility, but it is not counted in the intact rate.
	Line Class = "line"
	// Gateway is the gateway itself; not counted either.
	Gateway Class = "gateway"
)

type classFacts struct {
	name       Text
	lifeSafety bool
	uncounted  bool
}

var classes = map[Class]classFacts{
	Elevator:      {name: Text{"电梯", "Elevator"}, lifeSafety: true},
	Escalator:     {name: Text{"自动扶梯", "Escalator"}, lifeSafety: true},
	Pump:          {name: Text{"水泵", "Pump"}},
	PumpGroup:     {name: Text{"泵组", "Pump group"}},
	Drive:         {name: Text{"变频器", "Drive"}},
	Sump:          {name: Text{"集水坑", "Sump"}},
	WaterTank:     {name: Text{"水箱", "Water tank"}},
	FirePanel:     {name: Text{"火灾报警主机", "Fire panel"}, lifeSafety: true},
	FireWater:     {name: Text{"消防给水", "Fire water"}, lifeSafety: true},
	ElectricMeter: {name: Text{"电表", "Electric meter"}},
	WaterMeter:    {name: Text{"水表", "Water meter"}},
	GasMeter:      {name: Text{"燃气表", "Gas meter"}},
	HeatMeter:     {name: Text{"热量表", "Heat meter"}},
	Transformer:   {name: Text{"变压器", "Transformer"}},
	Generator:     {name: Text{"发电机", "Generator"}},
	HVAC:          {name: Text{"暖通空调", "HVAC"}},
	LeakSensor:    {name: Text{"漏水探测", "Leak sensor"}},
	Environment:   {name: Text{"环境监测", "Environment"}},
	Line:          {name: Text{"通讯线路", "Communication line"}, uncounted: true},
	Gateway:       {name: Text{"网关", "Gateway"}, uncounted: true},
}

// Valid reports whether c is one of the classes.
func (c Class) Valid() bool { _, ok := classes[c]; return ok }

// Name returns what people call the class.
func (c Class) Name() Text { return classes[c].name }

// LifeSafety reports whether lives hang on the class (lifts, fire). Such
// facilities have no write path, and silence of more than 24 h counts as down.
func (c Class) LifeSafety() bool { return classes[c].lifeSafety }

// Counted reports whether facilities of the class count in the intact rate.
func (c Class) Counted() bool { return c.Valid() && !classes[c].uncounted }

// Classes returns every class in alphabetical order, for messages and schemas.
func Classes() []Class { return sortedKeys(classes) }

// Criticality weighs a facility in the weighted intact rate: A 5, B 3, C 1.
type Criticality string

// Weight returns the weight of c; anything but A and B weighs 1.
func (c Criticality) Weight() int64 {
	switch c {
	case "A":
		return 5
	case "B":
		return 3
	default:
		return 1
	}
}
