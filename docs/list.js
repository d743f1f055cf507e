// The list of all packages: search, sort, and what to do about one that is missing.

import { isName, normalise, pictureAddress } from "./badge.js";

const $ = (id) => document.getElementById(id);
const EXAMPLES = [ // of what an address can make of one and the same file
  ["month", {}],
  ["total", { style: "flat-square", label: "installs", color: "ea7233" }],
  ["week", { style: "for-the-badge", color: "8250df", logo: "pypi", logoColor: "white" }],
  ["month", { style: "social", logo: "python" }],
];
const DAYS = 90;
const STALE = 3 * 24 * 3600 * 1000; // milliseconds

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en");
const percent = new Intl.NumberFormat("en", {
  style: "percent",
  signDisplay: "exceptZero",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const longDay = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });
const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "UTC" });

const count = (number) => compact.format(number);
export const digits = (number) => exact.format(number);
export const day = (text) => longDay.format(new Date(text));
export const isStale = (listing) => Date.now() - new Date(listing.fetched) > STALE;

/** The month compared with the one before, as a share; null where there was nothing before. */
const change = (listing) =>
  listing.previous_month ? listing.month / listing.previous_month - 1 : null;

/** An element with its text; text never becomes markup. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A listing's change as an element. */
export function changeOf(listing) {
  const share = change(listing);
  if (share === null) return make("span", { className: "muted" }, "–");
  const direction = { 1: "up", "-1": "down", 0: "muted" }[Math.sign(share)];
  return make("span", { className: direction }, percent.format(share).replace("-", "−"));
}

