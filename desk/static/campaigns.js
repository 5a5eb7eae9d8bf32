// The campaigns' pages keep themselves up to date: the living part is asked for again while somebody looks.

const live = document.getElementById("live");
const told = document.getElementById("status");
let failed = false;
let shown = "";

// Nothing is replaced under a hand: not while a control has the focus, not while text is being selected.
function busy() {
  const inside = live.contains(document.activeElement) && document.activeElement.matches("button, input, select");
  return inside || !(getSelection()?.isCollapsed ?? true);
}

async function refresh() {
  if (document.hidden || busy()) return;
  try {
    const answer = await fetch(location.pathname + location.search, {
      headers: { "x-desk": "part" },
      signal: AbortSignal.timeout(15000),
    });
    if (answer.status === 401) location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const html = await answer.text();
    if (busy()) return;
    if (html.trim() !== shown) live.innerHTML = html;
    shown = html.trim();
    if (failed) told.textContent = told.dataset.back;
    told.classList.remove("bad");
    failed = false;
  } catch {
    failed = true;
    told.textContent = told.dataset.lost;
    told.classList.add("bad");
  }
}

if (live) {
  setInterval(refresh, Number(live.dataset.live) * 1000);
  document.addEventListener("visibilitychange", refresh);
  addEventListener("online", refresh);
}
