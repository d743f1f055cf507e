// The list of all packages: search, sort, and what to do about one that is missing.

import { normalise, pictureAddress } from "./badge.js";
import { comparison } from "./chart.js";
import {
  $, areRelated, change, changeOf, count, day, digits, familyOf, isStale, listingOf, make, setAria,
  several, shape, stalledText,
} from "./tools.js";

const NUMBERS = { total: "Total", month: "Month", change: "Change", week: "Week", day: "Day" };
const DAYS = 90;
const REST = 600; // milliseconds
const GROUP = 40; // rows that are laid out together, once they come into sight

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "UTC" });

/** A trend as a picture: a digit of base 36 a day, up to the listing's last one. */
function sparkline(trend) {
  const from = DAYS - trend.length;
  const points = [...trend].map((digit, at) => `${from + at} ${35 - parseInt(digit, 36)}`);
  const svg = shape("svg", { class: "sparkline", viewBox: `-1 -1 ${DAYS + 1} 38` });
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  if (!points.length) return svg;
  const area = [`${from} 36`, ...points, `${DAYS - 1} 36`].join(" ");
  svg.append(shape("polygon", { points: area }), shape("path", { d: `M${points.join("L")}h0` }));
  return svg;
}

function rowOf(listing) {
  const { members } = listing;
  const link = make("a", { href: `#${listing.name}` }, listing.title);
  const name = make("th", { role: "rowheader", scope: "row" }, link);
  if (members) name.append(" ", familyOf(members));
  if (isStale(listing)) {
    const told = `: last fetched on ${day(listing.fetched)}`;
    const since = make("span", { className: "unseen" }, told);
    name.append(" ", make("span", { className: "stale" }, "stale", since));
  }
  const cells = Object.entries(NUMBERS).map(([key, label]) => {
    const number = key === "change" ? changeOf(listing) : count(listing[key]);
    const cell = make("td", { role: "cell", className: "number" }, number);
    cell.dataset.label = label;
    return cell;
  });
  const spark = make("td", { role: "cell", className: "spark" }, sparkline(listing.trend));
  return make("tr", { role: "row" }, name, spark, ...cells);
}

/** Sort rows in place, by a column; those without a value come last either way. */
function order(rows, key, descending) {
  const sign = descending ? -1 : 1;
  const keys = { change, name: ({ title }) => title };
  const valueOf = keys[key] ?? ((listing) => listing[key]);
  rows.sort((a, b) => {
    const [one, other] = [valueOf(a.listing), valueOf(b.listing)];
    if (one === null || other === null) return (one === null) - (other === null);
    return sign * ((one > other) - (one < other)) || (a.listing.title > b.listing.title ? 1 : -1);
  });
}

/** Show in a link what its look makes of a listing's badge. */
function fill(link, site, listing) {
  const { metric = "total", ...look } = Object.fromEntries(new URLSearchParams(link.dataset.look));
  link.hidden = !listing.messages.has(metric);
  if (link.hidden) return;
  const alt = `${listing.title} in ${look.style ?? "the usual"} style`;
  const picture = make("img", { alt, loading: "lazy", referrerPolicy: "no-referrer" });
  picture.addEventListener("error", () => picture.replaceWith(alt)); // a broken one says nothing
  picture.src = pictureAddress(site, listing.name, metric, look);
  link.href = `#${listing.name}?${link.dataset.look}`;
  link.replaceChildren(picture);
}

/**
 * Show the listings, given by name, once. Returns what shows the list again as a fragment's
 * parameters have it.
 *
 * `formFor` gives the form's address for a name, `remember` keeps parameters in the address, and
 * `opening` gives what goes where a text leads that has badges or names a package, or null.
 */
