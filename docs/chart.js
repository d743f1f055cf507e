// The chart of packages' histories, of one with its days or of several: ranges, scales, the value
// under the pointer or by keyboard, tables, and the way to compare. A package's view and the
// comparison share it.

import {
  EDGE, NONE, linesOf, linesOfOne, periodsOf, plotOf, readHistory, valueIn,
} from "./plot.js";
import {
  DAY, areRelated, changeOf, count, digits, listingOf, make, radio, setAria, shape, shortDay,
  tableOf,
} from "./tools.js";
import { noteOf, yearsOf } from "./years.js";

export const MOST = 5; // packages in one chart
const FULL = "Five packages at most.";
const RANGES = { 90: "90 days", 365: "A year", all: "Everything" };
const SCALES = { linear: "Linear", log: "Logarithmic" };
const USUAL = { range: "365", scale: "linear" };

/** The address of the comparison of some listings, in a range and scale as `viewIn` has them. */
export function comparison(listings, view = {}) {
  const query = new URLSearchParams(view);
  return `#?compare=${listings.map(({ name }) => name)}${query.size ? "&" : ""}${query}`;
}

/** The range and scale among an address' parameters, where they aren't the usual ones. */
export function viewIn(parameters) {
  const known = { range: RANGES, scale: SCALES };
  const isKnown = ([key, value]) => Object.hasOwn(known, key) && Object.hasOwn(known[key], value);
  const others = [...parameters].filter(isKnown).filter(([key, value]) => value !== USUAL[key]);
  return Object.fromEntries(others);
}

const written = (value) => (Number.isNaN(value) ? "–" : digits(Math.round(value)));

/** A line's name and its value, with the ways to the package and to a comparison without it. */
function legendOf({ listing, title, className }, addressWithout) {
  const swatch = make("span", { className: `swatch ${className}` });
  const value = make("b");
  if (!listing) return make("li", {}, swatch, `${title} `, value);
  const link = make("a", { href: `#${listing.name}` }, title);
  const aria = { label: `Remove ${title}` };
  const remove = make("a", { className: "remove", href: addressWithout(listing), aria }, "×");
  return make("li", {}, swatch, link, " ", value, " ", remove);
}

/** What some listings come to, as a table; their histories tell the first days. */
function comparedIn(listings, histories) {
  const rows = listings.map((listing, at) => {
    const { first, counts } = histories[at]?.[0] ?? NONE;
    const numbers = [count(listing.total), count(listing.month), changeOf(listing)];
    return [listing.title, ...numbers, counts.length ? shortDay(first * DAY) : "–"];
  });
  const table = tableOf(["Package", "Total", "Month", "Change", "First day"], rows);
  return make("div", { className: "scroll" }, table);
}

/**
 * Make a chart within an element, once, of one listing or, as a comparison, of several.
 *
 * `listings` by name can be compared, `changes` are the numbers of days on which counting changed
 * and what did, and `changed` is told of a chosen range and scale as `viewIn` has them. Returns
 * what shows some listings in it, as an address' parameters say.
 */
