// The chart of packages' histories, of one with its days or of several: ranges, scales, the value
// under the pointer or by keyboard, a table, and the way to compare. A package's view and the
// comparison share it.

import { normalise } from "./badge.js";
import { yearsOf } from "./years.js";
import { DAY, WEEK, count, day, digits, make, radio, readTable, setAria, shape } from "./tools.js";

export const MOST = 5; // packages in one chart
const RANGES = { 90: "90 days", 365: "A year", all: "Everything" };
export const USUAL = "365"; // the range that a chart opens on
const SCALES = { linear: "Linear", log: "Logarithmic" };
const EDGE = { left: 50, right: 10, top: 10, bottom: 24 }; // pixels around the plot
const month = new Intl.DateTimeFormat("en", { month: "short", timeZone: "UTC" });

/** The address of the comparison of some packages. */
export const comparison = (names) => `#?compare=${names.join(",")}`;

/** A listing's days as they are kept, up to those of its badges: by column, the first and counts. */
async function readHistory({ name, last_date }) {
  const { names, rows } = await readTable(`${name}/history.csv`);
  const end = Date.parse(last_date);
  return (names.length ? names : ["downloads"]).map((_, column) => {
    const known = rows.filter(({ time, counts }) => time <= end && counts[column] >= 0);
    if (!known.length) return { first: 0, counts: [] };
    const [first, last] = [known[0].time, column ? known.at(-1).time : end];
    const counts = new Array((last - first) / DAY + 1).fill(0); // what a missing day counts as
    for (const row of known) counts[(row.time - first) / DAY] = row.counts[column];
    return { first: first / DAY, counts };
  });
}

/** The averages of the seven days that end with each of some days, where seven are known. */
function averages(counts) {
  let sum = 0;
  return counts.map((number, at) => {
    sum += number - (counts[at - WEEK] ?? 0);
    return at < WEEK - 1 ? NaN : sum / WEEK;
  });
}

/** The lines of a chart: the days and averages of one listing, or the averages of several. */
async function linesOf(listings) {
  const histories = await Promise.all(listings.map(readHistory));
  const lines = histories.map(([{ first, counts }], at) => {
    const { name } = listings[at];
    const others = listings.map((listing) => listing.name).filter((other) => other !== name);
    return { name, others, className: `line-${at}`, first, values: averages(counts) };
  });
  if (lines.length > 1) return lines;
  const [[{ first, counts }, ...others]] = histories;
  const average = { ...lines[0], name: "Seven-day average", others: null };
  const isOffered = listings[0].messages.has("without-mirrors");
  const withoutMirrors = others.filter(({ counts }) => isOffered && counts.length).map((one) => {
    const values = averages(one.counts);
    return { ...average, name: "The same without mirrors", className: "line-1", first: one.first, values };
  });
  return [{ ...average, name: "A day", className: "days", values: counts }, average, ...withoutMirrors];
}

/** Round numbers from about `least` to about `most`, which is more, and where numbers lie: 0 to 1. */
function axisOf(least, most, isLog) {
  const round = [];
  for (let power = 1; power <= most * 10; power *= 10) round.push(power, 2 * power, 5 * power);
  if (!isLog) {
    const step = round.find((number) => 4 * number >= most);
    const ticks = Array.from({ length: Math.ceil(most / step) + 1 }, (_, at) => at * step);
    return { ticks, place: (number) => number / ticks.at(-1) };
  }
  const from = round.findLastIndex((number) => number <= Math.max(least, 1));
  const to = Math.max(round.findIndex((number) => number >= most), from + 1);
  const between = round.slice(from, to + 1);
  const [low, high] = [between[0], between.at(-1)].map(Math.log10);
  const ticks = between.length < 7 ? between : between.filter((number) => Number.isInteger(Math.log10(number)));
  return { ticks, place: (number) => Math.max(Math.log10(number) - low, 0) / (high - low) };
}

/** The first days of some months between two days, at most so many, and how to name them. */
function monthsOf(first, last, most) {
  const [start, end] = [first, last].map((number) => new Date(number * DAY));
  const index = (date) => 12 * date.getUTCFullYear() + date.getUTCMonth();
  const step = [1, 2, 3, 6, 12, 24, 60].find((length) => (index(end) - index(start)) / length <= most);
  const months = [];
  for (let at = index(start) + 1; at <= index(end); at++) {
    if (at % step) continue;
    const time = Date.UTC(Math.floor(at / 12), at % 12);
    months.push([time / DAY, at % 12 ? month.format(time) : `${at / 12}`]);
  }
  return months;
}

