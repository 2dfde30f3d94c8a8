// Keeps the page live. Everything works without it; it adds that values and
// countdowns move, that lists follow the gateway, and that acts need no reload.
//
// The server renders, this file never does: a transition makes it fetch the
// page again and put in place what differs. Values in between come over the
// live stream as text.
"use strict";

const body = document.body;
const words = body.dataset;
const byID = (id) => document.getElementById(id);

const lostAfter = 10_000; // ms; the gateway makes a snapshot every second
let skew = Number(words.now) - Date.now(); // the gateway's clock minus ours
let dataAt = Number(words.at);
let named = words.named === "yes";
const now = () => Date.now() + skew;

// --- Putting what the server rendered in place ---

// rendered remembers the server's HTML of each live element: the one in the
// page may since have been changed by values, by ages or by people.
const rendered = new Map();

function remember(root) {
  for (const el of root.querySelectorAll("[data-live], [data-keyed] > *")) rendered.set(el.id, el.outerHTML);
}

// busy reports whether a person is at work inside el: it must not be replaced
// under their fingers.
function busy(el) {
  if (el.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return true;
  return [...el.querySelectorAll("input:not([type=checkbox]):not([type=hidden])")].some((i) => i.value !== i.defaultValue);
}

function replace(old, fresh) {
  const open = [...old.querySelectorAll("details[open] > summary")].map((s) => s.textContent);
  const focused = old.contains(document.activeElement) ? document.activeElement.textContent : null;
  old.replaceWith(fresh);
  for (const s of fresh.querySelectorAll("details > summary")) if (open.includes(s.textContent)) s.parentElement.open = true;
  if (focused) [fresh, ...fresh.querySelectorAll("button, summary, a")].find((e) => e.textContent === focused)?.focus();
}

// waiting is set while something was left as it is because a person is at work
// in it; it is made good when they leave it.
let waiting = false;

function update(old, fresh) {
  const html = fresh.outerHTML;
  if (rendered.get(fresh.id) === html) return;
  if (busy(old)) { waiting = true; return; }
  rendered.set(fresh.id, html);
  replace(old, fresh);
}

function reconcile(list, fresh) {
  const wanted = [...fresh.children];
  const ids = new Set(wanted.map((el) => el.id));
  for (const el of [...list.children]) if (!ids.has(el.id) && !busy(el)) { rendered.delete(el.id); el.remove(); }
  let at = list.firstElementChild;
  for (const el of wanted) {
    const old = byID(el.id);
    if (!old) {
      rendered.set(el.id, el.outerHTML);
      list.insertBefore(el, at);
      continue;
    }
    if (old === at) at = at.nextElementSibling;
    else if (!busy(old)) list.insertBefore(old, at);
    update(old, el);
  }
}

function put(doc) {
  for (const fresh of doc.querySelectorAll("[data-live]")) {
    const old = byID(fresh.id);
    if (!old) return location.reload(); // the site itself is another one
    update(old, fresh);
  }
  for (const fresh of doc.querySelectorAll("[data-keyed]")) reconcile(byID(fresh.id), fresh);
  document.title = doc.title;
  tick();
}

let fetching = false, again = false;

// refresh fetches the page at once, but the next time not before the gateway
// has had ten times as long to itself as this one took it.
async function refresh() {
  if (fetching) { again = true; return; }
  fetching = true;
  const began = performance.now();
  try {
    const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.redirected) return location.reload(); // the login has ended
    if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the stream tells that the gateway is gone */ }
  setTimeout(() => {
    fetching = false;
    if (again) { again = false; refresh(); }
  }, Math.max(500, 10 * (performance.now() - began)));
}

// --- The live stream ---

let source = null, retry = 0;

function connect() {
  source?.close();
  const q = new URLSearchParams({ points: "key", lang: document.documentElement.lang.slice(0, 2) });
  for (const f of document.querySelectorAll("details.facility[open]")) q.append("facility", f.dataset.facility);
  source = new EventSource("/api/v1/stream?" + q);
  source.addEventListener("snapshot", (e) => take(JSON.parse(e.data)));
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    clearTimeout(retry);
    retry = setTimeout(() => { refresh(); connect(); }, 3000);
  };
}

function take(s) {
  dataAt = Date.parse(s.at);
  skew = Date.parse(s.now) - Date.now();
  byID("asof").textContent = s.at.slice(11, 19);
  for (const p of s.points ?? []) value(p);
  if (s.transition && !(s.full && String(s.seq) === words.seq)) refresh();
}

