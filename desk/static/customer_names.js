// Customers to choose from below a field, while somebody types a name.

const PAUSE = 250; // milliseconds

for (const field of document.querySelectorAll('input[list="customer-names"]')) {
  let waiting = 0;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const answer = await fetch(`/desk/customer-names?q=${encodeURIComponent(field.value)}`).catch(() => null);
      if (!answer?.ok) return;
      const found = (await answer.json()).map(({ value, name }) => {
        const option = document.createElement("option");
        option.value = value;
        option.label = name ? `${name} · ${value}` : value;
        return option;
      });
      document.getElementById("customer-names").replaceChildren(...found);
    }, PAUSE);
  });
}
