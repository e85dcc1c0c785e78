// The map of images: points on a canvas, and shapes that are drawn around some of them.
//
// What is sent is small: 16 bits a coordinate, an id and a code of colour each. Which images lie in
// a shape the server says, for those too that are not drawn here. What an image looks like is asked
// for by another component, which hears of the pointer by an event of the document.

const NEAR = 12;
const MOST_CORNERS = 400;
const MODES = [["lasso", "Lasso"], ["box", "Rectangle"], ["move", "Move"]];

const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));

class ImageMap {
  constructor(root) {
    this.root = root;
    this.mode = "lasso";
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.tools = element("div", "lethe-map-tools");
    this.plane = element("div", "lethe-map-plane");
    this.points = element("canvas");
    this.above = element("canvas");
    this.above.tabIndex = 0;
    this.above.setAttribute("role", "img");
    this.above.dataset.testid = "image-map";
    this.plane.append(this.points, this.above);
    this.legend = element("div", "lethe-map-legend");
    root.append(this.tools, this.plane, this.legend);
    this.buildTools();
    this.listen();
    new ResizeObserver(() => this.paint()).observe(this.plane);
  }

  buildTools() {
    this.modes = MODES.map(([mode, label]) => {
      const made = button("lethe-step", label, undefined, () => this.setMode(mode));
      made.dataset.mode = mode;
      made.dataset.testid = `map-${mode}`;
      return made;
    });
    this.count = element("span", "lethe-map-count");
    this.count.dataset.testid = "map-count";
    this.tools.append(
      ...this.modes,
      button("lethe-step", "+", "Zoom in", () => this.zoom(1.5)),
      button("lethe-step", "−", "Zoom out", () => this.zoom(1 / 1.5)),
      button("lethe-step", "Whole map", undefined, () => this.reset()),
      this.count,
    );
    this.setMode(this.mode);
  }

