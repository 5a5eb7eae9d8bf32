// Quiet notices: a promise that is broken, an urgent customer who waits, one's name in a note. Nothing is forced.

const list = document.getElementById("list");
const mentions = document.getElementById("mentions");
const SEEN = "mentions:seen";
const MOST = 4;

if (mentions?.dataset.newest) localStorage.setItem(SEEN, mentions.dataset.newest);

if (list) {
  const badge = document.querySelector("[data-mentions]");
  const words = list.dataset;
  const numbers = new Intl.NumberFormat(document.documentElement.lang);
  const shelf = document.createElement("div");
  shelf.className = "notices";
  shelf.role = "status";
  document.body.append(shelf);

  const told = new Set(JSON.parse(sessionStorage.getItem("notices") ?? "[]"));

  function tell(key, href, text) {
    if (told.has(key)) return;
    told.add(key);
    sessionStorage.setItem("notices", JSON.stringify([...told].slice(-200)));
    if (href === location.pathname) return; // it is open already
    const notice = document.createElement("p"), link = document.createElement("a"), close = document.createElement("button");
    link.href = href;
    link.textContent = text;
    close.type = "button";
    close.className = "quiet";
    close.ariaLabel = words.close;
    close.textContent = "×";
    close.addEventListener("click", () => notice.remove());
    notice.append(link, close);
    shelf.append(notice);
    while (shelf.children.length > MOST) shelf.firstElementChild.remove();
  }

  // a name may run the other way: it is kept apart from the words around it
  const name = (row) => `\u2068${row.who}\u2069`;

  document.addEventListener("desk:rows", (event) => {
    for (const row of event.detail) {
      const mine = row.state === "assigned" && row.agent === list.dataset.mine;
      if (row.state !== "queued" && !mine) continue;
      const due = row.due, href = `/desk/inbox/${row.id}`;
      if (due && Date.parse(due) < event.now) tell(`late ${row.id} ${due}`, href, words.late.replace("#", name(row)));
      else if (row.state === "queued" && row.priority > 1) tell(`urgent ${row.id} ${due}`, href, words.urgent.replace("#", name(row)));
    }
  });

  async function look() {
    if (document.visibilityState !== "visible") return;
    const after = localStorage.getItem(SEEN) ?? "";
    const answer = await fetch(`/desk/mentions/new?after=${after}`, { headers: { "x-desk": "part" } }).catch(() => undefined);
    if (!answer?.ok) return;
    const found = await answer.json();
    badge.textContent = found.number ? numbers.format(found.number) : "";
    if (found.number) tell(`mention ${found.newest}`, found.at, found.words);
  }
  look();
  setInterval(look, 60000);
  document.addEventListener("visibilitychange", look);
}
