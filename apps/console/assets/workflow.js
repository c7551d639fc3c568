// The picture of a workflow is edited with the mouse: statuses are moved, transitions drawn, all into the fields of the form
// below, which is what is saved. The picture comes closer with Ctrl and the wheel, and is moved by its ground.

const graph = document.querySelector("[data-graph]");
const form = document.querySelector("[data-workflow]");
const WIDTH = 168;
const HEIGHT = 46;
const BEND = 34;

/** @typedef {{ x: number, y: number }} Point */

/** @param {Element} status @returns {Point} */
function middle(status) {
  return { x: Number(status.getAttribute("data-x")) + WIDTH / 2, y: Number(status.getAttribute("data-y")) + HEIGHT / 2 };
}

/** @param {Point} from @param {Point} to @returns {Point} Where a line leaves the box around `from`. */
function border(from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const reach = Math.min(dx ? WIDTH / 2 / Math.abs(dx) : Infinity, dy ? HEIGHT / 2 / Math.abs(dy) : Infinity, 1);
  return { x: from.x + dx * reach, y: from.y + dy * reach };
}

/** @param {string} id */
function statusOf(id) {
  return [...(graph?.querySelectorAll("[data-status]") ?? [])].find((status) => status.getAttribute("data-status") === id);
}

/** @param {Element} edge As the server draws it. */
function draw(edge) {
  const source = statusOf(edge.getAttribute("data-source") ?? "");
  const target = statusOf(edge.getAttribute("data-target") ?? "");
  if (!source || !target) return;
  const turn = Number(edge.getAttribute("data-turn"));
  const [from, to] = [middle(source), middle(target)];
  let line;
  let name;
  if (source === target) {
    const [x, y] = [from.x + WIDTH * 0.2, from.y - HEIGHT / 2];
    const high = y - 44 - turn * BEND;
    line = `M${x} ${y}C${x} ${high} ${x + 40} ${high} ${x + 40} ${y}`;
    name = { x: x + 20, y: high + 8 };
  } else {
    const length = Math.max(Math.hypot(to.x - from.x, to.y - from.y), 1);
    const bend = (BEND * (turn + 0.5)) / length;
    const control = { x: (from.x + to.x) / 2 + (to.y - from.y) * bend, y: (from.y + to.y) / 2 - (to.x - from.x) * bend };
    const [start, end] = [border(from, control), border(to, control)];
    line = `M${start.x} ${start.y}Q${control.x} ${control.y} ${end.x} ${end.y}`;
    // How far along the name stands.
    const part = Number(edge.getAttribute("data-part") ?? 0.5);
    const [a, b, c] = [(1 - part) ** 2, 2 * part * (1 - part), part ** 2];
    name = { x: a * start.x + b * control.x + c * end.x, y: a * start.y + b * control.y + c * end.y };
  }
  edge.querySelector("path")?.setAttribute("d", line);
  const words = edge.querySelector("text");
  words?.setAttribute("x", String(name.x));
  words?.setAttribute("y", String(name.y));
}

/** @param {Element} row @param {string} member @param {string} value */
function set(row, member, value) {
  const field = row.querySelector(`[name$=".${member}"]`);
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
  return field;
}

/** @param {Element} status @param {Point} at */
function place(status, at) {
  status.setAttribute("data-x", String(at.x));
  status.setAttribute("data-y", String(at.y));
  status.setAttribute("transform", `translate(${at.x} ${at.y})`);
  const id = status.getAttribute("data-status");
  for (const row of form?.querySelectorAll("[data-node]") ?? []) {
    if (row.getAttribute("data-node") !== id) continue;
    set(row, "position\\.x", String(Math.round(at.x)));
    set(row, "position\\.y", String(Math.round(at.y)));
  }
  for (const edge of graph?.querySelectorAll("[data-source]") ?? []) {
    if (edge.getAttribute("data-source") === id || edge.getAttribute("data-target") === id) draw(edge);
  }
}

