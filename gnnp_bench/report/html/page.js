"use strict";
// What scripts add to a page that can be read without them: sorting, filtering, turning, figures.
document.documentElement.classList.add("js");

// --- tables ------------------------------------------------------------------------------------------------------
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const shown = (row, column) => row.cells[column].dataset.value;
  const said = document.getElementById(table.getAttribute("aria-describedby")); // in which order the rows stand
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      // What has no value is no better and no worse than the others: it comes last in either direction.
      const rows = [...body.rows];
      const known = rows.filter((row) => shown(row, column) !== "");
      const numeric = known.every((row) => !isNaN(shown(row, column)));
      const order = (a, b) => numeric
        ? shown(a, column) - shown(b, column)
        : shown(a, column).localeCompare(shown(b, column));
      body.append(...known.sort((a, b) => sign * order(a, b)), ...rows.filter((row) => shown(row, column) === ""));
      if (said) said.textContent = `Sorted by ${button.textContent}: ${head.dataset[down ? "down" : "up"]}.`;
    });
  });
}
for (const form of document.querySelectorAll("form.filter")) {
  const table = form.parentElement.querySelector("table.sortable");
  const rows = [...table.tBodies[0].rows];
  const find = form.querySelector("input[type=search]");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const asked = (name) => form.querySelector(`[name=${name}]`)?.value.trim() ?? "";
  const told = form.querySelector("output");
  const columns = [...table.tHead.rows[0].cells];
  // Where there is no room for headings, a list stands for them.
  const sort = document.createElement("span");
  sort.className = "narrow";
  sort.innerHTML = '<label>Sort by <select></select></label> <button type="button">other way</button>';
  const by = sort.querySelector("select");
  const press = () => columns[by.value]?.querySelector("button").click();
  by.addEventListener("input", (event) => { event.stopPropagation(); press(); });
  sort.querySelector("button").addEventListener("click", press);
  told.before(sort);
  const offer = () => {
    const before = by.value;
    by.replaceChildren(new Option("", ""), ...columns.flatMap((head, k) => head.hidden ? [] : [new Option(head.textContent, k)]));
    by.value = before;
  };
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const groups = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const elements = asked("elements").split(/[\s,]+/).filter(Boolean).map((one) => one.toLowerCase());
    const most = asked("cost") === "" ? Infinity : Number(asked("cost"));
    let count = 0;
    let unknown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const has = (row.dataset.elements ?? "").toLowerCase().split(" ");
      const cost = row.dataset.cost;
      const others = (!boxes.length || groups.has(row.dataset.group))
        && words.every((word) => text.includes(word))
        && elements.every((one) => has.includes(one));
      const cheap = most === Infinity || (cost !== "" && Number(cost) <= most);
      row.hidden = !others || !cheap;
      count += !row.hidden;
      unknown += others && !cheap && cost === "";
    }
    told.textContent = `${count} of ${rows.length}` + (unknown ? `; of ${unknown} left out, no cost is known` : "");
    // Columns of laws are there while their family is looked at, else one column for each family.
    const family = asked("family");
    columns.forEach((head, column) => {
      if (!head.dataset.family) return;
      const away = family === "" ? head.dataset.level === "law" : head.dataset.family !== family || head.dataset.level !== "law";
      for (const row of [table.tHead.rows[0], ...rows]) row.cells[column].hidden = away;
    });
    offer();
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
}

