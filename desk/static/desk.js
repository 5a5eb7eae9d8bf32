// The inbox alive: news by one WebSocket, the keyboard, sending without a reload. Without it the page works by forms.

const say = document.documentElement.lang;
const list = document.getElementById("list");
const open = document.getElementById("open");
const thread = document.getElementById("thread");
const conversation = open?.dataset.conversation ?? "";
const part = { headers: { "x-desk": "part" } };
const numbers = new Intl.NumberFormat(say);
const relative = new Intl.RelativeTimeFormat(say, { numeric: "auto", style: "short" });

// How long ago: words that age by themselves; the exact time stays on hover.
function age(element) {
  const seconds = (Date.parse(element.dateTime) - clock()) / 1000;
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(0, "second");
}

const behind = Date.now() - Date.parse(list?.dataset.now || new Date().toISOString());
const clock = () => Date.now() - behind;

function tick() {
  for (const element of document.querySelectorAll("time")) element.textContent = age(element);
  for (const line of document.querySelectorAll(".line")) {
    const left = line.dataset.due ? (Date.parse(line.dataset.due) - clock()) / 60000 : Infinity;
    line.classList.toggle("late", left < 0);
    line.classList.toggle("soon", left >= 0 && left < 5);
    line.classList.toggle("current", line.dataset.id === conversation);
  }
}

// The list. What is new is announced; what is already there changes in its place. A row that the list has comes with its
// HTML.
const fresh = document.getElementById("fresh");
const waiting = new Map();

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

function rows(news) {
  const lines = list.querySelector(".lines");
  for (const row of news.rows) {
    const shown = document.getElementById(`line-${row.id}`);
    if (!row.html) { shown?.remove(); waiting.delete(row.id); }
    else if (shown) shown.replaceWith(element(row.html));
    else waiting.set(row.id, row.html);
    if (row.id === conversation) refresh();
  }
  // Whoever reads further down is not moved; at the top, what is new comes at once.
  if (list.scrollTop < 40) bring();
  else announce();
  counts(news.counts, { ...news.team, ...news.own });
  tick();
  document.dispatchEvent(Object.assign(new CustomEvent("desk:rows", { detail: news.rows }), { now: clock() }));
}

function bring() {
  const lines = list.querySelector(".lines");
  lines.querySelector(".empty")?.remove();
  for (const html of waiting.values()) lines.prepend(element(html));
  waiting.clear();
  announce();
  tick();
}

function announce() {
  if (!fresh) return;
  fresh.hidden = waiting.size === 0;
  fresh.textContent = fresh.dataset.words.replace("#", numbers.format(waiting.size));
}

// Nobody counts so many: "1,000+".
const many = (number) => number > 1000 ? `${numbers.format(1000)}+` : numbers.format(number);

function counts(found, facets) {
  for (const [view, number] of Object.entries(found ?? {})) {
    const shown = document.querySelector(`[data-count="${view}"]`);
    if (shown) shown.textContent = many(number);
  }
  const here = facets?.[list.dataset.view];
  if (here) for (const shown of document.querySelectorAll(".facets a")) {
    const by = shown.closest(".facets").dataset.by;
    shown.querySelector("b").textContent = many(here[by][shown.dataset.value] ?? 0);
  }
}

// A chat opens within the view and the filters that it was chosen in.
list?.addEventListener("click", (event) => {
  const link = event.target.closest(".line a");
  if (link) link.search = list.dataset.query;
}, true);

fresh?.addEventListener("click", () => { list.scrollTop = 0; bring(); });
list?.addEventListener("scroll", () => { if (list.scrollTop < 5 && waiting.size) bring(); });

// The thread. Entries are replaced by id, so reading a stretch again shows nothing twice.
const FINAL = new Set(["read", "failed", "rejected"]);
let refreshing = false, again = false, missed;

async function refresh() {
  if (!conversation) return;
  if (refreshing) { again = true; return; }
  refreshing = true;
  clearTimeout(missed);
  try {
    const entries = [...thread.querySelectorAll("[data-id]")];
    const unsettled = entries.find((entry) => entry.dataset.state && !FINAL.has(entry.dataset.state));
    const from = entries.indexOf(unsettled ?? entries.at(-1)) - 1;
    let after = from >= 0 ? entries[from].dataset.id : "", told;
    do { // after a long sleep there is more than one answer holds
      const answer = await fetch(`/desk/inbox/${conversation}/news?after=${after}`, part);
      if (answer.status === 401) return location.reload();
      if (answer.status >= 500) throw new Error(String(answer.status));
      if (!answer.ok) return;
      told = await answer.json();
      if (thread.dataset.back === undefined) merge(told.thread);
      after = told.next;
    } while (after);
    head(told);
  } catch { // nobody tells of it again
    missed = setTimeout(refresh, 3000 * (0.5 + Math.random()));
  } finally {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }
}

