// The slider of sparsity, one step a level that was tested.
//
// It moves at once, and shows what it was moved to until the server has heard of the last move: fast
// steps are not undone by the answer to an earlier one.

const FEW_LABELS = 6;

class Slider {
  constructor(root) {
    this.root = root;
    this.turn = 0;
    this.waits = false;
  }

  go(place) {
    const to = Math.min(Math.max(place, 0), this.levels.length - 1);
    if (to === this.place) return;
    this.show(to);
    this.turn += 1;
    this.waits = true;
    document.querySelector(".lethe-gallery")?.classList.add("lethe-waiting");
    this.send({ id: this.levels[to].id, turn: this.turn });
  }

  show(place) {
    this.place = place;
    const { label } = this.levels[place];
    this.root.dataset.level = label;
    this.input.value = String(place);
    this.input.setAttribute("aria-valuetext", label);
    this.value.textContent = label;
    this.ticks.forEach((tick, i) => tick.classList.toggle("lethe-tick-here", i === place));
  }

  hear(data) {
    this.turn = Math.max(this.turn, this.waits ? 0 : data.turn);
    if (this.waits && data.turn < this.turn) return;
    this.waits = false;
    const version = JSON.stringify([data.method, data.levels]);
    if (version !== this.version) {
      this.version = version;
      this.levels = data.levels;
      this.build(data.method);
    }
    this.show(data.place);
  }

  build(method) {
    const last = this.levels.length - 1;
    const head = element("span", "lethe-slider-head");
    this.value = element("strong", "lethe-slider-value");
    head.append(element("span", "", "Sparsity"), this.value);
    const hint = element("span", "lethe-slider-keys");
    hint.setAttribute("aria-hidden", "true");
    hint.title = "The keys [ and ] step through the levels";
    hint.append(element("kbd", "", "["), element("kbd", "", "]"));
    head.append(hint);
    this.input = element("input", "lethe-slider-input");
    Object.assign(this.input, { type: "range", min: "0", max: String(last), step: "1" });
    this.input.setAttribute("aria-label", `Sparsity of ${method}`);
    this.input.setAttribute("aria-keyshortcuts", "[ ]");
    this.input.oninput = () => {
      this.value.textContent = this.levels[Number(this.input.value)].label;
      this.input.setAttribute("aria-valuetext", this.value.textContent);
    };
    this.input.onchange = () => this.go(Number(this.input.value));
    const scale = element("span", "lethe-slider-scale");
    scale.setAttribute("aria-hidden", "true");
    this.ticks = this.levels.map(({ label }, i) => {
      const tick = element("span", "lethe-tick");
      tick.style.left = `${(100 * i) / last}%`;
      const isShown = this.levels.length <= FEW_LABELS || i === 0 || i === last;
      if (isShown) tick.append(element("span", "", label));
      tick.title = label;
      tick.onclick = () => this.go(i);
      return tick;
    });
    scale.append(...this.ticks);
    this.root.replaceChildren(head, this.input, scale);
  }
}

// AltGr makes the brackets on many keyboards; Control, Alt or Meta alone mean something else.
function isPlain(event) {
  if (event.getModifierState("AltGraph")) return !event.metaKey;
  return !event.ctrlKey && !event.altKey && !event.metaKey;
}

function onBracket(event, slider) {
  const step = { "[": -1, "]": 1 }[event.key];
  if (step === undefined || !isPlain(event)) return;
  if (isTyping(event.target) && !event.target.matches("input[type=range]")) return;
  const open = document.querySelector("dialog[open], [role=dialog]");
  if (open && !open.closest(".lethe-detail")) return;
  event.preventDefault();
  slider.go(slider.place + step);
}

function listenOnce(slider) {
  if (slider.listens) return;
  slider.listens = true;
  const listen = (event) =>
    slider.root.isConnected
      ? onBracket(event, slider)
      : document.removeEventListener("keydown", listen);
  document.addEventListener("keydown", listen);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lethe-slider");
  if (!root || !data) return;
  root.lethe ??= new Slider(root);
  root.lethe.send = (event) => setTriggerValue("act", event);
  root.lethe.hear(data);
  listenOnce(root.lethe);
}
