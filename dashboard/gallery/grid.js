// The grid: count, filter chips, pager and tiles, or the same images as rows.
//
// Which tiles are selected changes here at once and is sent with whatever is sent next, always for
// the whole page: so nothing is lost where the server answers an earlier click late.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

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
  if (tile.fates.length) made.append(strip(tile.fates));
  if (tile.tags.length) made.append(element("span", "lethe-line lethe-tags", tile.tags.join(", ")));
  return made;
}

const MARKS = { right: "●", forgotten: "▼", recovered: "▲", changed: "◆", wrong: "○" };

// One mark a variant, in order of sparsity: right, forgotten, recovered, changed, as wrong as dense.
function strip(fates) {
  const made = element("span", "lethe-fates");
  for (const [mark, words, isHere, level] of fates) {
    const one = element("span", `lethe-fate lethe-fate-${mark}${isHere ? " lethe-fate-here" : ""}`, MARKS[mark]);
    one.title = words;
    one.append(element("span", "lethe-fate-level", level));
    made.append(one);
  }
  return made;
}

function makeCell(tile, page) {
  const cell = element("div", "lethe-cell");
  const open = button("lethe-tile lethe-open", undefined, undefined, (event) =>
    event.shiftKey ? page.toggle(tile.id, true) : page.act({ type: "open", id: tile.id }),
  );
  open.dataset.testid = "gallery-tile";
  open.dataset.imageId = String(tile.id);
  open.title = tile.alt;
  open.tabIndex = -1;
  open.append(picture(element("span", "lethe-frame"), tile.src, tile.alt), words(tile));
  cell.append(open, makeBox(tile, page));
  return cell;
}

function makeBox(tile, page) {
  const box = element("input", "lethe-select");
  box.type = "checkbox";
  box.tabIndex = -1;
  box.dataset.imageId = String(tile.id);
  box.setAttribute("aria-label", `Select image ${tile.id}`);
  box.onclick = (event) => page.toggle(tile.id, event.shiftKey);
  return box;
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
  const step = (text, label, page) =>
    button("lethe-step", text, label, 1 <= page && page <= data.n_pages ? () => go(page) : undefined);
  const previous = step("‹", "Previous page", data.page - 1);
  previous.dataset.testid = "gallery-previous";
  const next = step("›", "Next page", data.page + 1);
  next.dataset.testid = "gallery-next";
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
  const tiles = [...grid.querySelectorAll(".lethe-open")];
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

// The selection of one page, and what is sent of it.
class Page {
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.ids = [];
    this.selected = new Set();
    this.last = null;
    this.turn = 0;
    this.dirty = false;
  }

  act(event) {
    this.root.classList.add("lethe-waiting");
    this.tell(event);
  }

  tell(event) {
    const marks = this.dirty ? { shown: this.ids, selected: [...this.selected] } : {};
    this.turn += 1;
    this.send({ ...event, ...marks, turn: this.turn });
  }

  toggle(id, isRange) {
    const on = !this.selected.has(id);
    const from = isRange && this.ids.includes(this.last) ? this.ids.indexOf(this.last) : -1;
    const to = this.ids.indexOf(id);
    const range = from < 0 ? [id] : this.ids.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const one of range) this.mark(one, from < 0 ? on : true);
    this.last = id;
    this.changed();
  }

  toggleAll() {
    const on = !this.ids.every((id) => this.selected.has(id));
    for (const id of this.ids) this.mark(id, on);
    this.changed();
  }

  mark(id, on) {
    if (on) this.selected.add(id);
    else this.selected.delete(id);
  }

  changed() {
    this.dirty = true;
    this.paint();
    this.tell({ type: "select" });
  }

  // What the server knows counts once it has heard of the last click.
  hear(data) {
    if (data.turn < this.turn) return;
    this.selected = new Set(data.selected);
    this.dirty = false;
    this.paint();
  }

  paint() {
    for (const box of this.root.querySelectorAll(".lethe-select")) {
      box.checked = this.selected.has(Number(box.dataset.imageId));
      box.closest(".lethe-cell, tr").classList.toggle("lethe-selected", box.checked);
    }
  }
}

function makeTiles(data, page) {
  const grid = element("div", `lethe-grid lethe-tiles-${data.tile}`);
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Images");
  grid.append(...data.tiles.map((tile) => makeCell(tile, page)));
  return grid;
}

const keysDialog = (root) => root.parentElement.querySelector(".lethe-keys-dialog");

function onKey(event, page, root) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "?") return showKeys(keysDialog(root));
  const tile = document.activeElement?.closest?.(".lethe-cell, tr")?.querySelector(".lethe-open");
  const key = event.key.toLowerCase();
  if (key === "x" && tile) page.toggle(Number(tile.dataset.imageId), event.shiftKey);
  else if (key === "a" && tile) page.toggleAll();
  else if (key === "n") root.querySelector('[data-testid="gallery-next"]:not(:disabled)')?.click();
  else if (key === "p") root.querySelector('[data-testid="gallery-previous"]:not(:disabled)')?.click();
}

// The keys hold wherever the focus is on the page, until the gallery is left.
function listenOnce(page, root) {
  if (page.listens) return;
  page.listens = true;
  const listen = (event) =>
    root.isConnected ? onKey(event, page, root) : document.removeEventListener("keydown", listen);
  document.addEventListener("keydown", listen);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lethe-gallery");
  if (!root || !data) return;
  root.lethe ??= new Page(root, (event) => setTriggerValue("act", event));
  const page = root.lethe;
  page.send = (event) => setTriggerValue("act", event);
  listenOnce(page, root);
  if (root.dataset.version === data.version) {
    root.classList.remove("lethe-waiting");
    page.hear(data);
    return;
  }
  root.dataset.version = data.version;
  const act = (event) => page.act(event);
  const focused = root.contains(document.activeElement)
    ? document.activeElement.dataset.testid
    : undefined;

  const bar = element("div", "lethe-bar");
  const count = element("p", "lethe-count", data.count);
  count.dataset.testid = "gallery-count";
  count.setAttribute("role", "status");
  const pager = makePager(data, act);
  const keys = button("lethe-step", "?", "Keys of the gallery", () => showKeys(keysDialog(root)));
  keys.dataset.testid = "gallery-keys";
  pager.append(makeCopy(data.link, "gallery-copy-link"), keys);
  bar.append(count, pager);

  const grid = data.table ? makeTable(data, page, act) : makeTiles(data, page);
  const first = grid.querySelector(".lethe-open");
  if (first) first.tabIndex = 0;
  grid.onkeydown = (event) => moveFocus(event, grid);

  const parts = [makeChips(data, act), bar];
  if (data.empty) parts.push(element("p", "lethe-empty", data.empty));
  root.replaceChildren(...parts, grid);
  root.classList.remove("lethe-waiting");
  page.ids = data.tiles.map((tile) => tile.id);
  page.last = page.ids.includes(page.last) ? page.last : null;
  page.turn = Math.max(page.turn, data.turn);
  page.hear({ ...data, turn: page.turn });
  if (focused && !["gallery-tile", "gallery-row-open"].includes(focused)) {
    root.querySelector(`[data-testid="${focused}"]:not(:disabled)`)?.focus();
  } else if (focused && first) {
    first.focus();
  }
}
