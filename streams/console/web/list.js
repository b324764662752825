// Lists of buttons and tables that change while somebody is in them. Data becomes text, never markup.

export function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Show items as buttons; those that stay keep their element, and the one that has the focus keeps it. */
export function list(parent, items, describe) {
  const had = new Map([...parent.children].map((item) => [item.dataset.key, item]));
  const wanted = items.map(describe).map((about) => {
    const item = had.get(about.key) ?? element("li");
    item.dataset.key = about.key;
    const button = item.firstChild ?? item.appendChild(element("button"));
    button.type = "button";
    button.onclick = about.act;
    button.setAttribute("aria-pressed", String(about.pressed));
    const text = about.parts.map((part) => part[1]).join("\n");
    if (item.dataset.text !== text) {
      item.dataset.text = text;
      button.replaceChildren(...about.parts.map((part) => element(...part)));
    }
    return item;
  });
  const kept = new Set(wanted);
  for (const item of had.values()) if (!kept.has(item)) item.remove();
  wanted.forEach((item, place) => {
    if (item.contains(document.activeElement)) {
      while (parent.children[place] !== item) parent.append(parent.children[place]); // it would lose the focus if it moved
    } else if (parent.children[place] !== item) parent.insertBefore(item, parent.children[place] ?? null);
  });
}

/** Show lines of values, the first of which names the line; what did not change stays, so that it can be selected. */
export function table(body, lines) {
  const text = lines.map((line) => line.join("\t")).join("\n");
  if (body.dataset.text === text) return;
  body.dataset.text = text;
  body.replaceChildren(
    ...lines.map((line) => {
      const row = element("tr");
      line.forEach((value, column) => {
        const cell = element(column ? "td" : "th", String(value));
        if (!column) cell.scope = "row";
        row.append(cell);
      });
      return row;
    }),
  );
}