// --- structures that turn ----------------------------------------------------------------------------------------
const product = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)));
const aboutY = (t) => [[Math.cos(t), 0, Math.sin(t)], [0, 1, 0], [-Math.sin(t), 0, Math.cos(t)]];
const aboutX = (t) => [[1, 0, 0], [0, Math.cos(t), -Math.sin(t)], [0, Math.sin(t), Math.cos(t)]];
for (const svg of document.querySelectorAll("svg.turn")) {
  const group = svg.querySelector("g");
  const parts = [...group.children].map((node) => {
    const at = node.dataset.at.split(" ").map(Number);
    return { node, places: at.length > 3 ? [at.slice(0, 3), at.slice(3)] : [at] };
  });
  const entries = svg.dataset.turn.split(" ").map(Number);
  let turn = [0, 3, 6].map((i) => entries.slice(i, i + 3));
  const draw = () => {
    for (const part of parts) {
      const seen = part.places.map((r) => turn.map((row) => row[0] * r[0] + row[1] * r[1] + row[2] * r[2]));
      part.depth = seen.reduce((sum, r) => sum + r[2], 0) / seen.length;
      const set = (name, value) => part.node.setAttribute(name, value.toFixed(2));
      if (seen.length === 1) {
        set("cx", seen[0][0]); set("cy", -seen[0][1]);
      } else {
        set("x1", seen[0][0]); set("y1", -seen[0][1]); set("x2", seen[1][0]); set("y2", -seen[1][1]);
      }
    }
    group.append(...parts.sort((a, b) => a.depth - b.depth).map((part) => part.node));
    svg.dataset.turn = turn.flat().map((x) => x.toFixed(4)).join(" ");
  };
  const by = (dx, dy) => { turn = product(aboutX(dy), product(aboutY(dx), turn)); draw(); };
  svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener("pointermove", (event) => {
    if (svg.hasPointerCapture(event.pointerId)) by(event.movementX * 0.01, event.movementY * 0.01);
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
    if (step) { by(...step); event.preventDefault(); }
  });
}

// --- figures -----------------------------------------------------------------------------------------------------
const packed = document.getElementById("plotly");
if (packed) {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const themed = (layout) => {
    const axis = { gridcolor: colour("--rule"), linecolor: colour("--soft"), zerolinecolor: colour("--rule"), automargin: true };
    return {
      height: 320,
      margin: { l: 60, r: 15, t: 10, b: 45 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("--ink"), family: getComputedStyle(document.body).fontFamily, size: 13 },
      legend: { orientation: "h", y: 1, yanchor: "bottom" },
      ...layout,
      xaxis: { ...axis, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
      shapes: (layout.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: colour("--ink") } })),
    };
  };
  const loaded = (script) => new Promise((done, failed) => {
    script.onload = done;
    script.onerror = () => failed(new Error(`${script.src} could not be loaded`));
    document.head.append(script);
  });
  const unpacked = async () => {
    const script = document.createElement("script");
    if (packed.dataset.from) { // a page of a site: the script lies beside it, once for all
      script.src = packed.dataset.from;
      return loaded(script);
    }
    const text = atob(packed.textContent);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  };
  unpacked().then(() => {
    const draw = (figure) => {
      const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
      const canvas = figure.querySelector(".canvas");
      const groups = [...new Set(data.map((trace) => trace.legendgroup ?? trace.name))];
      const colours = ["--accent", "--open", "--held", "--violated"].map(colour);
      for (const trace of data) {
        const shade = trace.meta ? colour(trace.meta) : colours[groups.indexOf(trace.legendgroup ?? trace.name) % colours.length];
        trace.marker = { ...trace.marker, color: shade };
        trace.line = { ...trace.line, color: shade };
      }
      // Paper is narrower than a screen, and is not waited for: the width must be right at once.
      const width = matchMedia("print").matches ? canvas.clientWidth : undefined;
      return Plotly.react(canvas, data, { ...themed(layout), width }, { responsive: true, displaylogo: false, displayModeBar: false });
    };
    const waiting = new Set(document.querySelectorAll("figure.plot"));
    const drawn = new Set();
    const first = (figure) => {
      if (!waiting.delete(figure)) return;
      near.unobserve(figure);
      drawn.add(figure);
      draw(figure);
    };
    // What is far down the page is drawn when it comes near, or on paper.
    const near = new IntersectionObserver(
      (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => first(one.target)),
      { rootMargin: "600px" },
    );
    waiting.forEach((figure) => near.observe(figure));
    addEventListener("beforeprint", () => waiting.forEach(first));
    for (const media of ["(prefers-color-scheme: dark)", "print"]) {
      matchMedia(media).addEventListener("change", () => drawn.forEach(draw));
    }
    document.documentElement.dataset.figures = "ready";
  }).catch((error) => {
    document.documentElement.classList.remove("js"); // which shows the words that stand for the figures
    console.error(error);
  });
}
