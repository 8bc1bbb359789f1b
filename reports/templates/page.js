
"use strict";
// What makes the page handier; everything in it can be read without. Its digest stands in the page's policy.

// Charts with two drawings: one is shown, buttons change which.
for (const toggle of document.querySelectorAll(".toggle")) {
  const figure = toggle.closest("figure");
  toggle.hidden = false;
  toggle.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    for (const button of toggle.children) button.setAttribute("aria-pressed", String(button === chosen));
    for (const view of figure.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== chosen.dataset.shows;
  });
}

// Tables sorted by their headings; where rows are grouped, within each group.
const collator = new Intl.Collator("en", { numeric: true });

// What a cell is sorted by: its number if it has one, else its words; nothing goes last whatever the direction.
function keyOf(row, column) {
  const cell = row.cells[column];
  const text = (cell.dataset.v ?? cell.textContent).trim();
  const number = /^[-+\d.e]+$/i.test(text) ? Number(text) : NaN;
  return { text, number, isNumber: !Number.isNaN(number) };
}

function compare(a, b, sign) {
  if (a.isNumber !== b.isNumber) return a.isNumber ? -1 : 1;
  if (a.isNumber) return sign * (a.number - b.number);
  if (!a.text || !b.text) return (a.text ? 0 : 1) - (b.text ? 0 : 1);
  return sign * collator.compare(a.text, b.text);
}

function sort(table, heading) {
  const rises = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", rises ? "ascending" : "descending");
  for (const body of table.tBodies) {
    const rows = Array.from(body.rows).filter((row) => !row.classList.contains("group"));
    const keyed = rows.map((row) => ({ row, key: keyOf(row, heading.cellIndex) }));
    keyed.sort((a, b) => compare(a.key, b.key, rises ? 1 : -1));
    body.append(...keyed.map((item) => item.row));
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, heading));
    heading.append(button);
  }
}
