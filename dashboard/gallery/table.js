// The same images as rows: a click on a heading sorts by it, one on a row opens the image.

function makeTable(data, page, act) {
  const table = element("table", "lethe-table");
  table.append(element("caption", "lethe-unseen", "The images found, a row each"));
  const head = element("tr");
  head.append(cellOf("th", ""), cellOf("th", ""));
  for (const column of data.table.columns) head.append(makeHeading(column, act));
  const body = element("tbody");
  body.append(...data.tiles.map((tile, i) => makeRow(tile, data.table.rows[i], data.table, page)));
  const first = element("thead");
  first.append(head);
  table.append(first, body);
  const frame = element("div", "lethe-rows");
  frame.append(table);
  return frame;
}

function cellOf(tag, text, className) {
  const made = element(tag, className, text);
  if (tag === "th") made.scope = "col";
  return made;
}

function makeHeading(column, act) {
  const made = cellOf("th", undefined, column.number ? "lethe-number" : "");
  if (!column.sort) {
    made.textContent = column.label;
    return made;
  }
  const mark = { asc: " ▲", desc: " ▼" }[column.order] ?? "";
  made.append(
    button("lethe-heading", column.label + mark, undefined, () => act({ type: "sort", sort: column.sort })),
  );
  if (column.order) made.ariaSort = column.order === "asc" ? "ascending" : "descending";
  return made;
}

function makeRow(tile, cells, about, page) {
  const row = element("tr", "lethe-table-row");
  row.dataset.testid = "gallery-row";
  row.dataset.imageId = String(tile.id);
  const open = () => page.act({ type: "open", id: tile.id });
  row.onclick = (event) => {
    if (event.target.closest("button, input")) return;
    if (event.shiftKey) page.toggle(tile.id, true);
    else open();
  };
  const chosen = element("td");
  chosen.append(makeBox(tile, page));
  const shown = element("td");
  shown.append(picture(element("span", "lethe-small"), tile.src, tile.alt));
  row.append(chosen, shown);
  cells.forEach((text, i) => {
    const column = about.columns[i];
    const cell = element("td", column.number ? "lethe-number" : "");
    if (column.name === "image_id") {
      const way = button("lethe-open lethe-row-open", text, `Open image ${tile.id}`, open);
      way.tabIndex = -1;
      way.dataset.testid = "gallery-row-open";
      way.dataset.imageId = String(tile.id);
      cell.append(way);
    } else if (column.name === "fates") {
      cell.append(strip(tile.fates));
    } else {
      cell.append(element("span", "lethe-cut", text));
      cell.title = text;
    }
    row.append(cell);
  });
  return row;
}
