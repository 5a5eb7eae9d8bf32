// The timeline grows in its place; without this script its link leads to a page of its own.

const told = document.getElementById("status");

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-more]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.ariaBusy === "true") return;
  link.ariaBusy = "true";
  try {
    const answer = await fetch(link.href.split("#")[0], { headers: { "x-desk": "part" }, signal: AbortSignal.timeout(15000) });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const older = document.createElement("template");
    older.innerHTML = await answer.text();
    const first = older.content.querySelector("li");
    link.closest("li").replaceWith(older.content);
    if (first) { first.tabIndex = -1; first.focus({ preventScroll: true }); }
    told.textContent = "";
    told.classList.remove("bad");
  } catch {
    link.ariaBusy = "false";
    told.textContent = told.dataset.lost;
    told.classList.add("bad");
  }
});
