// What the components of the gallery are made of. Text is always set as textContent, so a class
// called <script> is shown and never run.

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
  made.disabled = onClick === undefined;
  made.onclick = onClick;
  return made;
}

// A picture in its frame: small ones with crisp pixels, large ones smooth.
function picture(frame, src, alt) {
  if (!src) {
    frame.append(element("span", "lethe-missing", "no image"));
    return frame;
  }
  const image = element("img");
  image.alt = alt;
  image.decoding = "sync";
  image.onload = () =>
    image.classList.toggle("lethe-crisp", image.naturalWidth * 2 <= frame.clientWidth);
  image.src = src;
  frame.append(image);
  return frame;
}

const isTyping = (target) =>
  target instanceof Element && target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");

// A button that copies the address of what is shown, which names sweep and variant; what it did
// stands on it for a moment.
function makeCopy(query, testid) {
  const made = button("lethe-step lethe-copy", "Copy link", undefined, async () => {
    const link = `${location.origin}${location.pathname}?${query}`;
    made.textContent = (await copied(link)) ? "Copied" : "Copy it from the address bar";
    setTimeout(() => { made.textContent = "Copy link"; }, 2500);
  });
  made.dataset.testid = testid;
  made.dataset.link = query;
  return made;
}

// Where the page is not trusted with the clipboard, as over plain HTTP, a field is copied from.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea");
    field.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
