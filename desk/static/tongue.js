// A gentle word before sending: the draft is in another language than the customer's.

const composer = document.getElementById("composer");
const text = composer.querySelector("textarea");
const conversation = document.getElementById("open").dataset.conversation;
const hint = document.createElement("span");
hint.className = "told";
hint.id = "tongue";
hint.role = "status";
composer.querySelector(".send").prepend(hint);
let later, latest = 0;

function look() {
  clearTimeout(later);
  const mine = ++latest;
  if (composer.querySelector("[name=mode]:checked").value === "note" || text.value.trim().length < 12) {
    hint.textContent = "";
    return;
  }
  later = setTimeout(async () => {
    const body = new URLSearchParams({ text: text.value });
    const asked = { headers: { "x-desk": "part" }, method: "POST", body };
    const answer = await fetch(`/desk/inbox/${conversation}/tongue`, asked).catch(() => undefined);
    if (answer?.ok && mine === latest) hint.textContent = (await answer.json()).words;
  }, 500);
}

text.addEventListener("input", look);
composer.addEventListener("change", look);