function value(p) {
  const id = CSS.escape(p.facility + "/" + p.name);
  for (const el of document.querySelectorAll(`[data-point="${id}"]`)) {
    el.textContent = p.text;
    if (/\bq-/.test(el.className)) el.className = "v q-" + p.quality;
  }
  const at = Date.parse(p.time);
  for (const el of document.querySelectorAll(`[data-age-of="${id}"]`)) if (at) el.dataset.since = at;
  for (const el of document.querySelectorAll(`[data-quality-of="${id}"]`)) {
    el.textContent = p.quality_text;
    el.className = "q q-" + p.quality;
  }
}

// --- What moves by itself ---

function age(ms) {
  let s = Math.max(0, Math.floor(ms / 1000));
  const parts = [];
  for (const [size, unit] of [[86400, words.d], [3600, words.h], [60, words.min], [1, words.s]]) {
    const n = Math.floor(s / size);
    if (n > 0 || parts.length === 1) { parts.push(n === 0 ? "" : n + unit); s -= n * size; }
    if (parts.length === 2) break;
  }
  return parts.filter(Boolean).join(words.gap) || "0" + words.s;
}

function clock(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000), two = (n) => String(n).padStart(2, "0");
  const rest = two(s % 60);
  return s < 3600 ? `${Math.floor(s / 60)}:${rest}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${rest}`;
}

function set(el, text) { if (el && el.textContent !== text) el.textContent = text; }

function tick() {
  const t = now();
  for (const el of document.querySelectorAll("time.age[data-since]")) set(el, age(t - Number(el.dataset.since)));
  for (const el of document.querySelectorAll(".clock[data-until]")) {
    const left = Number(el.dataset.until) - t;
    el.className = "clock " + (left < 0 ? "late" : t > Number(el.dataset.amber) ? "amber" : "");
    set(el.querySelector(".count"), clock(Math.abs(left)));
    set(el.querySelector(".word"), left < 0 ? words.overdue : words.left);
  }
  const old = t - dataAt, lost = old > lostAfter;
  byID("lost").hidden = !lost;
  document.documentElement.classList.toggle("is-lost", lost);
  if (lost) {
    set(byID("lost-why"), source && source.readyState === EventSource.OPEN ? words.stalled : words.lost);
    set(byID("lost-age"), age(old));
  }
}

// --- Acts of people ---

function askName() {
  const dialog = byID("ask");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "go" ? byID("ask-name").value.trim() : ""), { once: true });
  });
}

function notice(html) { byID("notice").innerHTML = html; }

function complain(text) {
  const div = document.createElement("div");
  div.className = "notice bad";
  div.textContent = text;
  byID("notice").replaceChildren(div);
}

async function act(form, submitter) {
  const data = new URLSearchParams(new FormData(form));
  if (!named) {
    const name = await askName();
    if (!name) return;
    data.set("by", name);
  }
  const button = submitter ?? form.querySelector("button"), label = button.textContent;
  button.disabled = true;
  button.textContent = words.busy;
  try {
    const answer = await fetch(form.action, { method: "POST", body: data });
    if (answer.status === 401) return location.reload();
    if (answer.status === 403) return complain(words.forbidden);
    const doc = new DOMParser().parseFromString(await answer.text(), "text/html");
    const told = doc.getElementById("notice");
    if (!told) throw new Error("no page");
    notice(told.innerHTML);
    if (doc.body.dataset.named === "yes" && !named) {
      named = true;
      set(document.querySelector(".who summary"), doc.querySelector(".who summary").textContent);
    }
    if (answer.ok) {
      form.reset();
      for (let d = form.closest("details.act"); d; d = d.parentElement.closest("details.act")) d.open = false;
      button.blur();
    }
    put(doc);
  } catch {
    complain(words.offline);
  } finally {
    button.disabled = false;
    button.textContent = label;
  }
}

document.addEventListener("submit", (e) => {
  if (!("act" in e.target.dataset)) return;
  e.preventDefault();
  act(e.target, e.submitter);
});

document.addEventListener("focusout", () => {
  if (!waiting) return;
  waiting = false;
  setTimeout(refresh, 300);
});

// --- Facilities that are opened show all their points ---

async function openFacility(details) {
  const box = details.querySelector(".points");
  const answer = await fetch(`/facilities/${details.dataset.facility}/points`, { cache: "no-store" }).catch(() => null);
  if (answer?.ok && !answer.redirected) box.innerHTML = await answer.text();
  connect();
}

document.addEventListener("toggle", (e) => {
  if (e.target.matches?.("details.facility") && e.target.open) openFacility(e.target);
}, true);

document.addEventListener("visibilitychange", () => { if (!document.hidden && now() - dataAt > lostAfter) connect(); });

document.documentElement.classList.add("scripted-on");
remember(document);
connect();
setInterval(tick, 1000);
tick();
