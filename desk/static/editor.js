// The editor: numbered lines, problems where they stand, and answers beside the text, all from the page's own form.
// Without this script every button still works: the form is sent and the page comes back with the answer.

const form = document.getElementById("editor");
const { complete } = await import(form.dataset.completing);
const told = document.getElementById("status");
const PAUSE = 500; // milliseconds without a key before the text is checked
const INDENT = "  ";
const KEYS = { F2: ["plan"], F4: ["preview"], F8: ["next"], F9: ["simulate", "try"] };
let asking = null;
let typing = 0;
let dirty = form.hasAttribute("data-dirty");

const files = [...form.querySelectorAll(".file")].map((file) => ({
  path: file.dataset.path,
  file,
  area: file.querySelector("textarea"),
  gutter: file.querySelector(".gutter"),
  stripes: file.querySelector(".stripes"),
  first: file.querySelector("textarea").value,
}));

function rows({ area, gutter }) {
  const number = area.value.split("\n").length;
  while (gutter.childElementCount > number) gutter.lastChild.remove();
  while (gutter.childElementCount < number) {
    const row = document.createElement("span");
    row.textContent = String(gutter.childElementCount + 1);
    gutter.append(row);
  }
}

function scrolled({ area, gutter, stripes }) {
  gutter.scrollTop = area.scrollTop;
  for (const one of stripes.children) {
    one.style.insetBlockStart = `calc(0.5rem + ${one.dataset.line - 1} * var(--row) - ${area.scrollTop}px)`;
  }
}

// What the list of problems says, at the lines of which it speaks.
function mark() {
  for (const one of files) {
    one.stripes.replaceChildren();
    one.file.classList.remove("has-bad");
    for (const row of one.gutter.children) {
      row.className = "";
      row.title = "";
    }
  }
  for (const item of document.querySelectorAll("#problems [data-line]")) {
    const one = files.find((each) => each.path === item.dataset.file);
    const kind = item.classList.contains("warn") ? "warn" : "bad";
    if (one && kind === "bad") one.file.classList.add("has-bad");
    const row = one?.gutter.children[item.dataset.line - 1];
    if (!row) continue;
    if (row.className !== "bad") row.className = kind;
    row.title = [row.title, item.querySelector(".what").textContent].filter(Boolean).join("\n");
    const stripe = document.createElement("i");
    stripe.className = kind;
    stripe.dataset.line = item.dataset.line;
    one.stripes.append(stripe);
  }
  files.forEach(scrolled);
}

function goTo(path, line) {
  const one = files.find((each) => each.path === path);
  if (!one) return;
  one.file.open = true;
  const lines = one.area.value.split("\n");
  const at = lines.slice(0, Math.max(line - 1, 0)).join("\n").length + (line > 1 ? 1 : 0);
  one.area.focus();
  one.area.setSelectionRange(at, at + (lines[line - 1] ?? "").length);
  const height = one.area.scrollHeight / Math.max(lines.length, 1);
  one.area.scrollTop = Math.max((line - 4) * height, 0);
  scrolled(one);
}

function nextProblem() {
  const all = [...document.querySelectorAll("#problems li")].filter((one) => one.querySelector(".go"));
  if (all.length === 0) return;
  const next = (all.findIndex((one) => one.classList.contains("current")) + 1) % all.length;
  all.forEach((one, place) => one.classList.toggle("current", place === next));
  goTo(all[next].dataset.file, Number(all[next].dataset.line));
}

// Put the answer's parts in the place of the page's; a check leaves the last answer, and the last drawing, standing.
function show(html, asked) {
  const got = new DOMParser().parseFromString(html, "text/html");
  for (const id of ["problems", "answer", "sketch"]) {
    const [here, there] = [document.getElementById(id), got.getElementById(id)];
    if (!there) continue;
    if (id === "answer" && asked === "check") continue;
    here.classList.toggle("stale", id === "sketch" && "empty" in there.dataset);
    if (id === "sketch" && "empty" in there.dataset && !("empty" in here.dataset)) continue;
    here.replaceWith(document.importNode(there, true));
  }
  for (const one of document.querySelectorAll("#answer .rebase")) form.elements[one.dataset.name].value = one.value;
  const seen = got.getElementById("seen-now");
  if (seen) form.elements.seen.value = seen.value;
  mark();
}