export function chartIn(root, isComparison, listings, changes, changed) {
  const choice = (key, label, table) => {
    const all = Object.entries(table).map(([value, text]) => radio(key, value, text));
    return make("div", { className: "chips", role: "radiogroup", aria: { label } }, ...all);
  };
  const choices = [choice("range", "Range", RANGES), choice("scale", "Scale", SCALES)];
  const controls = make("form", { className: "ranges" }, ...choices);
  const date = make("b");
  const legend = make("ul", { className: "legend" });
  const svg = shape("svg", { class: "plot", "aria-hidden": "true" });
  const slider = make("input", { type: "range", aria: { label: "Day" } });
  const label = "The figures as a table";
  const table = make("div", { className: "scroll", tabIndex: 0, role: "region", aria: { label } });
  const details = make("details", {}, make("summary", {}, label), table);
  const field = make("input", { id: `${root.id}-other`, autocomplete: "off", spellcheck: false });
  const names = make("datalist", { id: `${root.id}-names` });
  field.required = true;
  field.setAttribute("list", names.id);
  const ask = isComparison ? "Add packages" : "Compare with";
  const asked = make("label", { htmlFor: field.id }, ask);
  const add = make("form", { className: "adding" }, asked, field, make("button", {}, "Add"), names);
  const told = make("p", { className: "muted", role: "status" });
  const notes = make("ul", { className: "changes" });
  const readout = make("p", { className: "readout" }, date);
  const drawn = make("div", {}, readout, legend, svg, slider, notes, details);
  const below = make("div", { className: "below" });
  root.append(make("div", { className: "tools" }, controls, add), told, drawn, below);
  setAria(root, "busy", "true"); // there are no figures yet

  let wanted = []; // listings
  let all = []; // lines, of which those that suit the periods are drawn
  let lines = [];
  let periods = [];
  let nameOf; // what names one of them
  let last; // the last day of the period that somebody pointed at
  let at; // a day's number and a number of downloads as a point

  const { range, scale } = controls.elements;
  const view = () => viewIn([["range", range.value], ["scale", scale.value]]);
  const removes = () => [...legend.querySelectorAll(".remove")];

  function readOut() {
    const period = periods[slider.value];
    const values = lines.map((line) => valueIn(line, period));
    date.textContent = nameOf(period);
    const texts = lines.map(({ title }, n) => `${title} ${written(values[n])}`);
    setAria(slider, "valuetext", `${date.textContent}: ${texts.join(", ")}`);
    [...legend.children].forEach((item, n) =>
      (item.querySelector("b").textContent = written(values[n])));
    const [x] = at(period.at, 0);
    const d = `M${x} ${EDGE.top}V${svg.clientHeight - EDGE.bottom}`;
    const dots = lines.map(({ className }, n) => {
      const place = values[n] >= 0 ? `M${at(period.at, values[n]).join(" ")}h0` : "";
      return shape("path", { class: `dot ${className}`, d: place });
    });
    svg.querySelector("g").replaceChildren(shape("path", { class: "cursor", d }), ...dots);
  }

  function point() {
    last = periods[slider.value].to;
    readOut();
  }

  function draw() {
    const known = all.filter(({ counts }) => counts.length);
    drawn.hidden = !known.length;
    if (!svg.clientWidth) return; // nothing is known, or another view is shown
    const end = Math.max(...known.map(({ first, counts }) => first + counts.length - 1));
    const oldest = Math.min(...known.map(({ first }) => first));
    const start = Math.max(oldest, end + 1 - (Number(range.value) || Infinity));
    const [width, height] = [svg.clientWidth, svg.clientHeight];
    ({ periods, lines, nameOf } = periodsOf(all, start, end, width));
    const isLog = scale.value === "log";
    const plot = plotOf({ lines, periods, changes, isLog, width, height });
    at = plot.at;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren(...plot.shapes);
    notes.replaceChildren(...plot.changed.map(noteOf));
    const without = (one) => comparison(wanted.filter((other) => other !== one), view());
    legend.replaceChildren(...lines.map((line) => legendOf(line, without)));
    slider.max = periods.length - 1;
    const kept = periods.findIndex(({ to }) => to >= last);
    slider.value = kept < 0 ? slider.max : kept;
    readOut();
    tabulate();
  }

  function tabulate() {
    if (!details.open) return table.replaceChildren();
    const rows = periods.map((period) =>
      [nameOf(period), ...lines.map((line) => written(valueIn(line, period)))]);
    const titles = lines.map(({ title }) => title);
    table.replaceChildren(tableOf(["Date", ...titles], rows.reverse()));
  }

  /** What to say of what can't be drawn or added, or "". */
  function lackOf(histories) {
    if (!wanted.length) return "Nothing is left to compare: add a package.";
    const unread = wanted.filter((_, n) => !histories[n]).map(({ title }) => title);
    if (unread.length) return `The history of ${unread.join(", ")} can’t be read right now.`;
    if (!all.some(({ counts }) => counts.length)) return "No day with downloads is known yet.";
    return wanted.length < MOST ? "" : FULL;
  }

  for (const type of ["pointerdown", "pointermove"]) svg.addEventListener(type, (event) => {
    const part = (event.offsetX - EDGE.left) / (svg.clientWidth - EDGE.left - EDGE.right);
    slider.value = part * (periods.length - 1);
    point();
  });
  slider.addEventListener("input", point);
  details.addEventListener("toggle", tabulate);
  controls.addEventListener("change", () => {
    draw();
    changed(view());
  });
  field.addEventListener("focus", () => {
    const isOffered = (other) => !wanted.some((one) => one === other || areRelated(one, other));
    const others = [...listings.values()].filter(isOffered);
    names.replaceChildren(...others.map(({ title }) => make("option", { value: title })));
  });
  add.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = field.value.split(/[\s,]+/).filter(Boolean);
    const unknown = given.filter((text) => !listingOf(listings, text));
    const found = new Set([...wanted, ...given.map((text) => listingOf(listings, text))]);
    if (unknown.length) told.textContent = `Not listed here: ${unknown.join(", ")}.`;
    else if (found.size > MOST) told.textContent = FULL;
    else {
      field.value = "";
      location.hash = comparison([...found], view());
    }
  });
  new ResizeObserver(() => all.length && draw()).observe(svg);

  return async function show(asked, parameters) {
    const { activeElement: focused } = document;
    const place = removes().indexOf(focused);
    wanted = asked;
    setAria(root, "busy", "true"); // the figures are others'
    for (const [name, value] of Object.entries({ ...USUAL, ...viewIn(parameters) }))
      controls.elements[name].value = value;
    add.hidden = wanted.length >= MOST;
    const histories = await Promise.all(wanted.map(readHistory));
    if (wanted !== asked) return; // others are asked for meanwhile
    setAria(root, "busy", false);
    all = isComparison ? linesOf(wanted, histories) : linesOfOne(wanted[0], histories[0]);
    last = undefined;
    told.textContent = lackOf(histories);
    if (!isComparison) below.replaceChildren(...yearsOf(wanted[0].title, all[0], changes));
    else below.replaceChildren(...(wanted.length ? [comparedIn(wanted, histories)] : []));
    draw();
    if (place < 0 && !(focused === field && add.hidden)) return;
    (removes().at(Math.min(place, removes().length - 1)) ?? field).focus(); // or it were lost
  };
}
