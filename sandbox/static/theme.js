// Runs before the first paint, so that a page that was set to dark never flashes.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("sandbox-theme");
  } catch {
    // storage may be forbidden: the system's theme is used
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  document.documentElement.classList.add("scripts");
})();