async function ask(asked) {
  clearTimeout(typing);
  asking?.abort();
  const mine = (asking = new AbortController());
  const button = form.querySelector(`.bar [value="${asked}"]`);
  const body = new URLSearchParams(new FormData(form));
  body.set("do", asked);
  if (asked !== "check") told.textContent = form.dataset.working;
  button?.setAttribute("aria-busy", "true");
  try {
    const signal = AbortSignal.any ? AbortSignal.any([mine.signal, AbortSignal.timeout(90000)]) : mine.signal;
    const answer = await fetch(form.action, { method: "POST", body, headers: { "x-desk": "part" }, signal });
    if (answer.status === 401) return location.reload();
    const go = answer.headers.get("x-desk-go");
    if (go) {
      dirty = false;
      return location.assign(go);
    }
    if (answer.status >= 500) throw new Error(String(answer.status));
    const text = await answer.text();
    const isPage = answer.headers.get("content-type")?.startsWith("text/html");
    if (isPage) show(text, asked);
    told.textContent = isPage ? "" : text;
    told.classList.remove("bad");
    if (asked !== "check") document.getElementById("answer").scrollIntoView({ block: "start" });
    if (asked !== "check") document.querySelector("#answer [data-next]")?.focus({ preventScroll: true });
    return true;
  } catch (error) {
    if (mine.signal.aborted) return false;
    told.textContent = form.dataset.failed;
    told.classList.add("bad");
    return false;
  } finally {
    button?.removeAttribute("aria-busy");
    if (asking === mine) asking = null;
  }
}

// The browser itself sends the form to the frame; without this script it opens a page of its own.
function framed(button) {
  const frame = document.getElementById("preview");
  frame.hidden = false;
  button.formTarget = "preview";
  frame.scrollIntoView({ block: "start" });
}

function changed(one) {
  rows(one);
  scrolled(one);
  one.file.classList.toggle("is-dirty", one.area.value !== one.first);
  dirty = true;
  clearTimeout(typing);
  typing = setTimeout(() => ask("check"), PAUSE);
}

// In a way that the browser's own undoing knows of.
function put(area, text) {
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

const isCode = (one) => /^(campaigns|flows)\//.test(one.path);

function indent(area, back) {
  const [from, to] = [area.selectionStart, area.selectionEnd];
  const begin = area.value.lastIndexOf("\n", from - 1) + 1;
  if (from === to && !back) return put(area, INDENT);
  const text = area.value.slice(begin, to);
  const moved = text.replace(/^/gm, back ? "" : INDENT).replace(back ? /^ {1,2}/gm : /$^/g, "");
  if (moved === text) return;
  area.setSelectionRange(begin, to);
  put(area, moved);
  area.setSelectionRange(from === to ? Math.max(begin, from + moved.length - text.length) : begin, begin + moved.length);
}

function newLine(area) {
  const line = area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
  const spaces = line.match(/^ */)[0] + (/^ *- /.test(line) ? INDENT : "") + (/:\s*$/.test(line) ? INDENT : "");
  put(area, `\n${spaces}`);
}

function pressed(event, one) {
  if (event.isComposing) return;
  if (event.key === "Escape") one.leaving = true;
  else if (event.key === "Tab" && !one.leaving && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    indent(one.area, event.shiftKey);
  } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.altKey && isCode(one)) {
    event.preventDefault();
    newLine(one.area);
  } else if (event.key !== "Shift" && event.key !== "Tab") one.leaving = false;
}

for (const one of files) {
  rows(one);
  one.area.addEventListener("input", () => changed(one));
  one.area.addEventListener("scroll", () => scrolled(one));
  if (!one.area.readOnly) {
    if (isCode(one)) complete(one.area, form.dataset.words, put);
    one.area.addEventListener("keydown", (event) => event.defaultPrevented || pressed(event, one));
  }
  one.area.addEventListener("blur", () => (one.leaving = false));
  one.file.addEventListener("toggle", () => scrolled(one));
}
mark();

form.addEventListener("submit", (event) => {
  const asked = event.submitter?.value;
  if (asked === "preview") return framed(event.submitter);
  if (asked === "add" || asked === "theirs") {
    dirty = false; // the text goes with the form and comes back
    return;
  }
  event.preventDefault();
  ask(asked ?? "check");
});

form.addEventListener("click", (event) => {
  const link = event.target.closest(".go");
  if (!link) return;
  event.preventDefault();
  const { file, line } = link.closest("li").dataset;
  goTo(file, Number(line));
});

// Enter in a field that has a button of its own presses that one, not the form's first.
form.addEventListener("keydown", (event) => {
  const asked = event.key === "Enter" && !event.isComposing && event.target.dataset.enter;
  if (!asked) return;
  event.preventDefault();
  ask(asked);
});

addEventListener("keydown", (event) => {
  const saves = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s" && !event.altKey && !event.shiftKey;
  if (saves) {
    event.preventDefault();
    if (form.querySelector('[value="review"]')) ask("review");
    return;
  }
  const wanted = event.ctrlKey || event.metaKey || event.altKey ? undefined : KEYS[event.key];
  const asked = wanted?.find((one) => one === "next" || form.querySelector(`.bar [value="${one}"]`));
  if (!asked) return;
  event.preventDefault();
  if (asked === "next") nextProblem();
  else if (asked === "preview") form.requestSubmit(form.querySelector('.bar [value="preview"]'));
  else ask(asked);
});

addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});