/** @param {Element} row One more row as this one, the last, with nothing in it. */
function another(row) {
  const more = /** @type {Element} */ (row.cloneNode(true));
  const count = form?.querySelectorAll("[data-edge]").length ?? 0;
  for (const field of more.querySelectorAll("[name]")) {
    field.setAttribute("name", (field.getAttribute("name") ?? "").replace(/\[\d+\]/, `[${count}]`));
    const said = field.getAttribute("aria-label");
    if (said) field.setAttribute("aria-label", said.replace(/\d+$/, String(count + 1)));
    if (field instanceof HTMLSelectElement) field.value = "";
    else if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = false;
    else if (field instanceof HTMLInputElement) field.value = field.matches("[data-place]") ? String(count + 1) : "";
  }
  for (const wrong of more.querySelectorAll(".words")) wrong.remove();
  row.after(more);
  return more;
}

/** @param {string} source @param {string} target A new transition: into the first row that is free, or else into one more. */
function connect(source, target) {
  if (!(graph instanceof SVGElement)) return;
  const rows = [...(form?.querySelectorAll('[data-edge="new"]') ?? [])];
  const last = rows.at(-1);
  if (!last) return;
  const found = rows.find((row) => {
    const field = row.querySelector('[name$=".source"]');
    return field instanceof HTMLSelectElement && field.value === "";
  });
  const free = found ?? another(last);
  set(free, "source", source);
  set(free, "target", target);
  const edge = document.createElementNS(graph.namespaceURI, "g");
  const line = document.createElementNS(graph.namespaceURI, "path");
  const same = graph.querySelectorAll("[data-source]");
  const turn = [...same].filter((one) => one.getAttribute("data-source") === source && one.getAttribute("data-target") === target).length;
  edge.setAttribute("data-source", source);
  edge.setAttribute("data-target", target);
  edge.setAttribute("data-turn", String(turn));
  line.setAttribute("class", "graph-line");
  line.setAttribute("marker-end", "url(#arrow)");
  edge.append(line);
  graph.insertBefore(edge, graph.querySelector("[data-status]"));
  draw(edge);
  const label = free.querySelector('[name$=".label"]');
  if (label instanceof HTMLElement) label.focus();
}

/** @param {PointerEvent | WheelEvent} event @returns {Point} In the picture's own measure. */
function inPicture(event) {
  if (!(graph instanceof SVGSVGElement)) return { x: 0, y: 0 };
  const matrix = graph.getScreenCTM()?.inverse();
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
}

if (graph instanceof SVGSVGElement && form?.querySelector("[data-node]")) {
  const view = graph.viewBox.baseVal;
  /** @type {{ kind: "move" | "draw" | "look", status: Element | null, from: Point } | null} */
  let held = null;
  graph.addEventListener("pointerdown", (event) => {
    if (!(event.target instanceof Element)) return;
    const [handle, status] = [event.target.closest("[data-handle-of]"), event.target.closest("[data-status]")];
    const isGhost = status?.classList.contains("graph-ghost");
    const from = inPicture(event);
    if (handle) held = { kind: "draw", status, from };
    else if (status && !isGhost) held = { kind: "move", status, from: { x: from.x - middle(status).x, y: from.y - middle(status).y } };
    else held = { kind: "look", status: null, from };
    graph.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  graph.addEventListener("pointermove", (event) => {
    if (!held) return;
    const at = inPicture(event);
    if (held.kind === "move" && held.status) {
      place(held.status, { x: at.x - held.from.x - WIDTH / 2, y: at.y - held.from.y - HEIGHT / 2 });
    } else if (held.kind === "look") {
      view.x += held.from.x - at.x;
      view.y += held.from.y - at.y;
    }
  });
  graph.addEventListener("pointerup", (event) => {
    const over = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-status]");
    const source = held?.kind === "draw" ? held.status?.getAttribute("data-status") : null;
    const target = over?.getAttribute("data-status");
    held = null;
    if (source && target) connect(source, target);
  });
  graph.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const [at, by] = [inPicture(event), event.deltaY > 0 ? 1.15 : 1 / 1.15];
    view.x = at.x - (at.x - view.x) * by;
    view.y = at.y - (at.y - view.y) * by;
    view.width *= by;
    view.height *= by;
  });
}
