// One image over the page, with the votes of every variant. Text is set as textContent only.

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(className, text, label, testid, onClick) {
  const made = element("button", className, text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.dataset.testid = testid;
  made.disabled = onClick === undefined;
  made.onclick = onClick;
  return made;
}

function makeHead(data, dialog, go) {
  const head = element("header", "lethe-head");
  const title = element("h2", "", data.title);
  title.id = "lethe-detail-title";
  const step = (id) => (id === null ? undefined : () => go(id));
  head.append(
    title,
    element("span", "lethe-position", data.position),
    button("lethe-step", "‹", "Previous image", "detail-previous", step(data.previous)),
    button("lethe-step", "›", "Next image", "detail-next", step(data.next)),
    button("lethe-step", "×", "Close", "detail-close", () => dialog.close()),
  );
  return head;
}

function makePicture(data) {
  const frame = element("figure", "lethe-large");
  if (!data.src) {
    frame.append(element("span", "lethe-missing", "no image"));
    return frame;
  }
  const image = element("img");
  image.alt = data.alt;
  image.dataset.testid = "detail-image";
  image.onload = () =>
    image.classList.toggle("lethe-crisp", image.naturalWidth * 2 <= frame.clientWidth);
  image.src = data.src;
  frame.append(image);
  return frame;
}

function makeFacts(data) {
  const list = element("dl", "lethe-facts");
  for (const [name, value] of data.facts) {
    list.append(element("dt", "", name), element("dd", "", value));
  }
  return list;
}

function makeSegment(segment) {
  const made = element("span", `lethe-segment ${segment.right ? "lethe-right" : "lethe-wrong"}`);
  made.style.flexGrow = String(segment.votes);
  made.style.setProperty("--rank", String(segment.rank));
  made.textContent = `${segment.right ? "✓ " : ""}${segment.name} (${segment.votes})`;
  made.title = `${segment.name}: ${segment.votes} votes${segment.right ? ", the true label" : ""}`;
  return made;
}

function makeVotes(data) {
  const table = element("div", "lethe-votes");
  table.setAttribute("role", "table");
  table.setAttribute("aria-label", "Votes of every variant");
  for (const variant of data.votes) {
    const row = element("div", `lethe-row${variant.chosen ? " lethe-chosen" : ""}`);
    row.setAttribute("role", "row");
    row.dataset.testid = "detail-votes";
    row.dataset.variantId = variant.name;
    const name = element("span", "lethe-name", variant.name);
    name.setAttribute("role", "rowheader");
    const bar = element("span", "lethe-stack");
    bar.setAttribute("role", "cell");
    bar.append(...variant.segments.map(makeSegment));
    row.append(name, bar);
    table.append(row);
  }
  return table;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const dialog = parentElement.querySelector("dialog");
  if (!dialog) return;
  const go = (id) => setTriggerValue("act", { type: "open", id });
  dialog.onclose = () => setTriggerValue("act", { type: "close" });
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close();
  };
  if (!data || !data.shown) {
    dialog.onclose = null;
    if (dialog.open) dialog.close();
    return;
  }
  dialog.onkeydown = (event) => {
    if (event.key === "ArrowLeft" && data.previous !== null) go(data.previous);
    else if (event.key === "ArrowRight" && data.next !== null) go(data.next);
    else return;
    event.preventDefault();
  };
  const focused = dialog.contains(document.activeElement)
    ? document.activeElement.dataset.testid
    : undefined;
  const right = element("div", "lethe-right-side");
  right.append(
    makeFacts(data),
    element("h3", "", data.heading),
    makeVotes(data),
    element("p", "lethe-legend", data.legend),
  );
  const body = element("div", "lethe-body");
  body.append(makePicture(data), right);
  dialog.replaceChildren(makeHead(data, dialog, go), body);
  if (!dialog.open) dialog.showModal();
  const target = focused && dialog.querySelector(`[data-testid="${focused}"]:not(:disabled)`);
  (target || dialog.querySelector('[data-testid="detail-close"]')).focus({ preventScroll: true });
}
