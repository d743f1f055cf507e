// A package's details: its chart for a README, and who downloads it.

import { FORMATS, LINKS } from "./badge.js";
import { day, digits, make, shape } from "./list.js";

const $ = (id) => document.getElementById(id);
const UNKNOWN = "unknown"; // the column of downloads that name nothing
const DAY = 864e5; // milliseconds
const MONTH = 30; // days
const WEEK = 7; // days
const BANDS = 7; // versions that are told apart over time
const SIZE = { width: 600, height: 200 };

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const finer = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A part of 1 as one reads it. */
function share(part) {
  if (part > 0 && part < 0.0005) return "<0.1%";
  return (part > 0 && part < 0.095 ? finer : percent).format(part);
}

/** A CSV of the site as its columns and its days, which end with the last that has downloads. */
function parse(text) {
  const [header, ...rows] = text.trim().split(/\r?\n/).map((line) => line.split(","));
  const days = rows.map(([date, ...cells]) => ({ time: Date.parse(date), counts: cells.map(Number) }));
  const length = days.findLastIndex(({ counts }) => counts.some(Boolean)) + 1; // "" is 0
  return { names: header.slice(1), days: days.slice(0, length) };
}

/** The sums of some days by column and their shares, those that name nothing left out. */
function sums({ names }, days) {
  const all = names.map((name, at) => [name, days.reduce((sum, { counts }) => sum + counts[at], 0)]);
  const named = all.filter(([name, sum]) => name !== UNKNOWN && sum > 0);
  const whole = named.reduce((sum, [, count]) => sum + count, 0);
  return named.map(([name, count]) => [name, count, count / whole]);
}

/** The days of a table that lie within so many, up to `back` days before its last one. */
function newest({ days }, length, back = 0) {
  const end = days.at(-1).time - back * DAY;
  return days.filter(({ time }) => time <= end && time > end - length * DAY);
}

/** A table's last month as bars, most first; null where that names nothing. */
function bars(table, title) {
  const counts = sums(table, newest(table, MONTH)).sort((a, b) => b[1] - a[1]);
  const items = counts.map(([name, count, part]) => {
    const bar = make("span", { className: "bar" });
    bar.style.inlineSize = `${100 * part}%`;
    return make(
      "li",
      { title: `${digits(count)} downloads` },
      make("span", { className: "of" }, name),
      make("span", { className: "track" }, bar),
      make("span", { className: "number" }, share(part)),
    );
  });
  if (!items.length) return null;
  const heading = make("h3", {}, title, make("small", {}, ` 30 days up to ${day(table.days.at(-1).time)}`));
  return make("div", {}, heading, make("ul", { className: "bars" }, ...items));
}

/** The shares of each week up to a table's last day, oldest first: by column, of 1. */
function weekly(table) {
  const length = (table.days.at(-1).time - table.days[0].time) / DAY + 1;
  const weeks = [];
  for (let back = Math.floor(length / WEEK) - 1; back >= 0; back--) {
    const parts = sums(table, newest(table, WEEK, back * WEEK));
    weeks.push(new Map(parts.map(([name, , part]) => [name, part])));
  }
  return weeks;
}

/** The first and last places of the runs of weeks that have figures. */
function runsOf(weeks) {
  const runs = [];
  weeks.forEach((week, at) => {
    if (!week.size) return;
    if (weeks[at - 1]?.size) runs.at(-1)[1] = at;
    else runs.push([at, at]);
  });
  return runs;
}

/** How the shares of a table's columns went, as bands above each other, in their order. */
function bands(table) {
  const weeks = weekly(table);
  const runs = runsOf(weeks);
  if (weeks.length < 2 || !runs.length) return null;
  const most = (name) => Math.max(...weeks.map((week) => week.get(name) ?? 0));
  const ranked = table.names.filter((name) => name !== UNKNOWN).sort((a, b) => most(b) - most(a));
  const told = table.names.filter((name) => ranked.slice(0, BANDS).includes(name));
  const rest = ranked.slice(BANDS);
  const groups = [...(rest.length ? [["others", rest]] : []), ...told.map((name) => [name, [name]])];

  const svg = shape("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, preserveAspectRatio: "none" });
  const legend = make("ul", { className: "legend" });
  const tops = weeks.map(() => 0);
  const point = (at) =>
    `${((SIZE.width * at) / (weeks.length - 1)).toFixed(1)} ${(SIZE.height * (1 - tops[at])).toFixed(1)}`;
  const edge = () => weeks.map((_, at) => point(at));
  groups.forEach(([name, members], number) => {
    const parts = weeks.map((week) => members.reduce((sum, member) => sum + (week.get(member) ?? 0), 0));
    const below = edge();
    parts.forEach((part, at) => (tops[at] += part));
    const above = edge();
    const outlines = runs.map(([first, last]) => {
      const [top, bottom] = [above, below].map((points) => points.slice(first, last + 1));
      return `M${[...top, ...bottom.reverse()].join("L")}Z`;
    });
    const className = `band-${number + BANDS + 1 - groups.length}`; // the newest are the strongest
    svg.append(shape("path", { d: outlines.join(""), class: className }));
    const swatch = make("span", { className: `swatch ${className}` });
    const change = `${share(parts[runs[0][0]])} → ${share(parts[runs.at(-1)[1]])}`;
    legend.prepend(make("li", {}, swatch, make("b", {}, name), ` ${change}`));
  });
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "Shares of the versions over time; the list below has the first and the last.");
  const end = table.days.at(-1).time;
  const start = end - (weeks.length * WEEK - 1) * DAY;
  const dates = make("small", {}, ` by week, ${day(start)} to ${day(end)}`);
  return make("div", { className: "bands" }, make("h3", {}, "Python versions over time", dates), svg, legend);
}

async function read(path) {
  const response = await fetch(path).catch(() => null);
  const text = response?.ok ? await response.text().catch(() => "") : "";
  const table = text ? parse(text) : null;
  return table?.days.length ? table : null;
}

/** A package's breakdown as elements; none where there is none. */
export async function breakdown(listing) {
  const tableOf = (metric) => listing.messages.has(metric) && read(`${listing.name}/${metric}.csv`);
  const [python, system] = await Promise.all(["python", "system"].map(tableOf));
  const parts = [
    python && bars(python, "Python versions"),
    system && bars(system, "Operating systems"),
    python && bands(python),
  ];
  return parts.filter(Boolean);
}

/** A chart's address, and its Markdown. `site` is where it is published. */
export function chartOf(site, listing) {
  const path = `${listing.name}/chart.svg`;
  const link = LINKS.pepy.address(listing.name);
  return { path, markdown: FORMATS.markdown.code(`${site.url}/${path}`, link, "Downloads a day") };
}
