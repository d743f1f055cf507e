// A package's details: its chart for a README, and who downloads it.

import { LINKS } from "./badge.js";
import { day, digits, make, shape } from "./list.js";

const $ = (id) => document.getElementById(id);
const UNKNOWN = "unknown"; // the column of downloads that name nothing
const MONTH = 30; // days
const WEEK = 7; // days
const BANDS = 7; // versions that are told apart over time
const SIZE = { width: 600, height: 200 };

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const finer = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const share = (part) => (part < 0.095 ? finer : percent).format(part);

/** A CSV of the site as its columns and its days: the first holds dates, the others counts. */
function parse(text) {
  const [header, ...rows] = text.trim().split(/\r?\n/).map((line) => line.split(","));
  return {
    names: header.slice(1),
    days: rows.map(([date, ...cells]) => ({ date, counts: cells.map(Number) })), // "" is 0
  };
}

/** The sums of some days by column, those that name nothing left out. */
function sums({ names }, days) {
  const named = names.map((name, at) => [name, days.reduce((sum, { counts }) => sum + counts[at], 0)]);
  return named.filter(([name, sum]) => name !== UNKNOWN && sum > 0);
}

/** The rows of a table that lie within so many days up to its last one. */
function newest({ days }, length, back = 0) {
  const end = Date.parse(days.at(-1).date) - back * 864e5;
  return days.filter(({ date }) => Date.parse(date) <= end && Date.parse(date) > end - length * 864e5);
}

/** A table's last month as bars, most first. */
function bars(table) {
  const counts = sums(table, newest(table, MONTH)).sort((a, b) => b[1] - a[1]);
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  const items = counts.map(([name, count]) => {
    const bar = make("span", { className: "bar" });
    bar.style.inlineSize = `${(100 * count) / counts[0][1]}%`;
    return make(
      "li",
      { title: `${digits(count)} downloads` },
      make("span", { className: "of" }, name),
      make("span", { className: "track" }, bar),
      make("span", { className: "number" }, share(count / all)),
    );
  });
  return make("ul", { className: "bars" }, ...items);
}

/** The shares of each week up to a table's last day, oldest first: by column, of 1. */
function weekly(table) {
  const first = Date.parse(table.days[0].date);
  const length = (Date.parse(table.days.at(-1).date) - first) / 864e5 + 1;
  const weeks = [];
  for (let back = Math.floor(length / WEEK) - 1; back >= 0; back--) {
    const counts = sums(table, newest(table, WEEK, back * WEEK));
    const all = counts.reduce((sum, [, count]) => sum + count, 0);
    if (all) weeks.push(new Map(counts.map(([name, count]) => [name, count / all])));
  }
  return weeks;
}

/** How the shares of a table's columns went, as bands above each other, in their order. */
function bands(table) {
  const weeks = weekly(table);
  if (weeks.length < 2) return null;
  const most = (name) => Math.max(...weeks.map((week) => week.get(name) ?? 0));
  const ranked = table.names.filter((name) => name !== UNKNOWN).sort((a, b) => most(b) - most(a));
  const told = table.names.filter((name) => ranked.slice(0, BANDS).includes(name));
  const rest = ranked.slice(BANDS);
  const groups = [...(rest.length ? [["others", rest]] : []), ...told.map((name) => [name, [name]])];

  const svg = shape("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, preserveAspectRatio: "none" });
  const legend = make("ul", { className: "legend" });
  const tops = weeks.map(() => 0);
  const x = (at) => ((SIZE.width * at) / (weeks.length - 1)).toFixed(1);
  const y = (part) => (SIZE.height * (1 - part)).toFixed(1);
  groups.forEach(([name, members], number) => {
    const parts = weeks.map((week) => members.reduce((sum, member) => sum + (week.get(member) ?? 0), 0));
    const below = tops.map((top, at) => `${x(at)} ${y(top)}`).reverse();
    parts.forEach((part, at) => (tops[at] += part));
    const above = tops.map((top, at) => `${x(at)} ${y(top)}`);
    const className = `band-${number + BANDS + 1 - groups.length}`; // the newest are the strongest
    svg.append(shape("path", { d: `M${[...above, ...below].join("L")}Z`, class: className }));
    const swatch = make("span", { className: `swatch ${className}` });
    const change = `${share(parts[0])} → ${share(parts.at(-1))}`;
    legend.prepend(make("li", {}, swatch, make("b", {}, name), ` ${change}`));
  });
  svg.setAttribute("role", "img");
  const length = `${weeks.length} weeks`;
  svg.setAttribute("aria-label", `Shares of the versions over ${length}; the list below has the first and the last.`);
  return make("div", { className: "bands" }, make("h3", {}, `Versions over ${length}`), svg, legend);
}

async function read(path) {
  const response = await fetch(path).catch(() => null);
  const text = response?.ok ? await response.text().catch(() => "") : "";
  const table = text ? parse(text) : null;
  return table?.days.length && table.names.length ? table : null;
}

/** A package's breakdown as elements; none where there is none. */
export async function breakdown(listing) {
  const [python, system] = await Promise.all([
    listing.python && read(`${listing.name}/python.csv`),
    listing.system && read(`${listing.name}/system.csv`),
  ]);
  const parts = [
    python && make("div", {}, make("h3", {}, "Python versions"), bars(python)),
    system && make("div", {}, make("h3", {}, "Operating systems"), bars(system)),
    python && bands(python),
  ].filter(Boolean);
  const end = (python ?? system)?.days.at(-1).date;
  return parts.length ? { parts, until: day(end) } : null;
}

/** A chart's address, and its Markdown. `site` is where it is published. */
export function chartOf(site, listing) {
  const path = `${listing.name}/chart.svg`;
  const markdown = `[![Downloads](${site.url}/${path})](${LINKS.pepy.address(listing.name)})`;
  return { path, markdown };
}
