package web

import (
	"net/http"
	"strings"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// words gives the texts of the page in one language.
type words struct{ lang gateway.Language }

// T returns the text named key. A key that is missing from the catalogue shows
// itself, so that nothing is hidden; a test finds it before people do.
func (w words) T(key string) string {
	if t, ok := catalogue[key]; ok {
		return t.In(w.lang)
	}
	return key
}

// problem returns why an act was not done.
func (w words) problem(p *problem) string {
	if key := "problem." + p.Code; known(key) {
		return w.T(key)
	}
	return w.T("problem.internal")
}

// Gap returns what stands between two measures, as in "1 h 20 min".
func (w words) Gap() string {
	if w.lang == gateway.Chinese {
		return ""
	}
	return " "
}

// Tag returns the language for the lang attribute of HTML.
func (w words) Tag() string {
	if w.lang == gateway.Chinese {
		return "zh-CN"
	}
	return "en"
}

// wordsFor returns the words in which r is answered.
func wordsFor(r *http.Request, snap *pipeline.Snapshot) words {
	return words{languageOf(r, snap.Site.Language)}
}

// other returns the language that these are not in.
func (w words) other() gateway.Language {
	if w.lang == gateway.Chinese {
		return gateway.English
	}
	return gateway.Chinese
}

// known reports whether the catalogue has key.
func known(key string) bool { _, ok := catalogue[key]; return ok }

// languageOf returns the language a request wants: what it asks for, what was
// chosen before, what the browser prefers, and that of the site, in this order.
func languageOf(r *http.Request, site gateway.Language) gateway.Language {
	if l, ok := parseLanguage(r.URL.Query().Get("lang")); ok {
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		if l, ok := parseLanguage(c.Value); ok {
			return l
		}
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		base, _, _ := strings.Cut(tag, "-")
		if l, ok := parseLanguage(base); ok {
			return l
		}
	}
	if site == gateway.English {
		return gateway.English
	}
	return gateway.Chinese
}

// parseLanguage returns the language named s, whatever its case.
func parseLanguage(s string) (gateway.Language, bool) {
	switch l := gateway.Language(strings.ToLower(s)); l {
	case gateway.Chinese, gateway.English:
		return l, true
	default:
		return "", false
	}
}

// catalogue holds every text of the page.
var catalogue = map[string]gateway.Text{
	"skip":       {ZH: "跳到内容", EN: "Skip to content"},
	"other_lang": {ZH: "English", EN: "中文"},
	"live":       {ZH: "实时", EN: "Live"},
	"as_of":      {ZH: "数据时间", EN: "As of"},
	"no_script":  {ZH: "此页不会自动更新。", EN: "This page does not update by itself."},
	"reload":     {ZH: "刷新", EN: "Reload"},
	"lost":       {ZH: "与网关失去联系，以下内容可能已过时", EN: "No contact with the gateway: what you see may be out of date"},
	"lost_age":   {ZH: "数据已有", EN: "Data is this old:"},
	"stalled":    {ZH: "网关数据停止更新，以下内容已过时", EN: "The gateway's data stands still: what you see is out of date"},
	"join":       {ZH: "、", EN: ", "},

	"login":               {ZH: "登录", EN: "Log in"},
	"login.name":          {ZH: "用户名", EN: "User name"},
	"login.password":      {ZH: "密码", EN: "Password"},
	"login.go":            {ZH: "登录", EN: "Log in"},
	"login.out":           {ZH: "退出登录", EN: "Log out"},
	"login.forgot":        {ZH: "忘记密码？管理员可在网关主机上用 intact user passwd 重设。", EN: "Forgotten it? An admin sets a new one on the gateway: intact user passwd."},
	"login.first":         {ZH: "首次设置", EN: "First set-up"},
	"login.first_why":     {ZH: "网关启动时在日志里给出一次性设置码，30 分钟内有效。凭它建立第一个管理员。", EN: "At its start the gateway wrote a set-up code to its log. It works once, for 30 minutes, and makes the first admin."},
	"login.code":          {ZH: "设置码", EN: "Set-up code"},
	"login.make":          {ZH: "建立管理员", EN: "Make the admin"},
	"login.password_rule": {ZH: "至少 12 个字符；用几个互不相关的词最好。", EN: "12 characters or more; several words that do not belong together are best."},
	"login.wrong":         {ZH: "用户名或密码不对。", EN: "The name or the password is wrong."},
	"login.code_wrong":    {ZH: "设置码不对或已过期。重启网关会给出新的设置码。", EN: "The set-up code is wrong or has run out. The gateway writes a new one when it starts again."},
	"login.too_often":     {ZH: "尝试次数过多，请一分钟后再试。", EN: "Too many tries. Wait a minute."},
	"login.busy":          {ZH: "现在登录的人太多，请稍后再试。", EN: "Too many people log in just now. Try again in a moment."},
	"login.set_up":        {ZH: "网关已有用户，请登录。", EN: "The gateway has users already: log in."},
	"login.weak":          {ZH: "密码太容易猜到：至少 12 个字符，不含用户名，不用常见密码。", EN: "The password is too easy to guess: 12 characters or more, without the user name, none of the usual ones."},
	"login.name_bad":      {ZH: "这个用户名不能用。", EN: "This cannot be a user name."},
	"role.viewer":         {ZH: "查看", EN: "viewer"},
	"role.technician":     {ZH: "维修人员", EN: "technician"},
	"role.engineer":       {ZH: "工程师", EN: "engineer"},
	"role.admin":          {ZH: "管理员", EN: "admin"},
	"role.monitor":        {ZH: "监测", EN: "monitor"},
	"name":                {ZH: "您的姓名", EN: "Your name"},
	"name.ask":            {ZH: "请填写姓名", EN: "Who are you?"},
	"name.why":            {ZH: "操作会以此姓名记录，本机只需填写一次。", EN: "What you do is recorded under this name. This device asks only once."},
	"name.save":           {ZH: "保存", EN: "Save"},
	"name.go":             {ZH: "继续", EN: "Go on"},
	"name.none":           {ZH: "姓名", EN: "Name"},
	"told":                {ZH: "通知记录", EN: "Who was told"},
	"told.sent":           {ZH: "对方已接收", EN: "taken"},
	"told.waiting":        {ZH: "未被接收，仍在重试", EN: "not yet taken, will be tried again"},
	"told.dead":           {ZH: "已放弃", EN: "given up"},
	"told.none":           {ZH: "没有通知任何人，或记录已过期。", EN: "Nobody was told, or it is too long ago."},
	"link.title":          {ZH: "报警确认", EN: "Acknowledge an alert"},
	"link.ask":            {ZH: "我来处理", EN: "I take it in hand"},
	"link.as":             {ZH: "以此姓名记录", EN: "Recorded under the name"},
	"link.why":            {ZH: "确认后不再逐级通知其他人。故障未排除前报警仍会显示。", EN: "Nobody else will be called then. The alert is shown until the fault is gone."},
	"link.note":           {ZH: "备注（可不填）", EN: "Note (optional)"},
	"link.acked":          {ZH: "已有人处理", EN: "Somebody has it in hand"},
	"link.over":           {ZH: "报警已结束，无需处置。", EN: "The alert is over. There is nothing to do."},
	"link.forged":         {ZH: "链接无效：请从消息中重新打开。", EN: "This link is not valid: open it from the message again."},
	"link.expired":        {ZH: "链接已过期（24小时）：请在网关页面上确认。", EN: "This link has run out (24 hours): acknowledge on the page of the gateway."},
	"link.old":            {ZH: "报警已再次发出：请打开最新一条消息中的链接。", EN: "The alert has been raised again: open the link in the newest message."},
	"link.page":           {ZH: "打开网关页面", EN: "Open the page of the gateway"},
	"act.cancel":          {ZH: "返回", EN: "Back"},
	"act.offline":         {ZH: "未能送达网关，操作没有生效，请重试。", EN: "The gateway could not be reached. Nothing was done; try again."},
	"act.refused":         {ZH: "未能执行", EN: "Not done"},
	"act.ack":             {ZH: "确认", EN: "Acknowledge"},
	"act.reset":           {ZH: "复位", EN: "Reset"},
	"act.busy":            {ZH: "提交中…", EN: "Sending…"},
	"act.required":        {ZH: "必填", EN: "required"},

	"banner.ok":      {ZH: "全部设施正常", EN: "All facilities are in order"},
	"banner.alerts":  {ZH: "有报警需要处理", EN: "Alerts need attention"},
	"banner.unknown": {ZH: "部分设施状态未知", EN: "The state of some facilities is unknown"},
	"banner.lines":   {ZH: "通讯线路中断", EN: "Lines lost"},
	"banner.down":    {ZH: "有设施故障停机", EN: "Facilities are down"},
	"banner.self":    {ZH: "网关自身有故障", EN: "The gateway itself has a fault"},
	"banner.tickets": {ZH: "有工单超时", EN: "Tickets are overdue"},
	"banner.nothing": {ZH: "尚无数据", EN: "No data yet"},
	"banner.shelved": {ZH: "其余正常，有报警被搁置", EN: "All else is in order, but alerts are shelved"},
	"banner.overdue": {ZH: "工单超时", EN: "Overdue"},

	"rate":          {ZH: "设施完好率", EN: "Intact rate"},
	"rate.today":    {ZH: "今日", EN: "Today"},
	"rate.month":    {ZH: "本月", EN: "This month"},
	"rate.class":    {ZH: "按类别", EN: "By class"},
	"rate.building": {ZH: "按楼栋", EN: "By building"},
	"rate.none":     {ZH: "无数据", EN: "no data"},
	"rate.pass":     {ZH: "达标", EN: "on target"},
	"rate.fail":     {ZH: "未达标", EN: "below target"},
	"rate.thin":     {ZH: "数据不足", EN: "too little data"},
	"rate.scale":    {ZH: "刻度 90–100%，竖线为目标 98%；* 表示数据不足", EN: "Scale 90–100 %, the line is the target of 98 %; * too little data"},
	"rate.reports":  {ZH: "月报", EN: "Monthly report"},
	"rate.more":     {ZH: "全部类别与楼栋", EN: "All classes and buildings"},
	"rate.group":    {ZH: "范围", EN: "Group"},

	"alerts":               {ZH: "当前报警", EN: "Active alerts"},
	"alerts.none":          {ZH: "没有报警", EN: "No alerts"},
	"alert.limit":          {ZH: "限值", EN: "limit"},
	"alert.peak":           {ZH: "最差", EN: "at worst"},
	"alert.since":          {ZH: "始于", EN: "Since"},
	"alert.stale":          {ZH: "数据失联，按原状态保持", EN: "Data lost: state kept on trust"},
	"alert.returned":       {ZH: "已恢复，待确认", EN: "Returned, not acknowledged"},
	"alert.over":           {ZH: "已恢复", EN: "Returned"},
	"alert.clearing":       {ZH: "正在恢复", EN: "Clearing"},
	"alert.acked":          {ZH: "已确认", EN: "Acknowledged"},
	"alert.again":          {ZH: "未恢复则 %s 再次报警", EN: "alarms again at %s"},
	"alert.chatter":        {ZH: "反复报警，已 %d 次", EN: "Comes and goes: %d times so far"},
	"alert.hides":          {ZH: "合并的后续报警", EN: "consequences hidden behind it"},
	"alert.do":             {ZH: "如何处置", EN: "What to do"},
	"alert.cause":          {ZH: "可能原因", EN: "Cause"},
	"alert.effect":         {ZH: "后果", EN: "Consequence"},
	"alert.response":       {ZH: "处置", EN: "Response"},
	"shelf.act":            {ZH: "搁置…", EN: "Shelve…"},
	"shelf.why":            {ZH: "到期前不发通知，照常记录和计入完好率；级别升高时自动取消搁置。", EN: "Nobody is told until it ends; it is recorded and counted all the same. If it gets worse, the shelf ends at once."},
	"shelf.two":            {ZH: "涉及人身安全，须两人署名。", EN: "Lives hang on it: two persons have to stand for it."},
	"shelf.for":            {ZH: "搁置时长", EN: "For"},
	"shelf.send":           {ZH: "搁置", EN: "Shelve"},
	"shelf.end":            {ZH: "取消搁置", EN: "Unshelve"},
	"shelf.until":          {ZH: "搁置至 %s · %s", EN: "Shelved until %s · %s"},
	"shelf.count":          {ZH: "已搁置", EN: "shelved"},
	"colon":                {ZH: "：", EN: ": "},
	"alert.ticket":         {ZH: "工单", EN: "Ticket"},
	"alert.more":           {ZH: "另有未显示的报警", EN: "more alerts are not shown"},
	"ticket.more":          {ZH: "另有未显示的工单", EN: "more tickets are not shown"},
	"severity.info":        {ZH: "提示", EN: "Info"},
	"severity.warning":     {ZH: "一般", EN: "Warning"},
	"severity.critical":    {ZH: "紧急", EN: "Critical"},
	"severity.life_safety": {ZH: "生命安全", EN: "Life safety"},
	"tickets":              {ZH: "未结工单", EN: "Open tickets"},
	"tickets.none":         {ZH: "没有未结工单", EN: "No open tickets"},
	"ticket.owner":         {ZH: "负责人", EN: "Owner"},
	"ticket.count":         {ZH: "发生次数", EN: "Occurrences"},
	"ticket.left":          {ZH: "剩余", EN: "left"},
	"ticket.overdue":       {ZH: "已超时", EN: "overdue"},
	"ticket.no_clock":      {ZH: "无计时", EN: "no clock running"},
	"ticket.recover":       {ZH: "读数已恢复，待现场确认", EN: "Readings are good again, to be confirmed on site"},
	"ticket.breached":      {ZH: "曾超时", EN: "Missed"},
	"ticket.other":         {ZH: "其他操作", EN: "Other steps"},
	"ticket.reported":      {ZH: "人工报修", EN: "Reported by a person"},

	"report":          {ZH: "报修", EN: "Report a fault"},
	"report.facility": {ZH: "设施", EN: "Facility"},
	"report.text":     {ZH: "故障描述", EN: "What is wrong"},
	"report.priority": {ZH: "紧急程度", EN: "Urgency"},
	"report.send":     {ZH: "提交报修", EN: "Open ticket"},

	"priority.rescue":    {ZH: "救援", EN: "Rescue"},
	"priority.emergency": {ZH: "紧急", EN: "Emergency"},
	"priority.ordinary":  {ZH: "一般", EN: "Ordinary"},

	"state.new":       {ZH: "待派单", EN: "New"},
	"state.assigned":  {ZH: "已派单", EN: "Assigned"},
	"state.accepted":  {ZH: "已接单", EN: "Accepted"},
	"state.arrived":   {ZH: "已到场", EN: "On site"},
	"state.working":   {ZH: "处理中", EN: "In repair"},
	"state.hold":      {ZH: "挂起", EN: "On hold"},
	"state.done":      {ZH: "待验收", EN: "Awaiting check"},
	"state.closed":    {ZH: "已关闭", EN: "Closed"},
	"state.cancelled": {ZH: "已取消", EN: "Cancelled"},

	"clock.respond": {ZH: "接单", EN: "Accept"},
	"clock.arrive":  {ZH: "到场", EN: "Arrive"},
	"clock.reply":   {ZH: "答复", EN: "Reply"},
	"clock.finish":  {ZH: "完成", EN: "Finish"},

	"move.assign":  {ZH: "派单", EN: "Assign"},
	"move.accept":  {ZH: "接单", EN: "Accept"},
	"move.decline": {ZH: "退单", EN: "Decline"},
	"move.arrive":  {ZH: "到场", EN: "Arrived"},
	"move.start":   {ZH: "开始处理", EN: "Start work"},
	"move.hold":    {ZH: "挂起", EN: "Put on hold"},
	"move.resume":  {ZH: "恢复处理", EN: "Resume"},
	"move.done":    {ZH: "完成", EN: "Done"},
	"move.verify":  {ZH: "验收通过", EN: "Check passed"},
	"move.reject":  {ZH: "退回返工", EN: "Send back"},
	"move.cancel":  {ZH: "取消工单", EN: "Cancel ticket"},

	"field.cause":  {ZH: "故障原因", EN: "Cause"},
	"field.action": {ZH: "处理措施", EN: "What was done"},
	"field.note":   {ZH: "备注", EN: "Note"},
	"field.reason": {ZH: "原因", EN: "Reason"},
	"field.force":  {ZH: "读数尚未恢复，仍要完成（须填备注）", EN: "Readings are not good yet: finish all the same (needs a note)"},
	"field.to":     {ZH: "派给", EN: "Assign to"},
	"field.second": {ZH: "第二确认人", EN: "Second person"},

	"problem.alert_not_found":      {ZH: "没有这条未结报警，可能已经关闭。", EN: "There is no such open alert; it may have closed meanwhile."},
	"problem.already_acknowledged": {ZH: "这条报警已被他人确认。", EN: "Somebody has acknowledged this alert already."},
	"problem.not_shelved":          {ZH: "这条报警没有被搁置，可能刚刚到期。", EN: "This alert is not shelved; its time may just have ended."},
	"problem.reason_required":      {ZH: "请填写搁置原因。", EN: "Say why it is to be shelved."},
	"problem.reason_too_long":      {ZH: "原因太长。", EN: "The reason is too long."},
	"problem.bad_shelf_time":       {ZH: "搁置时长为1分钟至24小时。", EN: "A shelf lasts from 1 minute to 24 hours."},
	"problem.second_required":      {ZH: "涉及人身安全，须填写另一位确认人的姓名。", EN: "Lives hang on it: give the name of a second person."},
	"problem.ticket_not_found":     {ZH: "没有这张未结工单，可能已经关闭。", EN: "There is no such open ticket; it may have closed meanwhile."},
	"problem.move_not_allowed":     {ZH: "工单当前状态不能这样操作，可能他人已先处理。", EN: "The ticket's state does not allow this; somebody may have been quicker."},
	"problem.incomplete":           {ZH: "信息不完整。读数未恢复时，完成工单须勾选确认并填写备注；救援和紧急工单须先到场。", EN: "Something is missing. While readings are not good, finishing needs the tick and a note; rescues and emergencies need somebody on site first."},
	"problem.facility_not_found":   {ZH: "没有这台设施。", EN: "There is no such facility."},
	"problem.not_written":          {ZH: "操作已生效，但暂未写入磁盘，恢复后会自动写入，请勿重复操作。", EN: "It is in force but not yet on disk. It is written as soon as the disk works: do not repeat it."},
	"problem.timeout":              {ZH: "网关未及时应答，重复操作前请先确认是否已生效。", EN: "The gateway did not answer in time. Look whether it took effect before you repeat it."},
	"problem.not_allowed":          {ZH: "您的角色不能做此操作。", EN: "Your role does not allow this."},
	"problem.internal":             {ZH: "网关未能处理此请求，原因见网关日志。", EN: "The gateway could not do this; its log says why."},

	"facilities":      {ZH: "设施", EN: "Facilities"},
	"facility.unread": {ZH: "无读数", EN: "No reading"},
	"facility.points": {ZH: "查看数据", EN: "Show values"},
	"building":        {ZH: "N号楼", EN: "Building N"}, // N is its number
	"no_building":     {ZH: "公共区域", EN: "Common"},
	"class.up":        {ZH: "正常", EN: "Up"},
	"class.degraded":  {ZH: "降级", EN: "Degraded"},
	"class.down":      {ZH: "故障停机", EN: "Down"},
	"class.planned":   {ZH: "计划停机", EN: "Planned"},
	"class.unknown":   {ZH: "未知", EN: "Unknown"},
	"class.excluded":  {ZH: "不计", EN: "Excluded"},
	"point":           {ZH: "数据点", EN: "Point"},
	"point.value":     {ZH: "数值", EN: "Value"},
	"point.age":       {ZH: "更新于", EN: "Age"},
	"point.quality":   {ZH: "质量", EN: "Quality"},

	"quality.not_seen":      {ZH: "尚无数据", EN: "not seen yet"},
	"quality.good":          {ZH: "良好", EN: "good"},
	"quality.uncertain":     {ZH: "存疑", EN: "uncertain"},
	"quality.timeout":       {ZH: "应答超时", EN: "no answer"},
	"quality.refused":       {ZH: "连接被拒", EN: "refused"},
	"quality.closed":        {ZH: "连接中断", EN: "line dropped"},
	"quality.frame":         {ZH: "报文错误", EN: "bad frame"},
	"quality.short":         {ZH: "应答不全", EN: "short answer"},
	"quality.exception":     {ZH: "设备拒绝", EN: "exception"},
	"quality.decode":        {ZH: "无法解析", EN: "not decodable"},
	"quality.payload":       {ZH: "消息无效", EN: "bad message"},
	"quality.not_available": {ZH: "设备无此值", EN: "not available"},
	"quality.out_of_range":  {ZH: "超出量程", EN: "out of range"},
	"quality.undefined":     {ZH: "无计算结果", EN: "no result"},
	"quality.implausible":   {ZH: "不可信", EN: "implausible"},
	"quality.stuck":         {ZH: "数值卡死", EN: "stuck"},
	"quality.stale":         {ZH: "数据过期", EN: "stale"},
	"quality.offline":       {ZH: "设备离线", EN: "offline"},

	"value.code":     {ZH: "代码", EN: "code"},
	"value.flag":     {ZH: "位", EN: "bit"},
	"value.no_flags": {ZH: "无", EN: "none"},
	"bit.0":          {ZH: "否", EN: "no"},
	"bit.1":          {ZH: "是", EN: "yes"},
	"bit.link.0":     {ZH: "中断", EN: "lost"},
	"bit.link.1":     {ZH: "在线", EN: "online"},
	"bit.run.0":      {ZH: "停止", EN: "stopped"},
	"bit.run.1":      {ZH: "运行", EN: "running"},
	"bit.fault.0":    {ZH: "无故障", EN: "no fault"},
	"bit.fault.1":    {ZH: "故障", EN: "fault"},
	"bit.auto.0":     {ZH: "手动", EN: "manual"},
	"bit.auto.1":     {ZH: "自动", EN: "automatic"},

	"unit.d":   {ZH: "天", EN: " d"},
	"unit.h":   {ZH: "小时", EN: " h"},
	"unit.min": {ZH: "分", EN: " min"},
	"unit.s":   {ZH: "秒", EN: " s"},
}
