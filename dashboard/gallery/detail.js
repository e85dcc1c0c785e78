// One image over the page, with the votes of every variant.

function control(text, label, testid, onClick) {
  const made = button("lethe-step", text, label, onClick);
  made.dataset.testid = testid;
  return made;
}

function makeHead(data, dialog, go, select, goTo) {
  const head = element("header", "lethe-head");
  const title = element("h2", "", data.title);
  title.id = "lethe-detail-title";
  const step = (id) => (id === null ? undefined : () => go(id));
  const chosen = control(data.selected ? "☑ Selected" : "☐ Select", undefined, "detail-select", select);
  chosen.setAttribute("aria-pressed", String(data.selected));
  head.append(
    title,
    ...(data.steps ? [makeSteps(data.steps, goTo)] : []),
    element("span", "lethe-position", data.position),
    chosen,
    makeCopy(data.link, "detail-copy-link"),
    control("‹", "Previous image", "detail-previous", step(data.previous)),
    control("›", "Next image", "detail-next", step(data.next)),
    control("×", "Close", "detail-close", () => dialog.close()),
  );
  return head;
}

// Steps to the same image at the next level of sparsity, below or above.
function makeSteps(steps, goTo) {
  const made = element("span", "lethe-level");
  const step = (id) => (id === null ? undefined : () => goTo(id));
  const [less, more] = ["[", "]"].map((key, i) =>
    control(key, i ? "More sparsity" : "Less sparsity", `detail-${i ? "more" : "less"}`,
      step(i ? steps.more : steps.less)),
  );
  made.append(less, element("span", "", `Sparsity ${steps.label}`), more);
  return made;
}

function makePicture(data) {
  const frame = picture(element("figure", "lethe-large"), data.src, data.alt);
  const image = frame.querySelector("img");
  if (image) image.dataset.testid = "detail-image";
  return frame;
}

function makeFacts(data) {
  const list = element("dl", "lethe-facts");
  for (const [name, value] of data.facts) {
    list.append(element("dt", "", name), element("dd", "", value));
  }
  return list;
}

// The way to the page of this image: in this session a step, in another tab an address.
function makeWay(data, leave) {
  const way = element("a", "lethe-way", "Open its own page: every run, every variant");
  way.href = data.page;
  way.dataset.testid = "detail-page";
  way.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    leave();
  };
  return way;
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
  const leave = () => setTriggerValue("act", { type: "image-page" });
  const goTo = (id) => setTriggerValue("act", { type: "variant", id });
  const select = () =>
    setTriggerValue("act", {
      type: "select",
      shown: [data.id],
      selected: data.selected ? [] : [data.id],
    });
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
    else if (event.key === "x") select();
    else return;
    event.preventDefault();
  };
  const focused = dialog.contains(document.activeElement)
    ? document.activeElement.dataset.testid
    : undefined;
  const right = element("div", "lethe-right-side");
  right.append(
    makeFacts(data),
    makeWay(data, leave),
    element("h3", "", data.heading),
    makeVotes(data),
    element("p", "lethe-legend", data.legend),
  );
  const body = element("div", "lethe-body");
  body.append(makePicture(data), right);
  dialog.replaceChildren(makeHead(data, dialog, go, select, goTo), body);
  if (!dialog.open) dialog.showModal();
  const target = focused && dialog.querySelector(`[data-testid="${focused}"]:not(:disabled)`);
  (target || dialog.querySelector('[data-testid="detail-close"]')).focus({ preventScroll: true });
}