export function start(site, byName, { formFor, remember, opening }) {
  const listings = [...byName.values()];
  const rows = listings.map((listing) => ({ listing, element: rowOf(listing) }));
  const table = $("packages");
  const headings = [...table.tHead.querySelectorAll("[data-key]")];
  const search = $("search");
  const families = listings.filter(({ members }) => members).length;
  const all = [several(listings.length - families, "package", "packages")];
  if (families) all.push(several(families, "family", "families"));
  let early = search.value; // what was typed before the list was there
  let resting; // a timer: counts are announced when typing rests
  let sort = "";
  let shown = []; // rows

  function arrange(wanted) {
    if (wanted === sort) return;
    sort = wanted;
    const [, minus, key] = /^(-?)(.*)$/.exec(sort);
    for (const heading of headings) {
      setAria(heading, "sort", heading.dataset.key === key && (minus ? "descending" : "ascending"));
    }
    order(rows, key, Boolean(minus));
  }

  /** Put the shown rows into the table, in groups that cost nothing out of sight. */
  function layOut() {
    for (const group of [...table.tBodies]) group.remove();
    for (let at = 0; at < shown.length; at += GROUP) {
      const elements = shown.slice(at, at + GROUP).map((row) => row.element);
      const group = make("tbody", { role: "rowgroup" }, ...elements);
      group.style.setProperty("--rows", elements.length);
      table.append(group);
    }
  }

  function filter() {
    const wanted = normalise(search.value.trim());
    const before = shown;
    shown = rows.filter(({ listing }) => listing.name.includes(wanted));
    if (shown.length !== before.length || shown.some((row, at) => row !== before[at])) layOut();
    table.hidden = !shown.length;
    const some = `${digits(shown.length)} of ${digits(rows.length)} match`;
    const found = wanted ? some : all.join(", ");
    $("found").textContent = found;
    clearTimeout(resting);
    if (wanted) resting = setTimeout(() => ($("counted").textContent = found), REST);
    offer(search.value.trim(), wanted);
  }

  function offer(text, wanted) {
    const paragraph = $("add");
    paragraph.textContent = "";
    if (!wanted || byName.has(wanted) || (shown.length && !site.isName(text))) return;
    if (opening(text)) paragraph.textContent = "Enter opens it.";
    else if (!site.isName(text)) {
      paragraph.textContent = /[\s/]/.test(text)
        ? "There is no download badge or package in that."
        : "No package can be called that.";
    } else {
      paragraph.append(make("b", {}, wanted), " isn’t listed here. ");
      const className = shown.length ? "" : "primary"; // a button only where nothing matches
      const form = { className, href: formFor(wanted), target: "_blank", rel: "noreferrer" };
      if (form.href) paragraph.append(make("a", form, `Add ${wanted}`));
    }
  }

  function keep() {
    const parameters = new URLSearchParams();
    if (search.value.trim()) parameters.set("search", search.value.trim());
    if (sort !== "-total") parameters.set("sort", sort);
    remember(parameters);
  }

  search.addEventListener("paste", (event) => {
    // A badge of several lines would lose its ends in the field, so what is pasted is read first.
    const go = opening(event.clipboardData?.getData("text") ?? "");
    if (!go) return;
    event.preventDefault();
    go();
  });
  search.addEventListener("input", (event) => {
    const go = /^insertFrom/.test(event.inputType) && opening(search.value); // dropped, say
    if (go) return go();
    filter();
    keep();
  });
  search.addEventListener("keydown", (event) => {
    const text = search.value.trim();
    if (event.key !== "Enter" || !text) return;
    const go = opening(text);
    if (go) return go();
    const listing = listingOf(byName, text) ?? shown[0]?.listing;
    if (listing) location.hash = listing.name;
    else if (site.isName(text)) location.hash = normalise(text); // on the way to the form
  });
  for (const heading of headings) {
    heading.querySelector("button").addEventListener("click", () => {
      const { key } = heading.dataset;
      const first = key === "name" ? "name" : `-${key}`;
      const other = key === "name" ? "-name" : key;
      arrange(sort === first ? other : first);
      filter();
      keep();
    });
  }

  const [top, ...rest] = [...listings].sort((one, other) => other.total - one.total);
  const next = rest.find((listing) => !areRelated(top, listing));
  for (const link of $("examples").querySelectorAll("a")) fill(link, site, top);
  if (next) $("to-compare").href = comparison([top, next]);
  $("to-compare").hidden = !next;

  const newest = listings.map((listing) => listing.fetched).filter(Boolean).sort().at(-1);
  const last = listings.map((listing) => listing.last_date).filter(Boolean).sort().at(-1);
  const at = newest && time.format(new Date(newest));
  const fetched = newest ? `Fetched on ${day(newest)} at ${at} UTC. ` : "";
  const ends = last ? `Day, week and month end with ${day(last)} at the latest. ` : "";
  const compared = "Change compares the month with the one before.";
  $("dates").textContent = fetched + ends + compared;
  $("stalled").textContent = stalledText(site);

  return function show(parameters) {
    search.value = parameters.get("search") ?? early;
    const wanted = parameters.get("sort") ?? "";
    arrange(/^-?(name|total|month|change|week|day)$/.test(wanted) ? wanted : "-total");
    filter();
    if (early) keep();
    early = "";
  };
}
