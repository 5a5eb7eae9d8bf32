// Completing while one types: keys and words of a campaign's file, in a list below the cursor.

let known = null;

function load(address) {
  known ??= fetch(address)
    .then((answer) => (answer.ok ? answer.json() : null))
    .catch(() => null);
  return known;
}

// What may follow: {begun, words}, or nothing.
function candidates(area, { top, step, values }) {
  const line = area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
  const key = line.match(/^( *)(- )?([a-z_]*)$/);
  if (key) return { begun: key[3], words: (key[1] || key[2] ? step : top).map((word) => `${word}: `) };
  const value = line.match(/^ *(?:- )?([a-z_]+): +(?:\[(?:[\w-]+, *)*)?([\w-]*)$/);
  if (value && values[value[1]]) return { begun: value[2], words: values[value[1]] };
  return null;
}

// Where the cursor stands within the field, in its lines and columns: the font has one width.
function place(area, list) {
  const before = area.value.slice(0, area.selectionStart);
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n") - 1;
  const style = getComputedStyle(area);
  const height = parseFloat(style.lineHeight);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  list.style.top = `${area.offsetTop + line * height + 10 - area.scrollTop}px`;
  list.style.left = `${Math.min(area.offsetLeft + column * pen.measureText("0").width - area.scrollLeft, area.offsetLeft + area.clientWidth - 150)}px`;
}

export function complete(area, address, put) {
  const list = document.createElement("ul");
  list.className = "words-list";
  list.setAttribute("role", "listbox");
  list.id = "words-list";
  list.hidden = true;
  area.closest(".code").append(list);
  area.setAttribute("aria-controls", list.id);
  let begun = "";

  const close = () => (list.hidden = true);
  const chosen = () => list.querySelector('[aria-selected="true"]');
  const choose = (item) => {
    if (!item) return;
    chosen()?.setAttribute("aria-selected", "false");
    item.setAttribute("aria-selected", "true");
    item.scrollIntoView({ block: "nearest" });
  };
  const take = (item) => {
    close();
    put(area, item.textContent.slice(begun.length));
  };

  async function offer(asked) {
    const words = await load(address);
    const found = words && document.activeElement === area && candidates(area, words);
    if (!found || (!asked && found.begun === "")) return close();
    begun = found.begun;
    const fits = found.words.filter((word) => word.startsWith(begun) && word !== begun);
    if (fits.length === 0) return close();
    list.replaceChildren(
      ...fits.slice(0, 40).map((word) => {
        const item = document.createElement("li");
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        item.textContent = word;
        item.addEventListener("mousedown", (event) => {
          event.preventDefault();
          take(item);
        });
        return item;
      }),
    );
    list.hidden = false;
    place(area, list);
    if (asked) choose(list.firstElementChild);
  }

  area.addEventListener("input", () => offer(false));
  area.addEventListener("blur", close);
  area.addEventListener("scroll", close);
  area.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === " ") {
      event.preventDefault();
      offer(true);
      return;
    }
    if (list.hidden) return;
    const now = chosen();
    if (event.key === "ArrowDown") choose(now?.nextElementSibling ?? list.firstElementChild);
    else if (event.key === "ArrowUp" && now) choose(now.previousElementSibling ?? list.lastElementChild);
    else if ((event.key === "Enter" || event.key === "Tab") && now) take(now);
    else if (event.key === "Escape") close();
    else {
      if (event.key === "Enter") close();
      return;
    }
    event.preventDefault();
  });
}
