// What helps to write: canned replies by "/", what an SMS comes to, how long WhatsApp's window stays open.

const composer = document.getElementById("composer");
const text = composer.querySelector("textarea");
const menu = document.getElementById("canned");
const place = composer.querySelector("[name=identity]");
const measure = document.getElementById("measure");
const part = { headers: { "x-desk": "part" } };
let replies, at = 0;

// Canned replies: the list opens while the text is one word that begins with a stroke.
const asked = () => text.value.match(/^\/([\p{L}\p{N}_-]*)$/u)?.[1].toLowerCase();
const found = () => replies.filter((one) => one.name.includes(asked() ?? ""));

async function show() {
  if (asked() === undefined) { menu.hidden = true; return; }
  replies ??= await fetch(menu.dataset.from, part).then((answer) => (answer.ok ? answer.json() : []), () => undefined);
  if (!replies || asked() === undefined) return;
  const some = found();
  at = Math.min(at, Math.max(some.length - 1, 0));
  menu.replaceChildren(...some.map((one, index) => {
    const item = document.createElement("li"), name = document.createElement("b"), words = document.createElement("span");
    item.id = `canned-${index}`;
    item.role = "option";
    item.ariaSelected = String(index === at);
    item.ariaDisabled = String(Boolean(one.problem));
    name.dir = "ltr";
    name.textContent = `/${one.name}${one.locale ? ` ${one.locale}` : ""}`;
    words.dir = "auto";
    words.textContent = one.problem || one.text;
    item.append(name, words);
    item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(one); });
    return item;
  }));
  if (!some.length) menu.textContent = menu.dataset.none;
  menu.hidden = false;
  text.setAttribute("aria-activedescendant", some.length ? `canned-${at}` : "");
  menu.children[at]?.scrollIntoView({ block: "nearest" });
}

function choose(one) {
  if (!one || one.problem) return;
  text.value = one.text;
  menu.hidden = true;
  text.focus();
  text.dispatchEvent(new Event("input"));
}

composer.addEventListener("keydown", (event) => {
  if (menu.hidden || event.target !== text || event.ctrlKey || event.metaKey) return;
  const some = found();
  switch (event.key) {
    case "ArrowDown": at = Math.min(at + 1, some.length - 1); show(); break;
    case "ArrowUp": at = Math.max(at - 1, 0); show(); break;
    case "Enter": case "Tab": if (!some.length) return; choose(some[at]); break;
    case "Escape": menu.hidden = true; break;
    default: return;
  }
  event.preventDefault();
  event.stopPropagation();
}, true);
text.addEventListener("blur", () => { menu.hidden = true; });

// What it comes to, as one types; and WhatsApp's window.
let later, latest = 0;

function left(until) {
  const minutes = Math.floor((Date.parse(until) - Date.now()) / 60000);
  if (minutes <= 0) return "";
  const words = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unitDisplay: "long", unit: minutes < 60 ? "minute" : "hour" });
  return words.format(minutes < 60 ? minutes : Math.floor(minutes / 60));
}

function weigh() {
  clearTimeout(later);
  const chosen = place.selectedOptions[0];
  const noting = composer.querySelector("[name=mode]:checked").value === "note";
  const mine = ++latest;
  measure.className = "told";
  measure.textContent = "";
  if (noting || !chosen) return;
  if (chosen.dataset.channel === "whatsapp") {
    const words = chosen.dataset.until ? left(chosen.dataset.until) : "";
    measure.textContent = words ? measure.dataset.left.replace("#", words) : measure.dataset.over;
    measure.classList.toggle("bad", !words);
  }
  if (chosen.dataset.channel !== "sms" || !text.value.trim()) return;
  later = setTimeout(async () => {
    const body = new URLSearchParams({ identity: chosen.value, text: text.value });
    const answer = await fetch(measure.dataset.from, { ...part, method: "POST", body }).catch(() => undefined);
    if (answer?.ok && mine === latest) measure.textContent = (await answer.json()).words;
  }, 200);
}

text.addEventListener("input", () => { at = 0; show(); weigh(); });
composer.addEventListener("change", weigh);
setInterval(() => { if (place.selectedOptions[0]?.dataset.channel === "whatsapp") weigh(); }, 30000);
weigh();

// Files: how many were chosen, and only where the channel carries them.
const files = composer.querySelector("[name=files]");
const attach = composer.querySelector(".attach");
const words = attach.firstElementChild.textContent;
composer.addEventListener("change", () => {
  attach.hidden = ["sms", "webchat"].includes(place.selectedOptions[0]?.dataset.channel);
  if (attach.hidden) files.value = "";
  attach.firstElementChild.textContent = files.files.length ? `${words}: ${[...files.files].map((file) => file.name).join(", ")}` : words;
});
composer.dispatchEvent(new Event("change"));

// A mail as it was written: fetched when it is opened, with pictures from outside only when asked for.
function frame(details, remote) {
  const shown = document.createElement("iframe");
  shown.sandbox = "allow-popups allow-popups-to-escape-sandbox";
  shown.referrerPolicy = "no-referrer";
  shown.src = details.dataset.from + (remote ? "?remote=1" : "");
  details.querySelector("iframe")?.remove();
  details.append(shown);
}
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".mail[open]") && !event.target.querySelector("iframe")) frame(event.target, false);
}, true);
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-remote]")) frame(event.target.closest(".mail"), true);
});