// What was said earlier comes in above, and what is being read stays where it is.
let reaching = false;

async function earlier(link) {
  if (reaching) return;
  reaching = true;
  try {
    const answer = await fetch(link.dataset.from, part);
    if (answer.status === 401) return location.reload();
    if (!answer.ok) return;
    const below = thread.scrollHeight - thread.scrollTop;
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    link.closest(".earlier").replaceWith(template.content);
    tick();
    thread.scrollTop = thread.scrollHeight - below;
  } catch { /* its link is still there */ } finally {
    reaching = false;
  }
}

thread?.addEventListener("click", (event) => {
  const link = event.target.closest(".earlier a[data-from]");
  if (!link || thread.dataset.back !== undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  earlier(link);
});
thread?.addEventListener("scroll", () => {
  const link = thread.scrollTop < 100 && thread.dataset.back === undefined && thread.querySelector(".earlier a[data-from]");
  if (link) earlier(link);
});

function merge(html) {
  const atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
  const template = document.createElement("template");
  template.innerHTML = html;
  const oldest = thread.querySelector("[data-id]")?.dataset.id ?? "";
  for (const entry of [...template.content.querySelectorAll("[data-id]")]) {
    const shown = document.getElementById(entry.id);
    if (shown) put(shown, entry);
    else if (entry.dataset.id > oldest) { // an older one that was edited comes when one reads that far back
      entry.dataset.html = entry.outerHTML;
      entry.classList.add("arrived");
      thread.append(entry);
    }
  }
  tick();
  if (atEnd) thread.scrollTop = thread.scrollHeight;
}

// What is open in an entry stays open: it is replaced only where the server tells something else.
function put(shown, entry) {
  const html = entry.outerHTML;
  if (shown.dataset.html === html) return;
  const read = shown.dataset.html === undefined && shown.querySelector("details[open]");
  if (read && shown.dataset.state === entry.dataset.state) return;
  entry.dataset.html = html;
  shown.replaceWith(entry);
}

let headHtml = "";

function head({ head: html, token }) {
  const here = document.getElementById("here")?.textContent ?? "";
  if (html !== headHtml) { // else a menu that somebody chooses from stays as it is
    const opened = document.querySelector("#head .menu[open]") !== null;
    headHtml = html;
    document.getElementById("head").innerHTML = html;
    document.getElementById("here").textContent = here;
    if (opened) document.querySelector("#head .menu").open = true;
  }
  const fence = composer?.querySelector("[name=token]");
  if (fence) fence.value = token;
  tick();
}

// Who else may have the chat is asked for when its menu opens: the news of a chat do not carry the whole team.
document.addEventListener("toggle", async (event) => {
  const team = event.target.open && event.target.closest("#head .menu")?.querySelector("optgroup[data-from]");
  if (!team || team.children.length) return;
  const answer = await fetch(team.dataset.from, part).catch(() => undefined);
  if (answer?.status === 401) return location.reload();
  if (answer?.ok) team.innerHTML = await answer.text();
  if (!team.children.length) team.remove();
}, true);

// Writing. A draft keeps its key until it was taken, so sending twice is sending once; it survives a reload.
const composer = document.getElementById("composer");
const text = composer?.querySelector("textarea");
const kept = `draft:${conversation}`;
const newKey = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
let key = newKey();
if (text) {
  text.value = sessionStorage.getItem(kept) ?? "";
  text.dataset.answer = text.placeholder;
  text.addEventListener("input", () => { sessionStorage.setItem(kept, text.value); typing(); });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) composer.requestSubmit();
    if (event.key === "Escape") text.blur();
  });
}

function noting() { return composer.querySelector("[name=mode]:checked")?.value === "note"; }

function mode(value) {
  composer.querySelector(`[name=mode][value=${value}]`).checked = true;
  composer.classList.toggle("noting", noting());
  text.placeholder = noting() ? text.dataset.note : text.dataset.answer;
}

composer?.addEventListener("change", () => mode(noting() ? "note" : "answer"));
composer?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const refused = document.getElementById("refused"), button = composer.querySelector("button.act");
  const files = composer.querySelector("[name=files]");
  if ((!text.value.trim() && !files.files.length) || button.disabled) return;
  const form = new FormData(composer);
  form.set("key", key);
  form.set("channel", composer.querySelector("[name=identity]")?.selectedOptions[0]?.dataset.channel ?? "");
  button.disabled = true;
  refused.textContent = "";
  try {
    if (!files.files.length) form.delete("files");
    const body = files.files.length ? form : new URLSearchParams(form);
    const answer = await fetch(noting() ? composer.dataset.note : composer.action, { ...part, method: "POST", body });
    if (answer.ok) {
      text.value = files.value = "";
      composer.dispatchEvent(new Event("change"));
      sessionStorage.removeItem(kept);
      key = newKey();
      await refresh();
    } else {
      refused.textContent = (await answer.json().catch(() => ({}))).words ?? answer.statusText;
      await refresh();
    }
  } catch {
    refused.textContent = document.getElementById("status").dataset.lost;
  } finally {
    button.disabled = false;
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.closest(".acts, .settle")) return;
  event.preventDefault();
  form.closest(".menu")?.removeAttribute("open");
  const answer = await fetch(form.action, { ...part, method: "POST", body: new URLSearchParams(new FormData(form, event.submitter)) });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) document.getElementById("refused").textContent = (await answer.json()).words ?? "";
  refresh();
});

