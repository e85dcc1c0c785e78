// The grid: count, filter chips, pager and tiles. Text is always set as textContent, so a class
// called <script> is shown and never run.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(className, text, label, onClick) {
  const made = element("button", className, text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.onclick = onClick;
  return made;
}

function picture(tile) {
  const frame = element("span", "lethe-frame");
  if (!tile.src) {
    frame.append(element("span", "lethe-missing", "no image"));
    return frame;
  }
  const image = element("img");
  image.alt = tile.alt;
  image.decoding = "sync";
  image.onload = () =>
    image.classList.toggle("lethe-crisp", image.naturalWidth * 2 <= frame.clientWidth);
  image.src = tile.src;
  frame.append(image);
  return frame;
}

function words(tile) {
  const made = element("span", "lethe-words");
  made.setAttribute("aria-hidden", "true");
  const labels = element("span", "lethe-line");
  labels.append(element("span", "lethe-key", "true"), element("strong", "", tile.label));
  const modal = element("span", "lethe-line", `${tile.dense} → ${tile.variant}`);
  const kind = element("span", `lethe-line lethe-kind lethe-${tile.kind || "none"}`);
  kind.append(
    element("span", "lethe-icon", tile.icon),
    element("span", "", tile.kindText),
    element("span", "lethe-agreement", tile.agreement),
  );
  made.append(labels, modal, kind);
  return made;
}

function makeTile(tile, act) {
  const made = button("lethe-tile", undefined, undefined, () => act({ type: "open", id: tile.id }));
  made.dataset.testid = "gallery-tile";
  made.dataset.imageId = String(tile.id);
  made.title = tile.alt;
  made.tabIndex = -1;
  made.append(picture(tile), words(tile));
  return made;
}

function makeChips(data, act) {
  const chips = element("div", "lethe-chips");
  for (const chip of data.chips) {
    const made = button("lethe-chip", undefined, `Remove filter ${chip.text}`, () =>
      act({ type: "remove", field: chip.field, value: chip.value }),
    );
    made.append(element("span", "", chip.text), element("span", "lethe-cross", "×"));
    chips.append(made);
  }
  if (data.chips.length) {
    const reset = button("lethe-reset", "Reset filters", undefined, () => act({ type: "reset" }));
    reset.dataset.testid = "gallery-reset";
    chips.append(reset);
  }
  return chips;
}

function makePager(data, act) {
  const pager = element("nav", "lethe-pager");
  pager.setAttribute("aria-label", "Pages");
  const go = (page) => act({ type: "page", page });
  const previous = button("lethe-step", "‹", "Previous page", () => go(data.page - 1));
  previous.dataset.testid = "gallery-previous";
  previous.disabled = data.page <= 1;
  const next = button("lethe-step", "›", "Next page", () => go(data.page + 1));
  next.dataset.testid = "gallery-next";
  next.disabled = data.page >= data.n_pages;
  const jump = element("input", "lethe-jump");
  jump.type = "number";
  jump.min = 1;
  jump.max = data.n_pages;
  jump.value = data.page;
  jump.setAttribute("aria-label", "Go to page");
  jump.onchange = () => {
    const page = Math.min(Math.max(1, Math.round(Number(jump.value) || 1)), data.n_pages);
    if (page !== data.page) go(page);
    jump.value = page;
  };
  const of = element("span", "", `of ${data.n_pages.toLocaleString("en")}`);
  pager.append(previous, element("span", "", "Page"), jump, of, next);
  return pager;
}

function moveFocus(event, grid) {
  const tiles = [...grid.children];
  const here = tiles.indexOf(document.activeElement);
  if (here < 0) return;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  let there;
  if (event.key in ARROWS) there = here + ARROWS[event.key][0] + ARROWS[event.key][1] * columns;
  else if (event.key === "Home") there = 0;
  else if (event.key === "End") there = tiles.length - 1;
  else return;
  event.preventDefault();
  const target = tiles[Math.min(Math.max(there, 0), tiles.length - 1)];
  tiles[here].tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lethe-gallery");
  if (!root || !data || root.dataset.version === data.version) return;
  root.dataset.version = data.version;
  const act = (event) => {
    root.classList.add("lethe-waiting");
    setTriggerValue("act", event);
  };
  const focused = root.contains(document.activeElement)
    ? document.activeElement.dataset.testid
    : undefined;

  const bar = element("div", "lethe-bar");
  const count = element("p", "lethe-count", data.count);
  count.dataset.testid = "gallery-count";
  count.setAttribute("role", "status");
  bar.append(count, makePager(data, act));

  const grid = element("div", `lethe-grid lethe-tiles-${data.tile}`);
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Images");
  grid.append(...data.tiles.map((tile) => makeTile(tile, act)));
  if (grid.firstChild) grid.firstChild.tabIndex = 0;
  grid.onkeydown = (event) => moveFocus(event, grid);

  const parts = [makeChips(data, act), bar];
  if (data.empty) parts.push(element("p", "lethe-empty", data.empty));
  root.replaceChildren(...parts, grid);
  root.classList.remove("lethe-waiting");
  if (focused && focused !== "gallery-tile") {
    root.querySelector(`[data-testid="${focused}"]:not(:disabled)`)?.focus();
  }
}
