// What is told of the image under the pointer: its thumbnail is asked for once the pointer rests.

const REST = 90;
const MOST_KEPT = 300;
const kept = new Map();

class Tip {
  constructor(root) {
    this.root = root;
    this.listener = (event) => this.onPoint(event.detail);
    document.addEventListener("lethe-map-point", this.listener);
  }

  onPoint({ type, id, x, y, pinned }) {
    if (!this.root.isConnected) {
      document.removeEventListener("lethe-map-point", this.listener);
      return;
    }
    clearTimeout(this.timer);
    if (type !== "over") {
      if (type === "leave" && this.pinned) return;
      this.pinned = false;
      this.root.hidden = true;
      this.id = undefined;
      return;
    }
    if (this.pinned && !pinned) return;
    this.pinned = pinned;
    this.id = id;
    Object.assign(this, { x, y });
    this.show();
    if (!kept.has(`${this.of} ${id}`)) this.timer = setTimeout(() => this.send({ id }), REST);
  }

  hear({ of, told }) {
    this.of = of;
    if (!told) return;
    kept.set(`${of} ${told.id}`, told);
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
    if (told.id === this.id) this.show();
  }

  show() {
    const told = kept.get(`${this.of} ${this.id}`);
    const frame = element("span", "lethe-map-frame");
    this.root.dataset.imageId = String(this.id);
    this.root.classList.toggle("lethe-pinned", Boolean(this.pinned));
    this.root.toggleAttribute("data-told", Boolean(told));
    if (!told) {
      this.root.replaceChildren(frame, element("b", "", `Image ${this.id}`));
    } else {
      picture(frame, told.src, told.alt);
      const link = element("a", "", "Open the image");
      link.href = `image?${told.link}`;
      link.target = "_self";
      this.root.replaceChildren(
        frame, element("b", "", told.title), ...told.lines.map((line) => element("span", "", line)),
        ...(this.pinned ? [link] : []),
      );
    }
    this.root.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.root;
    const left = this.x + 16 + width > innerWidth ? this.x - 16 - width : this.x + 16;
    this.root.style.left = `${Math.max(4, Math.min(left, innerWidth - width - 4))}px`;
    this.root.style.top = `${Math.max(4, Math.min(this.y - height / 2, innerHeight - height - 4))}px`;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lethe-map-tip");
  if (!root || !data) return;
  root.lethe ??= new Tip(root);
  root.lethe.send = (event) => setTriggerValue("ask", event);
  root.lethe.hear(data);
}
