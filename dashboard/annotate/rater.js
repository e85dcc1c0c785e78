// One image at a time, one key a category. What is said waits in `pending` until the server says
// that it is on the disk, and is sent again where no word comes, so that no key press is lost.
// Text is set as textContent only.

const AGAIN_MS = 4000;
const MOST_TIMES = 12;
const KEYS = "1234567890";
const ZOOMS = [1, 2, 4];
const MOST_COMMENT = 1000;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(className, testid, onClick) {
  const made = element("button", className);
  made.type = "button";
  made.dataset.testid = testid;
  made.onclick = onClick;
  return made;
}

function key(text) {
  return element("kbd", "lethe-kbd", text);
}

function isTyping(target) {
  return target.closest?.("input, textarea, select, [contenteditable=true], [role=dialog]");
}

// What is still to be shown, were everything pending done already.
function ahead(state) {
  const gone = new Set(state.pending.map((action) => action.image));
  return state.data.upcoming.filter((image) => !gone.has(image.id));
}

function isUndoing(state) {
  return state.pending.some((action) => action.type === "undo");
}

function nRated(state) {
  return state.data.done + state.pending.filter((action) => action.type === "rate").length;
}

function send(state) {
  clearTimeout(state.timer);
  if (!state.pending.length) return;
  state.setTriggerValue("act", { who: state.who, token: state.token, actions: state.pending });
  state.timer = setTimeout(() => state.root.isConnected && send(state), AGAIN_MS);
}

function act(state, action) {
  state.sequence += 1;
  state.pending.push({ ...action, sequence: state.sequence });
  draw(state);
  send(state);
}

function rate(state, category) {
  const [image] = ahead(state);
  if (!image || isUndoing(state)) return;
  const comment = state.comment?.imageId === image.id ? state.comment.box.value.trim() : "";
  act(state, { type: "rate", image: image.id, category, ...(comment && { comment }) });
}

// Larger, at the point that was clicked; after the largest as it was.
function zoom(state, at) {
  state.zoom = (state.zoom + 1) % ZOOMS.length;
  showZoom(state, at);
}

function showZoom(state, at = { x: 0.5, y: 0.5 }) {
  const frame = state.root.querySelector(".lethe-judged");
  const picture = frame?.querySelector("img");
  if (!picture) return;
  const times = ZOOMS[state.zoom];
  frame.classList.toggle("lethe-zoomed", times > 1);
  picture.style.width = picture.style.height = "";
  if (times > 1) {
    const { naturalWidth: wide, naturalHeight: high } = picture;
    const fitting = Math.min(frame.clientWidth / wide, frame.clientHeight / high);
    const shown = Math.min(fitting, Math.max(256 / Math.max(wide, high), MOST_TIMES));
    picture.style.maxWidth = picture.style.maxHeight = "none";
    picture.style.width = `${times * shown * wide}px`;
    picture.style.height = "auto";
    frame.scrollTo(
      at.x * picture.clientWidth - frame.clientWidth / 2,
      at.y * picture.clientHeight - frame.clientHeight / 2,
    );
  } else if (picture.complete) {
    picture.onload();
  }
  const words = state.root.querySelector("[data-testid=annotate-zoom] span");
  if (words) words.textContent = times > 1 ? `Zoom ×${times}` : "Zoom";
}

function skip(state) {
  const [image, next] = ahead(state);
  if (image && next && !isUndoing(state)) act(state, { type: "skip", image: image.id });
}

function undo(state) {
  if (nRated(state) && !isUndoing(state)) act(state, { type: "undo" });
}

function toggleKeys(state) {
  state.showsKeys = !state.showsKeys;
  draw(state);
  state.root.querySelector(".lethe-keys")?.scrollIntoView({ block: "nearest" });
}