  setMode(mode) {
    this.mode = mode;
    this.plane.dataset.mode = mode;
    this.modes.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.mode === mode)));
  }

  hear(data) {
    if (data.version === this.version) return;
    this.version = data.version;
    this.data = data;
    const places = new Uint16Array(bytes(data.places).buffer);
    this.n = data.n_drawn;
    this.xs = new Float32Array(this.n);
    this.ys = new Float32Array(this.n);
    for (let i = 0; i < this.n; i += 1) {
      this.xs[i] = places[2 * i] / 65535;
      this.ys[i] = places[2 * i + 1] / 65535;
    }
    this.ids = new Uint32Array(bytes(data.ids).buffer);
    this.codes = bytes(data.codes);
    this.chosen = data.chosen === null ? null : bytes(data.chosen);
    this.above.setAttribute("aria-label", data.alt);
    this.density = undefined;
    if (data.density) {
      const image = new Image();
      image.onload = () => { this.density = image; this.paint(); };
      image.src = data.density;
    }
    const many = data.n_shown.toLocaleString("en");
    this.count.textContent = data.n_drawn < data.n_shown
      ? `${data.n_drawn.toLocaleString("en")} of ${many} points drawn, a random sample; grey: all`
      : `${many} images`;
    this.drawLegend();
    this.paint();
  }

  drawLegend() {
    const { legend, scale, colors } = this.data;
    if (scale) {
      const made = element("span", "lethe-map-scale");
      const ramp = element("span", "lethe-map-ramp");
      ramp.style.background = `linear-gradient(to right, ${colors.slice(1).join(",")})`;
      made.append(element("span", "", scale.low), ramp, element("span", "", scale.high));
      this.legend.replaceChildren(made);
      if (scale.unknown) this.legend.append(element("span", "", `${scale.unknown} not known`));
      return;
    }
    this.legend.replaceChildren(...legend.map(({ code, label, count }) => {
      const made = button("lethe-map-entry", "", `Select ${count} images: ${label}`,
        () => this.send({ type: "code", code }));
      const dot = element("span", "lethe-map-dot");
      dot.style.background = colors[code];
      made.append(dot, element("span", "", `${label} (${count})`));
      return made;
    }));
  }

  // --- places ---------------------------------------------------------------------------------
  side() {
    return Math.min(this.plane.clientWidth, this.plane.clientHeight) * 0.94 * this.view.zoom;
  }

  toScreen(x, y) {
    const side = this.side();
    return [this.plane.clientWidth / 2 + (x - this.view.x) * side,
      this.plane.clientHeight / 2 - (y - this.view.y) * side];
  }

  toMap(left, top) {
    const side = this.side();
    return [this.view.x + (left - this.plane.clientWidth / 2) / side,
      this.view.y - (top - this.plane.clientHeight / 2) / side];
  }

  zoom(by, at) {
    const [left, top] = at ?? [this.plane.clientWidth / 2, this.plane.clientHeight / 2];
    const [x, y] = this.toMap(left, top);
    this.view.zoom = Math.min(Math.max(this.view.zoom * by, 0.5), 400);
    const [nowX, nowY] = this.toMap(left, top);
    this.view.x += x - nowX;
    this.view.y += y - nowY;
    this.paint();
  }

  reset() {
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.paint();
  }

  // --- drawing --------------------------------------------------------------------------------
  size() {
    const usual = this.n > 30000 ? 2 : this.n > 5000 ? 3 : this.n > 1000 ? 4 : 6;
    return Math.min(usual * Math.max(1, Math.sqrt(this.view.zoom) * 0.8), 14);
  }

  paint() {
    if (!this.data || this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => { this.waits = false; this.paintNow(); });
  }

  sized(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.plane.clientWidth * ratio);
    const height = Math.round(this.plane.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.plane.clientWidth, this.plane.clientHeight);
    return pen;
  }

  paintNow() {
    const pen = this.sized(this.points);
    const { clientWidth: width, clientHeight: height } = this.plane;
    if (!width) return;
    if (this.density) {
      const [left, top] = this.toScreen(0, 1);
      pen.drawImage(this.density, left, top, this.side(), this.side());
    }
    const side = this.side();
    const size = this.size();
    const round = size >= 4;
    for (const isChosen of this.chosen ? [false, true] : [true]) {
      pen.globalAlpha = isChosen ? 0.85 : 0.14;
      let last = -1;
      for (let i = 0; i < this.n; i += 1) {
        if (this.chosen && Boolean(this.chosen[i]) !== isChosen) continue;
        const left = width / 2 + (this.xs[i] - this.view.x) * side;
        const top = height / 2 - (this.ys[i] - this.view.y) * side;
        if (left < -size || top < -size || left > width + size || top > height + size) continue;
        if (this.codes[i] !== last) {
          last = this.codes[i];
          pen.fillStyle = this.data.colors[last];
        }
        if (round) {
          pen.beginPath();
          pen.arc(left, top, size / 2, 0, 7);
          pen.fill();
        } else {
          pen.fillRect(left - size / 2, top - size / 2, size, size);
        }
      }
    }
    pen.globalAlpha = 1;
    this.paintAbove();
    this.root.dataset.painted = this.version;
  }

  paintAbove() {
    const pen = this.sized(this.above);
    pen.strokeStyle = getComputedStyle(this.root).color;
    if (this.trace && this.trace.length > 1) {
      pen.setLineDash([5, 4]);
      pen.beginPath();
      this.outline().forEach(([x, y], i) => {
        const place = this.toScreen(x, y);
        if (i) pen.lineTo(...place); else pen.moveTo(...place);
      });
      pen.closePath();
      pen.stroke();
      pen.setLineDash([]);
    }
    if (this.under !== undefined) {
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(...this.toScreen(this.xs[this.under], this.ys[this.under]), this.size() / 2 + 4, 0, 7);
      pen.stroke();
    }
  }

  outline() {
    if (this.mode !== "box") return this.trace;
    const [[a, b], [c, d]] = [this.trace[0], this.trace.at(-1)];
    return [[a, b], [c, b], [c, d], [a, d]];
  }

  // --- the pointer ----------------------------------------------------------------------------
  at(event) {
    const box = this.above.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  nearest(left, top) {
    const [x, y] = this.toMap(left, top);
    const reach = (NEAR / this.side()) ** 2;
    let best = reach, found;
    for (let i = 0; i < this.n; i += 1) {
      const far = (this.xs[i] - x) ** 2 + (this.ys[i] - y) ** 2;
      if (far <= best) { best = far; found = i; }
    }
    return found;
  }

  tell(type, detail = {}) {
    document.dispatchEvent(new CustomEvent("lethe-map-point", { detail: { type, ...detail } }));
  }

  point(under, pinned) {
    if (under !== this.under || pinned) {
      this.under = under;
      this.paintAbove();
      if (under === undefined) this.tell("leave");
      else {
        const [left, top] = this.toScreen(this.xs[under], this.ys[under]);
        const box = this.above.getBoundingClientRect();
        this.tell("over", { id: this.ids[under], x: box.left + left, y: box.top + top, pinned });
      }
    }
  }

  listen() {
    const pad = this.above;
    pad.onpointerdown = (event) => {
      if (!this.data || event.button) return;
      pad.setPointerCapture(event.pointerId);
      this.from = this.last = this.at(event);
      this.trace = [this.toMap(...this.from)];
      this.tell("leave");
    };
    pad.onpointermove = (event) => {
      if (!this.data) return;
      const here = this.at(event);
      if (!this.trace) {
        this.point(this.nearest(...here), false);
        return;
      }
      if (this.mode === "move") {
        const side = this.side();
        this.view.x -= (here[0] - this.last[0]) / side;
        this.view.y += (here[1] - this.last[1]) / side;
        this.last = here;
        this.paint();
        return;
      }
      this.trace.push(this.toMap(...here));
      this.paintAbove();
    };
    pad.onpointerup = (event) => {
      if (!this.trace) return;
      const here = this.at(event);
      const moved = Math.hypot(here[0] - this.from[0], here[1] - this.from[1]);
      const corners = this.outline();
      const isDrawn = this.mode !== "move" && (moved > 4 || this.trace.length > 8);
      this.trace = undefined;
      if (isDrawn) this.select(corners);
      else if (moved <= 4) this.point(this.nearest(...here), true);
      this.paintAbove();
    };
    pad.onpointercancel = () => { this.trace = undefined; this.paintAbove(); };
    pad.onpointerleave = () => { if (!this.trace) this.point(undefined, false); };
    pad.onwheel = (event) => {
      if (!event.ctrlKey && !event.metaKey && this.mode !== "move") return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.at(event));
    };
    pad.onkeydown = (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (event.key === "+" || event.key === "=") this.zoom(1.5);
      else if (event.key === "-") this.zoom(1 / 1.5);
      else if (event.key === "Escape") { this.trace = undefined; this.tell("close"); this.paintAbove(); return; }
      else if (step) {
        this.view.x += (step[0] * 40) / this.side();
        this.view.y += (step[1] * 40) / this.side();
        this.paint();
      } else return;
      event.preventDefault();
    };
  }

  select(corners) {
    if (corners.length < 3) return;
    const every = Math.ceil(corners.length / MOST_CORNERS);
    this.send({ type: "shape", points: corners.filter((_, i) => i % every === 0) });
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lethe-map");
  if (!root || !data) return;
  root.lethe ??= new ImageMap(root);
  root.lethe.send = (event) => setTriggerValue("act", event);
  root.lethe.hear(data);
}
