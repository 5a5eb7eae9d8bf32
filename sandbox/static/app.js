// Takes over the page that the server painted: views, keys, the live line.

import { button, fill, h, icon } from "./dom.js";
import { Live } from "./live.js";
import { PeopleList } from "./people.js";
import { store } from "./store.js";
import { Story } from "./story.js";
import { Table } from "./table.js";
import { speak, t } from "./texts.js";
import { Ticker } from "./ticker.js";
import { toast } from "./toast.js";
import { Top } from "./top.js";

const boot = JSON.parse(document.getElementById("boot").textContent);
const find = (id) => document.getElementById(id);

speak(boot.lang, boot.texts);
store.begin(boot);

const table = new Table(find("phones"));
const top = new Top(document.querySelector(".top"));
const list = new PeopleList(find("people"), table);
new Ticker(find("ticker"), table);
new Story(find("notices"), top.report);
table.onchange = (key) => list.refresh(key);
table.begin(boot.phones, boot.chosen);
list.begin(boot.people, boot.total);

// The list of people can be put away; on a narrow screen it lies over the phones.

const folder = button({ class: "bare fold", "aria-controls": "people", onclick: () => fold(!document.body.classList.contains("folded")) }, icon("people"));

function fold(folded) {
  document.body.classList.toggle("folded", folded);
  const words = t(folded ? "people.show" : "people.hide");
  folder.setAttribute("aria-label", words);
  folder.title = words;
  folder.setAttribute("aria-expanded", String(!folded));
}

document.querySelector(".brand").prepend(folder);
const narrow = matchMedia("(max-width: 760px)");
fold(narrow.matches);
narrow.addEventListener("change", () => fold(narrow.matches));
find("list").addEventListener("click", (event) => narrow.matches && event.target.closest("button") && fold(true));

// The live line

const offline = h("div", { class: "offline", role: "alert", hidden: true });
document.body.append(offline);
const live = new Live({
  onframe: (frame) => store.take(frame),
  onresync: async (worried) => {
    try {
      await store.resync();
      if (worried) toast(t("offline.back"));
    } catch {
      // gone again: the next connection tries anew
    }
  },
  ononline: (online) => {
    offline.hidden = online;
    document.body.classList.toggle("is-offline", !online);
    if (!online) fill(offline, h("span", {}, t("offline")), button({ class: "strong", onclick: () => live.now() }, t("offline.now")));
  },
});
live.connect();

// Keys

const WRITING = "input, textarea, select, [contenteditable]";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(WRITING) || document.querySelector("dialog[open]")) return;
  if (event.key === "/") {
    event.preventDefault();
    fold(false);
    find("query").focus();
  } else if (event.key === "?") top.showHelp();
  else if (event.key === "j" || event.key === "k") {
    fold(false);
    list.move(event.key === "j" ? 1 : -1);
  } else if (/^[1-9]$/.test(event.key)) table.goTo(Number(event.key));
});

find("query").addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") {
    event.preventDefault();
    list.move(1);
  }
});

document.documentElement.dataset.ready = "true";
