// The search over the inbox: opened by s or Ctrl+K, answered as one types. Without scripts it is a page.

const dialog = document.getElementById("search");
const found = dialog.querySelector(".found");
const field = dialog.querySelector("input");
let later, latest = 0;

function look() {
  clearTimeout(later);
  const mine = ++latest;
  later = setTimeout(async () => {
    const asked = new URLSearchParams({ q: field.value });
    const answer = await fetch(`/desk/search?${asked}`, { headers: { "x-desk": "part" } }).catch(() => undefined);
    if (answer?.status === 401) return location.reload();
    // lines of the list have ids; here they are only shown
    if (answer?.ok && mine === latest) {
      found.innerHTML = await answer.text();
      for (const line of found.querySelectorAll(".line")) line.removeAttribute("id");
    }
  }, 150);
}

function show() {
  if (dialog.open) return;
  dialog.showModal();
  field.select();
}

field.addEventListener("input", look);
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  const links = [...found.querySelectorAll(".line a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
  else if (event.key === "ArrowUp") (at > 0 ? links[at - 1] : field).focus();
  else if (event.key === "Enter" && event.target === field && links.length) links[0].click();
  else return;
  event.preventDefault();
});
document.querySelector(".look")?.addEventListener("click", (event) => { event.preventDefault(); show(); });
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  const called = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
  if (!called && (typing || event.key !== "s" || event.ctrlKey || event.metaKey || event.altKey)) return;
  event.preventDefault();
  show();
});
