// Rows with places are moved by dragging, or with Alt and the arrow keys in the field of their place. What counts are the
// numbers in these fields, which can be typed without this.

/** @param {Element} body */
function number(body) {
  let place = 1;
  for (const field of body.querySelectorAll("[data-place]")) {
    if (field instanceof HTMLInputElement) field.value = String(place++);
  }
}

/** @param {EventTarget | null} target */
function rowOf(target) {
  return target instanceof Element ? target.closest("tr") : null;
}

for (const body of document.querySelectorAll("[data-rows]")) {
  /** @type {HTMLTableRowElement | null} */
  let dragged = null;
  body.addEventListener("pointerdown", (event) => {
    // Only by its place, so that text in the other fields can be selected.
    const row = rowOf(event.target);
    const isHandle = event.target instanceof Element && event.target.closest("[data-handle]") !== null;
    if (row) row.draggable = isHandle;
  });
  body.addEventListener("dragstart", (event) => {
    dragged = rowOf(event.target);
    dragged?.classList.add("dragged");
  });
  body.addEventListener("dragover", (event) => {
    const over = rowOf(event.target);
    if (!dragged || !over || over.parentElement !== body || !(event instanceof DragEvent)) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    if (over !== dragged) body.insertBefore(dragged, event.clientY < box.top + box.height / 2 ? over : over.nextSibling);
  });
  body.addEventListener("drop", (event) => event.preventDefault());
  body.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    dragged = null;
    number(body);
  });
  body.addEventListener("keydown", (event) => {
    const row = rowOf(event.target);
    if (!(event instanceof KeyboardEvent) || !event.altKey || !row || !(event.target instanceof HTMLInputElement)) return;
    if (!event.target.matches("[data-place]")) return;
    if (event.key === "ArrowUp" && row.previousElementSibling) body.insertBefore(row, row.previousElementSibling);
    else if (event.key === "ArrowDown" && row.nextElementSibling) body.insertBefore(row.nextElementSibling, row);
    else return;
    event.preventDefault();
    number(body);
    event.target.focus();
  });
}