// A menu closes by Escape, and by a press beside it.
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(".menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// The line to the server. After a sleep everything is read again, so nothing depends on what was missed.
let socket, tries = 0, told = 0, quiet;
const status = document.getElementById("status");

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/desk/live?${list.dataset.query}`);
  socket.addEventListener("open", async () => {
    if (conversation) socket.send(JSON.stringify({ type: "open", conversation }));
    if (tries) { await reload(); status.className = "told"; status.textContent = status.dataset.back; }
    else { status.textContent = ""; refresh(); } // what came between the page and its line was told to nobody
    setTimeout(() => { if (!status.classList.contains("bad")) status.textContent = ""; }, 4000);
    tries = 0;
  });
  socket.addEventListener("message", (event) => {
    const said = JSON.parse(event.data);
    if (said.type === "rows") rows(said);
    else if (said.type === "reload") reload();
    else if (said.type === "here" && said.conversation === conversation) {
      const here = document.getElementById("here");
      here.textContent = said.people.length ? here.dataset.words.replace("#", said.people.join(", ")) : "";
    } else if (said.type === "typing") {
      const line = document.getElementById("typing");
      line.textContent = line.dataset.words.replace("#", said.who);
      clearTimeout(quiet);
      quiet = setTimeout(() => { line.textContent = ""; }, 4000);
    }
  });
  socket.addEventListener("close", (event) => {
    if (event.code === 4401) return location.reload();
    tries += 1;
    status.className = "told bad";
    status.textContent = status.dataset.lost;
    setTimeout(connect, Math.min(15000, 500 * 2 ** Math.min(tries, 5)) * (0.5 + Math.random()));
  });
}

let stale;

async function reload() {
  clearTimeout(stale);
  try {
    const answer = await fetch(`/desk/inbox/list?${list.dataset.query}`, part);
    if (answer.status === 401) return location.reload();
    if (answer.status >= 500) throw new Error(String(answer.status));
    if (answer.ok) {
      const { html, counts: found, facets } = await answer.json();
      waiting.clear();
      announce();
      for (const old of list.querySelectorAll(".lines, .more")) old.remove();
      list.insertAdjacentHTML("beforeend", html);
      counts(found, facets);
    }
  } catch { stale = setTimeout(reload, 3000 * (0.5 + Math.random())); }
  await refresh();
  tick();
}

// "Here I am", while somebody can see it: who is stuck or away looks at nothing.
setInterval(() => {
  if (!conversation || document.visibilityState !== "visible" || socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ type: "open", conversation }));
}, 3000);

function typing() {
  if (noting() || Date.now() - told < 2000 || socket?.readyState !== WebSocket.OPEN) return;
  told = Date.now();
  socket.send(JSON.stringify({ type: "typing" }));
}

// The keyboard. Nothing is taken from who writes.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const lines = [...document.querySelectorAll(".line")];
  const at = lines.findIndex((line) => line.dataset.id === conversation || line.contains(document.activeElement));
  const go = (line) => line?.querySelector("a").focus();
  switch (event.key) {
    case "j": go(lines[Math.min(at + 1, lines.length - 1)]); break;
    case "k": go(lines[Math.max(at - 1, 0)]); break;
    case "r": if (composer) { mode("answer"); text.focus(); } break;
    case "n": if (composer) { mode("note"); text.focus(); } break;
    case "/": if (composer) { mode("answer"); text.focus(); text.value ||= "/"; text.dispatchEvent(new Event("input")); } break;
    case "a": case "e": document.querySelector(`[data-key="${event.key}"]`)?.click(); break;
    case "?": document.getElementById("help").showModal(); break;
    default: return;
  }
  event.preventDefault();
});

if (list) {
  document.querySelector(".views [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  tick();
  setInterval(tick, 15000);
  setInterval(() => {
    if (thread?.querySelector("[data-state=planned], [data-state=claimed], [data-state=dispatching]")) refresh();
  }, 2000);
  if (thread) thread.scrollTop = thread.scrollHeight;
  connect();
}
