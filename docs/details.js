// A package's details: its releases, and who downloads it.

import { $, DAY, WEEK, count, day, finer, make, readJson, readTable, shape } from "./tools.js";

const UNKNOWN = "unknown"; // the column of downloads that name nothing
const OTHER = "other"; // that of what has no column of its own
const MONTH = 30; // days
const BANDS = 7; // columns that are told apart over time
const SIZE = { width: 600, height: 200 };
const LINE = 20; // pixels of a name beside the bands

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const together = new Intl.ListFormat("en-GB");
const tenths = new Intl.NumberFormat("en", finer);

/** A part of 1 as one reads it. */
function share(part) {
  if (part > 0 && part < 0.0005) return "<0.1%";
  return (part > 0 && part < 0.095 ? tenths : percent).format(part);
}

/** A table of the site up to its last day with downloads; null without any. Unknown is 0 here. */
async function read(path) {
  const { names, rows } = (await readTable(path)) ?? { names: [], rows: [] };
  const known = (counts) => counts.map((number) => number || 0);
  const days = rows.map(({ time, counts }) => ({ time, counts: known(counts) }));
  const length = days.findLastIndex(({ counts }) => counts.some(Boolean)) + 1;
  return length ? { names, days: days.slice(0, length) } : null;
}

/** The sums of some days by column and their shares, those that name nothing left out. */
function sums({ names }, days) {
  const sumOf = (at) => days.reduce((sum, { counts }) => sum + counts[at], 0);
  const all = names.map((name, at) => [name, sumOf(at)]);
  const named = all.filter(([name, sum]) => name !== UNKNOWN && sum > 0);
  const whole = named.reduce((sum, [, count]) => sum + count, 0);
  return named.map(([name, count]) => [name, count, count / whole]);
}

/** The days of a table that lie within so many, up to `back` days before its last one. */
function newest({ days }, length, back = 0) {
  const end = days.at(-1).time - back * DAY;
  return days.filter(({ time }) => time <= end && time > end - length * DAY);
}

/** Names, their counts and shares as bars, most first; null without any. */
function bars(title, note, counts) {
  const items = counts.sort((a, b) => b[1] - a[1]).map(([name, downloads, part]) => {
    const bar = make("span", { className: "bar" });
    bar.style.inlineSize = `${100 * part}%`;
    const numbers = [["number", count(downloads)], ["number", share(part)]];
    const texts = [["of", name], ["track", bar], ...numbers];
    return make("li", {}, ...texts.map(([className, text]) => make("span", { className }, text)));
  });
  if (!items.length) return null;
  const heading = make("h3", {}, title, make("small", {}, ` ${note}`));
  return make("div", {}, heading, make("ul", { className: "bars" }, ...items));
}

/** A table's last month as bars. */
const monthOf = (table, title) =>
  bars(title, `30 days up to ${day(table.days.at(-1).time)}`, sums(table, newest(table, MONTH)));

/** The top releases, as stats.json keeps them. */
async function releasesOf({ name, month, last_date }) {
  const { top_releases: top } = (await readJson(`${name}/stats.json`)) ?? { top_releases: [] };
  const partOf = (downloads) => Math.min(downloads / month, 1);
  const counts = top.map(({ version, downloads }) => [version, downloads, partOf(downloads)]);
  return bars("Releases", `30 days up to ${day(last_date)}`, counts);
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
function bands(table, title) {
  const weeks = weekly(table);
  const runs = runsOf(weeks);
  const most = (name) => Math.max(...weeks.map((week) => week.get(name) ?? 0));
  const shown = table.names.filter((name) => most(name) > 0);
  const ranked = shown.filter((name) => name !== OTHER).sort((a, b) => most(b) - most(a));
  const told = shown.filter((name) => ranked.slice(0, BANDS).includes(name));
  const rest = shown.filter((name) => !told.includes(name));
  if (weeks.length < 2 || !told.length) return null;
  const groups = told.map((name) => [name, [name]]);
  if (rest.length) groups.unshift(["others", rest]);

  const { width, height } = SIZE;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" });
  const [[first], [, last]] = [runs[0], runs.at(-1)];
  const names = []; // from above, with where the bands end
  const tops = weeks.map(() => 0);
  const point = (at) =>
    `${((width * at) / (weeks.length - 1)).toFixed(1)} ${(height * (1 - tops[at])).toFixed(1)}`;
  const edge = () => weeks.map((_, at) => point(at));
  groups.forEach(([name, members], number) => {
    const add = (week) => members.reduce((sum, member) => sum + (week.get(member) ?? 0), 0);
    const parts = weeks.map(add);
    const below = edge();
    parts.forEach((part, at) => (tops[at] += part));
    const above = edge();
    const outlines = runs.map(([from, to]) => {
      const [top, bottom] = [above, below].map((points) => points.slice(from, to + 1));
      return `M${[...top, ...bottom.reverse()].join("L")}Z`;
    });
    const strength = members === rest ? 0 : number + BANDS + 1 - groups.length;
    const className = `band-${strength}`; // the newest are the strongest
    svg.append(shape("path", { d: outlines.join(""), class: className }));
    const swatch = make("span", { className: `swatch ${className}` });
    const change = ` ${share(parts[first])} → ${share(parts[last])}`;
    const item = make("li", {}, swatch, make("b", {}, name), change);
    names.unshift({ item, top: height * (1 - tops[last] + parts[last] / 2) });
  });
  // As near to their bands as lines of text can be.
  names.reduce((above, name) => (name.top = Math.max(name.top, above + LINE)), -Infinity);
  const bottom = height + LINE / 2;
  names.reduceRight((below, name) => (name.top = Math.min(name.top, below - LINE)), bottom);
  for (const { item, top } of names) item.style.top = `${top}px`;
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}: the list beside it has the first and last shares.`);
  const end = table.days.at(-1).time;
  const start = end - (weeks.length * WEEK - 1) * DAY;
  const dates = make("small", {}, ` by week, ${day(start)} to ${day(end)}`);
  const legend = make("ul", {}, ...names.map(({ item }) => item));
  return make("div", { className: "bands" }, make("h3", {}, title, dates), svg, legend);
}

let latest; // the listing that is asked for

/** Show what there is of a package's releases and its breakdown. */
export async function showParts(listing) {
  latest = listing;
  $("breakdown").hidden = true;
  const tableOf = ([metric, file]) =>
    listing.messages.has(metric) && read(`${listing.name}/${file}.csv`);
  const files = { python: "python", system: "system", release: "releases" };
  const [python, system, releases] = await Promise.all(Object.entries(files).map(tableOf));
  const top = listing.last_date && (await releasesOf(listing));
  if (latest !== listing) return; // another is asked for meanwhile
  const lines = releases && bands(releases, "Releases over time");
  const shares = python && monthOf(python, "Python versions");
  const versions = python && bands(python, "Python versions over time");
  const systems = system && monthOf(system, "Operating systems");
  const kinds = {
    releases: top || lines,
    "Python versions": shares || versions,
    "operating systems": systems,
  };
  const parts = [top, shares, systems, lines, versions].filter(Boolean);
  const text = together.format(Object.keys(kinds).filter((name) => kinds[name]));
  $("who").textContent = text.slice(0, 1).toUpperCase() + text.slice(1);
  $("of-releases").hidden = !kinds.releases;
  $("of-lines").hidden = !lines;
  $("of-breakdown").hidden = !(shares || versions || systems);
  $("parts").replaceChildren(...parts);
  $("breakdown").hidden = !parts.length;
}
