// The treemap: go into directories, and show the figures of each in the table beside it.
"use strict";
(() => {
  const [NAME, KEPT, GENERATED, DROPPED, FILES, X, Y, W, H, STATE, CHILDREN] = Array(11).keys();
  const WIDTH = 16000, HEIGHT = 10000, HEADER = 16, EDGE = 2, LETTER = 7, MIN_SIDE = 2;
  const KINDS = ["kept", "generated", "dropped"], WORDS = ["kept", "generated", "left out"];
  const SVG = "http://www.w3.org/2000/svg";
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const map = find("map"), way = find("way"), rows = find("rows"), said = find("said");
  let by = "directory", path = [data.directory], tops = [];

  const size = (bytes) => {
    let value = bytes;
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (value < 1000) return `${Number(value.toPrecision(3))}${unit}`;
      value /= 1000;
    }
    return `${Number(value.toPrecision(4))}TB`;
  };
  const total = (node) => node[KEPT] + node[GENERATED] + node[DROPPED];
  const words = (node) =>
    `${node[NAME]}: ${KINDS.map((_, i) => node[KEPT + i] && `${size(node[KEPT + i])} ${WORDS[i]}`).filter(Boolean).join(", ") || "0B"}`;
  const make = (name, values, parent, text) => {
    const one = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(values)) one.setAttribute(key, value);
    if (text !== undefined) one.textContent = text;
    return parent.appendChild(one);
  };
  const html = (name, parent, text) => {
    const one = parent.appendChild(document.createElement(name));
    if (text !== undefined) one.textContent = text;
    return one;
  };

  function draw(node, box, parent, top) {
    node[CHILDREN].forEach((child, index) => {
      const x = box.x + Math.round(child[X] * box.w / WIDTH), y = box.y + Math.round(child[Y] * box.h / HEIGHT);
      const w = box.x + Math.round((child[X] + child[W]) * box.w / WIDTH) - x;
      const h = box.y + Math.round((child[Y] + child[H]) * box.h / HEIGHT) - y;
      if (Math.min(w, h) < MIN_SIDE) return;
      const group = make("g", {}, parent);
      if (top) {
        group.setAttribute("class", "top");
        group.setAttribute("tabindex", tops.length ? "-1" : "0");
        group.setAttribute("role", child[CHILDREN].length ? "button" : "img");
        group.setAttribute("aria-label", words(child) + (child[CHILDREN].length ? "; go into it" : ""));
        group.addEventListener("click", () => enter(index));
        tops.push({ group, index });
      }
      make("title", {}, group, words(child));
      // Of a path, its last name says most.
      const room = Math.floor((w - 6) / LETTER), name = child[NAME].slice(child[NAME].lastIndexOf("/") + 1) || child[NAME];
      const label = h < HEADER - 2 || room < 3 ? "" : name.length <= room ? name : `${name.slice(0, room - 1)}…`;
      let kind = child[STATE];
      if (child[CHILDREN].length && w >= 44 && h >= 34) {
        kind = "directory";
        make("rect", { class: kind, x, y, width: w, height: h }, group);
        draw(child, { x: x + EDGE, y: y + HEADER, w: w - 2 * EDGE, h: h - HEADER - EDGE }, group, false);
      } else if (child[CHILDREN].length) {
        let top = y, done = 0;
        const shares = KINDS.map((one, i) => [child[KEPT + i], one]).sort((a, b) => b[0] - a[0]);
        for (const [bytes, one] of shares) {
          done += bytes;
          const bottom = y + Math.round(h * done / Math.max(total(child), 1));
          if (bottom > top) {
            make("rect", { class: one, x, y: top, width: w, height: bottom - top }, group);
            kind = kind || one;
            top = bottom;
          }
        }
      } else {
        make("rect", { class: kind, x, y, width: w, height: h }, group);
      }
      if (label) make("text", { class: kind, x: x + 3, y: y + 12 }, group, label);
    });
  }

  function show(focus) {
    const node = path[path.length - 1];
    const w = Math.max(Math.round(map.clientWidth), 200), h = Math.round(w * 0.62);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", `Treemap of ${words(node)}. Arrow keys move, Enter goes in, Escape goes up.`);
    tops = [];
    draw(node, { x: 0, y: 0, w, h }, svg, true);
    map.replaceChildren(svg);
    way.replaceChildren();
    const list = html("ol", way);
    path.forEach((one, depth) => {
      const item = html("li", list), last = depth === path.length - 1;
      if (last) {
        html("span", item, one[NAME]).setAttribute("aria-current", "location");
      } else {
        html("button", item, one[NAME]).addEventListener("click", () => { path.length = depth + 1; show(true); });
      }
    });
    rows.replaceChildren();
    node[CHILDREN].forEach((child, index) => {
      const row = html("tr", rows), head = html("th", row);
      head.scope = "row";
      head.className = "path";
      if (child[CHILDREN].length) html("button", head, child[NAME]).addEventListener("click", () => enter(index));
      else head.textContent = child[NAME];
      for (const value of [child[KEPT] + child[GENERATED], child[DROPPED]]) {
        const cell = html("td", row), figure = html("data", cell, size(value));
        cell.className = "number";
        figure.value = value;
      }
    });
    if (focus) {
      said.textContent = words(node);
      if (tops.length) tops[0].group.focus();
    }
  }

  function enter(index) {
    const child = path[path.length - 1][CHILDREN][index];
    if (!child || !child[CHILDREN].length) return;
    path.push(child);
    show(true);
  }

  map.addEventListener("keydown", (event) => {
    const here = tops.findIndex((one) => one.group === document.activeElement);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step && here >= 0) {
      const next = tops[(here + step + tops.length) % tops.length];
      tops[here].group.setAttribute("tabindex", "-1");
      next.group.setAttribute("tabindex", "0");
      next.group.focus();
    } else if ((event.key === "Enter" || event.key === " ") && here >= 0) {
      enter(tops[here].index);
    } else if ((event.key === "Escape" || event.key === "Backspace") && path.length > 1) {
      path.pop();
      show(true);
    } else {
      return;
    }
    event.preventDefault();
  });
  for (const choice of document.querySelectorAll("input[name=by]")) {
    choice.addEventListener("change", () => { by = choice.value; path = [data[by]]; show(false); });
  }
  let width = 0;
  addEventListener("resize", () => {
    if (map.clientWidth !== width) { width = map.clientWidth; show(false); }
  });
  addEventListener("beforeprint", () => { for (const one of document.querySelectorAll("details")) one.open = true; });
  find("controls").hidden = false;
  width = map.clientWidth;
  show(false);
})();