/** An element of an SVG picture. */
export function shape(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A trend as a picture: a digit of base 36 a day, up to the listing's last one. */
export function sparkline(trend) {
  const points = [...trend].map((digit, at) => `${DAYS - trend.length + at} ${35 - parseInt(digit, 36)}`);
  if (points.length === 1) points.push(points[0]);
  const path = shape("path", { d: points.length ? `M${points.join("L")}` : "" });
  const frame = { viewBox: `-1 -1 ${DAYS + 1} 38`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return shape("svg", { class: "sparkline", ...frame }, path);
}

function staleMark(listing) {
  const since = make("span", { className: "unseen" }, `: last fetched on ${day(listing.fetched)}`);
  return make("span", { className: "stale" }, "stale", since);
}

const NUMBERS = { total: "Total", month: "Month", change: "Change", week: "Week", day: "Day" };

function rowOf(listing) {
  const name = make("th", { role: "rowheader", scope: "row" }, make("a", { href: `#${listing.name}` }, listing.name));
  if (isStale(listing)) name.append(" ", staleMark(listing));
  const cells = Object.entries(NUMBERS).map(([key, label]) => {
    const cell = make("td", { role: "cell", className: "number" });
    cell.dataset.label = label;
    if (key === "change") cell.append(changeOf(listing));
    else Object.assign(cell, { title: digits(listing[key]), textContent: count(listing[key]) });
    return cell;
  });
  const spark = make("td", { role: "cell", className: "spark" }, sparkline(listing.trend));
  return make("tr", { role: "row" }, name, spark, ...cells);
}

const sortValue = (listing, key) => (key === "change" ? change(listing) : listing[key]);

/** Sort rows in place, by a column; those without a value come last either way. */
function order(rows, key, descending) {
  const sign = descending ? -1 : 1;
  return rows.sort((a, b) => {
    const [one, other] = [sortValue(a.listing, key), sortValue(b.listing, key)];
    if (one === null || other === null) return (one === null) - (other === null);
    return sign * ((one > other) - (one < other)) || (a.listing.name > b.listing.name ? 1 : -1);
  });
}

function exampleOf(site, listing, [metric, look]) {
  const picture = make("img", {
    src: pictureAddress(site, listing.name, metric, look),
    loading: "lazy",
    alt: `${listing.name} in ${look.style ?? "the usual"} style`,
    referrerPolicy: "no-referrer",
  });
  const href = `#${listing.name}?${new URLSearchParams({ metric, ...look })}`;
  return make("li", {}, make("a", { href }, picture));
}

/**
 * Show the listings, once. Returns what shows the list again as a fragment's parameters have it.
 * `formFor` gives the form's address for a name, `remember` keeps parameters in the address.
 */
export function start(site, listings, formFor, remember) {
  const rows = listings.map((listing) => ({ listing, element: rowOf(listing) }));
  const names = new Set(listings.map((listing) => listing.name));
  const body = $("packages").tBodies[0];
  const headings = [...$("packages").tHead.querySelectorAll("[data-key]")];
  const search = $("search");
  let sort = "";

  function arrange(wanted) {
    if (wanted === sort) return;
    sort = wanted;
    const [, minus, key] = /^(-?)(.*)$/.exec(sort);
    for (const heading of headings) {
      if (heading.dataset.key === key) heading.ariaSort = minus ? "descending" : "ascending";
      else heading.ariaSort = null;
    }
    body.append(...order(rows, key, Boolean(minus)).map((row) => row.element));
  }

  function filter() {
    const wanted = normalise(search.value.trim());
    let found = 0;
    for (const { listing, element } of rows) {
      const fits = listing.name.includes(wanted);
      if (element.hidden === fits) element.hidden = !fits;
      found += fits;
    }
    $("packages").hidden = !found;
    const all = listings.length === 1 ? "1 package" : `${digits(listings.length)} packages`;
    $("found").textContent = wanted ? `${digits(found)} of ${all}` : all;
    offer(search.value.trim(), wanted);
  }

  function offer(text, wanted) {
    const paragraph = $("add");
    paragraph.textContent = "";
    if (!wanted || names.has(wanted)) return;
    const form = isName(text) ? formFor(wanted) : null;
    if (form) {
      const link = make("a", { className: "primary", href: form }, `Add ${wanted}`);
      paragraph.replaceChildren(make("b", {}, wanted), " isn’t listed here. ", link);
    } else paragraph.textContent = isName(text) ? `${wanted} isn’t listed here.` : "No package can be called that.";
  }

  function keep() {
    const parameters = new URLSearchParams();
    if (search.value.trim()) parameters.set("search", search.value.trim());
    if (sort !== "-total") parameters.set("sort", sort);
    remember(parameters);
  }

  search.addEventListener("input", () => {
    filter();
    keep();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const wanted = normalise(search.value.trim());
    const shown = rows.filter((row) => !row.element.hidden).map((row) => row.listing.name);
    const name = names.has(wanted) ? wanted : shown[0];
    if (wanted && name) location.hash = name;
  });
  for (const heading of headings) {
    heading.querySelector("button").addEventListener("click", () => {
      const { key } = heading.dataset;
      const first = key === "name" ? "name" : `-${key}`;
      const other = key === "name" ? "-name" : key;
      arrange(sort === first ? other : first);
      keep();
    });
  }

  const top = listings.reduce((one, other) => (other.total > one.total ? other : one));
  const examples = EXAMPLES.filter(([metric]) => top.messages.has(metric));
  $("examples").append(...examples.map((example) => exampleOf(site, top, example)));

  const newest = listings.map((listing) => listing.fetched).sort().at(-1);
  const last = listings.map((listing) => listing.last_date).filter(Boolean).sort().at(-1);
  const fetched = `Fetched on ${day(newest)} at ${time.format(new Date(newest))} UTC. `;
  const ends = last ? `Day, week and month end with ${day(last)} at the latest. ` : "";
  const compared = "Change compares the month with the one before.";
  $("dates").textContent = fetched + ends + compared;
  $("count").textContent = listings.length === 1 ? "the package" : `each of the ${digits(listings.length)} packages`;

  return function show(parameters) {
    search.value = parameters.get("search") ?? "";
    const wanted = parameters.get("sort") ?? "";
    arrange(/^-?(name|total|month|change|week|day)$/.test(wanted) ? wanted : "-total");
    filter();
  };
}