/**
 * Make a chart within an element, once. `listings` by name can be compared, `changes` are the
 * numbers of days on which counting changed, and `changed` is told of a chosen range and scale.
 * Returns what shows some listings in it, by a range and a scale.
 */
export function chartIn(root, listings, changes, changed) {
  const choice = (key, table) => {
    const all = Object.entries(table).map(([value, text]) => radio(`${root.id}-${key}`, value, text));
    const label = { range: "Range", scale: "Scale" }[key];
    return make("div", { className: "chips", role: "radiogroup", aria: { label } }, ...all);
  };
  const controls = make("form", { className: "ranges" }, choice("range", RANGES), choice("scale", SCALES));
  const date = make("b");
  const legend = make("ul", { className: "legend" });
  const svg = shape("svg", { class: "plot", "aria-hidden": "true" });
  const slider = make("input", { type: "range", aria: { label: "Day" } });
  const table = make("div", { className: "scroll", tabIndex: 0, role: "region", aria: { label: "The figures as a table" } });
  const details = make("details", {}, make("summary", {}, "The figures as a table"), table);
  const field = make("input", { id: `${root.id}-other`, autocomplete: "off", spellcheck: false });
  field.setAttribute("list", "names");
  const told = make("span", { role: "status" });
  const label = make("label", { htmlFor: field.id }, "Compare with");
  const add = make("form", { className: "adding" }, label, field, make("button", {}, "Add"), told);
  const empty = make("p", { className: "muted" }, "No day with downloads is known yet.");
  const drawn = make("div", {}, make("p", { className: "readout" }, date, legend), svg, slider, details);
  const years = make("div", { className: "years" });
  root.append(make("div", { className: "tools" }, controls, add), empty, drawn, years);

  let shown = []; // listings
  let lines = [];
  let bounds; // the first and last day's numbers
  let at; // a day's number and a number of downloads as a point

  const chosen = (key) => controls.elements[`${root.id}-${key}`].value;
  const valueOf = (line, number) => line.values[number - line.first] ?? NaN;
  const written = (value) => (Number.isNaN(value) ? "–" : digits(Math.round(value)));

  function point() {
    const number = Number(slider.value);
    const values = lines.map((line) => valueOf(line, number));
    date.textContent = day(number * DAY);
    [...legend.children].forEach((item, n) => (item.querySelector("output").value = written(values[n])));
    const texts = lines.map(({ name }, n) => `${name} ${written(values[n])}`);
    setAria(slider, "valuetext", `${date.textContent}: ${texts.join(", ")}`);
    const [x] = at(number, 0);
    const cursor = shape("path", { class: "cursor", d: `M${x} ${EDGE.top}V${svg.clientHeight - EDGE.bottom}` });
    const dots = lines.map((line, n) =>
      shape("path", { class: `dot ${line.className}`, d: values[n] >= 0 ? `M${at(number, values[n]).join(" ")}h0` : "" }),
    );
    svg.querySelector("g").replaceChildren(cursor, ...dots);
  }

  function draw() {
    const known = lines.filter((line) => line.values.length);
    empty.hidden = known.length > 0;
    drawn.hidden = !known.length;
    if (!known.length) return;
    const last = Math.max(...known.map((line) => line.first + line.values.length - 1));
    const first = Math.max(Math.min(...known.map((line) => line.first)), last + 1 - (Number(chosen("range")) || Infinity));
    bounds = [first, last];
    const values = known.flatMap((line) => line.values.slice(Math.max(first - line.first, 0)));
    const positive = values.filter((value) => value > 0);
    const most = Math.max(1, ...positive);
    const { ticks, place } = axisOf(Math.min(most, ...positive), most, chosen("scale") === "log");
    const [width, height] = [svg.clientWidth, svg.clientHeight];
    const [across, up] = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
    at = (number, value) => [
      (EDGE.left + (across * (number - first)) / Math.max(last - first, 1)).toFixed(1),
      (EDGE.top + up * (1 - place(value))).toFixed(1),
    ];
    const grid = ticks.flatMap((tick) => {
      const [, y] = at(first, tick);
      const text = shape("text", { x: EDGE.left - 6, y, dy: 4, "text-anchor": "end" }, count(tick));
      return [shape("path", { class: "grid", d: `M${EDGE.left} ${y}H${width - EDGE.right}` }), text];
    });
    const months = monthsOf(first, last, across / 60).map(([number, text]) =>
      shape("text", { x: at(number, ticks[0])[0], y: height - 6, "text-anchor": "middle" }, text),
    );
    const marks = changes.filter((number) => number > first && number <= last).map((number) =>
      shape("path", { class: "change", d: `M${at(number, ticks[0]).join(" ")}V${EDGE.top}` }),
    );
    const paths = known.map((line) => {
      let d = "";
      for (let number = Math.max(first, line.first); number <= last; number++) {
        const value = valueOf(line, number);
        if (value >= 0) d += `${d ? "L" : "M"}${at(number, value).join(" ")}`;
      }
      return shape("path", { class: line.className, d: d && `${d}h0` });
    });
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren(...grid, ...marks, ...months, ...paths, shape("g", {}));
    const before = Number(slider.value);
    Object.assign(slider, { min: first, max: last });
    slider.value = before >= first && before < last ? before : last;
    details.open = false; // as it would show another range
    point();
  }

  function tabulate() {
    if (!details.open) return table.replaceChildren();
    const cells = (tag, texts) => make("tr", {}, ...texts.map((text) => make(tag, {}, text)));
    const rows = [];
    for (let number = bounds[1]; number >= bounds[0]; number--) {
      const iso = new Date(number * DAY).toISOString().slice(0, 10);
      rows.push(cells("td", [iso, ...lines.map((line) => written(valueOf(line, number)))]));
    }
    const head = make("thead", {}, cells("th", ["Date", ...lines.map((line) => line.name)]));
    table.replaceChildren(make("table", {}, head, make("tbody", {}, ...rows)));
  }

  for (const type of ["pointerdown", "pointermove"]) svg.addEventListener(type, (event) => {
    const part = (event.offsetX - EDGE.left) / (svg.clientWidth - EDGE.left - EDGE.right);
    slider.value = bounds[0] + part * (bounds[1] - bounds[0]);
    point();
  });
  slider.addEventListener("input", point);
  details.addEventListener("toggle", tabulate);
  controls.addEventListener("change", () => {
    draw();
    changed({ range: chosen("range"), scale: chosen("scale") });
  });
  add.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = normalise(field.value.trim());
    told.textContent = listings.has(name) ? "" : "That package isn’t listed here.";
    if (!listings.has(name)) return;
    field.value = "";
    location.hash = comparison([...new Set([...shown.map((listing) => listing.name), name])]);
  });
  new ResizeObserver(() => lines.length && draw()).observe(svg);

  return async function show(wanted, range, scale) {
    shown = wanted;
    controls.elements[`${root.id}-range`].value = Object.hasOwn(RANGES, range) ? range : USUAL;
    controls.elements[`${root.id}-scale`].value = Object.hasOwn(SCALES, scale) ? scale : "linear";
    add.hidden = wanted.length >= MOST;
    told.textContent = "";
    const read = await linesOf(wanted);
    if (shown !== wanted) return; // others are asked for meanwhile
    lines = read;
    legend.replaceChildren(...lines.map(legendOf));
    const isAlone = wanted.length === 1 && lines[0].values.length > 0;
    years.replaceChildren(...(isAlone ? yearsOf(lines[0], changes) : []));
    Object.assign(slider, { min: 0, value: 0 }); // which no range has, so it becomes the last day
    draw();
  };
}

/** A line's name and its value of a day, with the ways to the package and to the others alone. */
function legendOf({ name, others, className }) {
  const swatch = make("span", { className: `swatch ${className}` });
  if (!others) return make("li", {}, swatch, `${name} `, make("output"));
  const remove = make("a", { href: comparison(others), aria: { label: `Remove ${name}` } }, "×");
  const parts = [swatch, make("a", { href: `#${name}` }, name), " ", make("output")];
  return make("li", {}, ...parts, ...(others.length ? [" ", remove] : []));
}
