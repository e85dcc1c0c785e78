// The keys of the gallery, shown over the page.

const KEYS = [
  ["← → ↑ ↓", "move between the tiles; previous and next image where one is open"],
  ["Home, End", "first and last tile of the page"],
  ["Enter", "open the image"],
  ["x", "select the image, or no longer"],
  ["Shift + x, Shift + click", "select all from the last one selected to this one"],
  ["a", "select every image of the page, or none of them"],
  ["p, n", "previous and next page"],
  ["[, ]", "the next lower and higher sparsity that was tested"],
  ["Esc", "close what is open"],
  ["?", "show these keys"],
];

function showKeys(dialog) {
  const title = element("h2", "", "Keys of the gallery");
  title.id = "lethe-keys-title";
  const list = element("dl", "lethe-keys");
  for (const [key, what] of KEYS) {
    const term = element("dt");
    term.append(element("kbd", "", key));
    list.append(term, element("dd", "", what));
  }
  const legend = element(
    "p",
    "lethe-legend",
    "The marks below a tile are the variants of the method, by rising sparsity, the chosen one " +
      "underlined: ● right, ▼ forgotten, ▲ recovered, ◆ changed, ○ as wrong as dense.",
  );
  const head = element("header", "lethe-head");
  const close = button("lethe-step", "×", "Close", () => dialog.close());
  close.dataset.testid = "keys-close";
  head.append(title, close);
  dialog.replaceChildren(head, list, legend);
  if (!dialog.open) dialog.showModal();
  close.focus();
}
