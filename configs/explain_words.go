package configs

import "github.com/intact-gateway/intact/gateway"

// explainWords are the words in which explanations speak to people of what files name by a code. In
// English the code says it; a code without an entry is shown as it is.
var explainWords = map[string]string{
	"analog": "模拟量", "discrete": "开关量", "enum": "枚举", "counter": "累计量", "bitset": "位组",
	"info": "提示", "warning": "一般", "critical": "紧急", "life_safety": "生命安全",
	"rescue": "救援", "emergency": "紧急", "ordinary": "一般",
	"electrician": "电工", "plumber": "水暖工", "lift": "电梯维保", "fire": "消防维保", "hvac": "暖通工", "general": "综合维修",
	"fast": "快速", "normal": "常规", "slow": "慢速",
}

// inWords returns a code in both languages, nothing for none.
func inWords(code string) gateway.Text {
	if zh, ok := explainWords[code]; ok {
		return gateway.Text{ZH: zh, EN: code}
	}
	return gateway.Text{ZH: code, EN: code}
}