function onKey(state, event) {
  if (!state.root.isConnected || isTyping(event.target)) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const onButton = event.target.closest?.("button, a, summary");
  const place = event.key.length === 1 ? KEYS.indexOf(event.key) : -1;
  if (place >= 0 && place < state.data.categories.length) {
    if (!event.repeat) rate(state, state.data.categories[place].key);
  } else if (event.key === "z") {
    if (!event.repeat) zoom(state);
  } else if (event.key === "c") {
    state.root.querySelector("[data-testid=annotate-comment]")?.focus();
  } else if (event.key === "u" || event.key === "Backspace") {
    if (!event.repeat) undo(state);
  } else if (event.key === "s" || (event.key === " " && !onButton)) {
    if (!event.repeat) skip(state);
  } else if (event.key === "?") {
    toggleKeys(state);
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function makePicture(state, image) {
  const frame = element("figure", "lethe-judged");
  if (!image.src) {
    frame.append(element("span", "lethe-missing", "no picture"));
    return frame;
  }
  const picture = element("img");
  picture.alt = `Image to judge, labelled ${image.label}`;
  picture.dataset.testid = "annotate-image";
  picture.dataset.imageId = String(image.id);
  picture.decoding = "sync";
  picture.onload = () => {
    const side = Math.max(picture.naturalWidth, picture.naturalHeight);
    picture.classList.toggle("lethe-crisp", side * 2 <= frame.clientWidth);
    // A few pixels blown up to fill the page are harder to make out, not easier.
    picture.style.maxWidth = picture.style.maxHeight = `${Math.max(256, side * MOST_TIMES)}px`;
  };
  picture.onclick = (event) => {
    const box = picture.getBoundingClientRect();
    zoom(state, {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
    });
  };
  picture.src = image.src;
  frame.append(picture);
  return frame;
}

// One box an image: what is being typed outlives whatever the server says meanwhile.
function makeComment(state, image) {
  if (state.comment?.imageId !== image.id) {
    const box = element("input", "lethe-comment");
    box.type = "text";
    box.maxLength = MOST_COMMENT;
    box.placeholder = "Comment, if you like";
    box.setAttribute("aria-label", "Comment on this image");
    box.dataset.testid = "annotate-comment";
    box.onkeydown = (event) => {
      if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
      event.preventDefault();
      state.root.focus({ preventScroll: true });
    };
    state.comment = { imageId: image.id, box };
  }
  return state.comment.box;
}

function makeCategories(state, isOff) {
  const list = element("div", "lethe-categories");
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", "What is this image?");
  state.data.categories.forEach((category, i) => {
    const made = button("lethe-category", `annotate-${category.key}`, () => {
      rate(state, category.key);
      state.root.focus({ preventScroll: true });
    });
    made.disabled = isOff;
    made.setAttribute("aria-keyshortcuts", KEYS[i]);
    const words = element("span", "lethe-category-words");
    words.append(element("strong", "", category.name), element("span", "", category.about));
    made.append(key(KEYS[i]), words);
    list.append(made);
  });
  return list;
}

function makeSteps(state, isOff) {
  const steps = element("div", "lethe-steps");
  const back = button("lethe-act", "annotate-undo", () => undo(state));
  back.disabled = !nRated(state) || isUndoing(state);
  back.append(key("u"), element("span", "", "Undo"));
  const later = button("lethe-act", "annotate-skip", () => skip(state));
  later.disabled = isOff || ahead(state).length < 2;
  later.append(key("s"), element("span", "", "Later"));
  const help = button("lethe-act", "annotate-help", () => toggleKeys(state));
  help.setAttribute("aria-expanded", String(state.showsKeys));
  help.append(key("?"), element("span", "", "Keys"));
  const larger = button("lethe-act", "annotate-zoom", () => zoom(state));
  larger.disabled = isOff;
  larger.append(key("z"), element("span", "", "Zoom"));
  steps.append(back, later, larger, help);
  return steps;
}

function makeKeys(state) {
  const list = element("dl", "lethe-keys");
  list.dataset.testid = "annotate-keys";
  const n = state.data.categories.length;
  for (const [keys, words] of [
    [["1", "–", KEYS[n - 1]], "give the category and go on"],
    [["c"], "write a comment; Enter leaves it"],
    [["z"], "enlarge the picture, twice, and back; a click enlarges where it is"],
    [["u", "Backspace"], "take the last answer back"],
    [["s", "Space"], "leave this image for later"],
    [["?"], "show or hide these keys"],
  ]) {
    const term = element("dt");
    term.append(...keys.map((one) => (one === "–" ? element("span", "", one) : key(one))));
    list.append(term, element("dd", "", words));
  }
  return list;
}

function makeHead(state) {
  const head = element("div", "lethe-progress");
  const words = element("p", "lethe-progress-words", `${nRated(state)} of ${state.data.total}`);
  words.dataset.testid = "annotate-progress";
  words.setAttribute("role", "status");
  const bar = element("progress");
  bar.max = state.data.total;
  bar.value = nRated(state);
  bar.setAttribute("aria-label", state.data.isPractice ? "Practice" : "Images rated");
  const saved = element("span", "lethe-saved", state.pending.length ? "saving …" : "all saved");
  saved.dataset.testid = "annotate-saved";
  head.append(words, bar, saved);
  return head;
}

function makeBody(state, image) {
  const isOff = !image || isUndoing(state);
  const body = element("div", "lethe-asking");
  const left = element("div", "lethe-judged-side");
  if (image) {
    const label = element("p", "lethe-label");
    label.append("Label: ", element("strong", "", image.label));
    label.dataset.testid = "annotate-label";
    left.append(label, makePicture(state, image), makeComment(state, image));
  } else {
    left.append(element("p", "lethe-label", "The next image is on its way …"));
  }
  body.append(left, makeCategories(state, isOff));
  return body;
}

function makeDone(state) {
  const done = element("div", "lethe-finished");
  done.dataset.testid = "annotate-done";
  done.append(
    element("h3", "", `All ${state.data.total} images are rated. Thank you.`),
    element(
      "p",
      "",
      state.data.isAlone
        ? "Every answer is saved. You can close this page."
        : "Every answer is on the disk. What all raters said is under Results.",
    ),
  );
  return done;
}

function draw(state) {
  const root = state.root;
  const focused = root.contains(document.activeElement)
    ? document.activeElement.dataset.testid
    : undefined;
  const isOver = nRated(state) >= state.data.total && !isUndoing(state);
  const isDone = isOver && !state.data.isPractice;
  const [image, ...later] = ahead(state);
  const parts = [makeHead(state)];
  if (state.data.isPractice) {
    const practice = element("p", "lethe-practice", "Practice: these answers do not count.");
    practice.dataset.testid = "annotate-practice";
    parts.push(practice);
  }
  if (image?.id !== state.shownId) state.zoom = 0;
  state.shownId = image?.id;
  if (state.data.problem) {
    const problem = element("p", "lethe-problem", state.data.problem);
    problem.setAttribute("role", "alert");
    problem.dataset.testid = "annotate-problem";
    parts.push(problem);
  }
  parts.push(isDone ? makeDone(state) : makeBody(state, image), makeSteps(state, isDone || !image));
  if (state.showsKeys) parts.push(makeKeys(state));
  root.replaceChildren(...parts);
  if (state.zoom) showZoom(state);
  if (focused) {
    (root.querySelector(`[data-testid="${focused}"]:not(:disabled)`) || root).focus({
      preventScroll: true,
    });
  }
  // Decoded before they are needed.
  state.waiting = later.slice(0, 4).map((one) => Object.assign(new Image(), { src: one.src }));
}

function begin(root) {
  const state = {
    root,
    pending: [],
    sequence: 0,
    showsKeys: false,
    zoom: 0,
    token: `${Date.now()}-${Math.random()}`,
  };
  root.tabIndex = -1;
  state.onKey = (event) => onKey(state, event);
  state.onLeave = (event) => {
    if (state.pending.length) event.preventDefault();
  };
  return state;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lethe-rater");
  if (!root || !data) return undefined;
  // Another rater or study starts again; what it had to say has been sent.
  if (root.lethe && root.lethe.who !== data.who) {
    document.removeEventListener("keydown", root.lethe.onKey, true);
    removeEventListener("beforeunload", root.lethe.onLeave);
    clearTimeout(root.lethe.timer);
    root.lethe = undefined;
  }
  const state = (root.lethe ??= begin(root));
  state.who = data.who;
  state.setTriggerValue = setTriggerValue;
  const isKnown = data.acknowledged.token === state.token;
  const upTo = isKnown ? data.acknowledged.sequence : 0;
  state.pending = state.pending.filter((action) => action.sequence > upTo);
  if (!state.pending.length) clearTimeout(state.timer);
  // An answer of a moment ago may already be counted by the server, but not yet acknowledged here.
  state.data = data;
  draw(state);
  if (!state.hasBegun && root.getBoundingClientRect().bottom > innerHeight) {
    root.scrollIntoView({ block: "start" });
  }
  state.hasBegun = true;
  document.addEventListener("keydown", state.onKey, true);
  addEventListener("beforeunload", state.onLeave);
  return () => {
    document.removeEventListener("keydown", state.onKey, true);
    removeEventListener("beforeunload", state.onLeave);
    clearTimeout(state.timer);
  };
}
