// What a chart of packages' histories draws: its lines, the periods that have room, and the plot.

import { DAY, WEEK, count, days, readTable, shape } from "./tools.js";

const LEAST = 2; // pixels of a day or a week; else longer periods are drawn
export const EDGE = { left: 50, right: 10, top: 10, bottom: 24 }; // pixels around the plot
const SMOOTH = { day: "Seven-day average", week: "Weekly average", month: "Monthly average" };
const inYear = { month: "long", year: "numeric", timeZone: "UTC" };
const wholeMonth = new Intl.DateTimeFormat("en", inYear);
const month = new Intl.DateTimeFormat("en", { month: "short", timeZone: "UTC" });

export const NONE = { first: 0, counts: [] };

/**
 * A listing's days as they are kept, up to those of its badges: by column, the first one's number
 * and the counts; null if they can't be read.
 */
export async function readHistory({ name, last_date }) {
  const table = await readTable(`${name}/history.csv`);
  if (!table) return null;
  const end = Date.parse(last_date);
  return (table.names.length ? table.names : ["downloads"]).map((_, column) => {
    const known = table.rows.filter(({ time, counts }) => time <= end && counts[column] >= 0);
    if (!known.length) return NONE;
    const [first, last] = [known[0].time, column ? known.at(-1).time : end];
    const counts = new Array((last - first) / DAY + 1).fill(0); // what a missing day counts as
    for (const row of known) counts[(row.time - first) / DAY] = row.counts[column];
    return { first: first / DAY, counts };
  });
}

/** The lines that compare some listings: an average of each. */
export function linesOf(listings, histories) {
  return listings.map((listing, at) => {
    const { first, counts } = histories[at]?.[0] ?? NONE;
    return { listing, className: `line-${at}`, over: WEEK, first, counts };
  });
}

/** The lines of one listing: its days, their average, and that without mirrors. */
export function linesOfOne({ messages }, history) {
  const [main, other] = history ?? [NONE];
  const average = { className: "line-0", over: WEEK, ...main };
  const lines = [{ className: "days", over: 1, title: "A day", ...main }, average];
  const title = "The same without mirrors";
  if (other?.counts.length && messages.has("without-mirrors"))
    lines.push({ className: "line-1", over: WEEK, title, ...other });
  return lines;
}

const BEGIN = { // of the period that ends with a day
  day: (to) => to,
  week: (to) => to - WEEK + 1,
  month: (to) => to + 1 - new Date(to * DAY).getUTCDate(),
};

/**
 * The days from one to another where they have room in so many pixels, else the weeks up to the
 * last one, else the months: each by its first and last day, and that at which it is drawn; the
 * lines that suit them, with titles; and what names a period.
 */
export function periodsOf(lines, first, last, pixels) {
  const room = (pixels - EDGE.left - EDGE.right) / LEAST;
  const length = last - first + 1;
  const unit = length <= room ? "day" : length / WEEK <= room ? "week" : "month";
  const periods = [];
  for (let to = last; to >= first; to = periods[0].from - 1) {
    const from = BEGIN[unit](to);
    periods.unshift({ from, to, at: (from + to) / 2 });
  }
  const suitable = lines.filter(({ over }) => over > 1 || unit === "day").map((line) => ({
    title: line.listing?.title ?? SMOOTH[unit], ...line, over: unit === "day" ? line.over : 1,
  }));
  const nameOf = ({ from, to }) =>
    unit === "month" ? wholeMonth.format(to * DAY) : days(from * DAY, to * DAY);
  return { periods, lines: suitable, nameOf };
}

/** A line's downloads a day in a period, over so many days at least; NaN if they aren't known. */
export function valueIn({ first, counts, over }, { from, to }) {
  const start = Math.min(from, to + 1 - over);
  const days = counts.slice(Math.max(start - first, 0), Math.max(to + 1 - first, 0));
  return days.length < over ? NaN : days.reduce((sum, number) => sum + number, 0) / days.length;
}

/** Round numbers from about `least` to about `most`, and where numbers lie: from 0 to 1. */
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
  const isPower = (number) => Number.isInteger(Math.log10(number));
  const ticks = between.length < 7 ? between : between.filter(isPower);
  return { ticks, place: (number) => Math.max(Math.log10(number) - low, 0) / (high - low) };
}

/** The first days of some months between two days, at most so many, and how to name them. */
function monthsOf(first, last, most) {
  const [start, end] = [first, last].map((number) => new Date(number * DAY));
  const index = (date) => 12 * date.getUTCFullYear() + date.getUTCMonth();
  const length = index(end) - index(start);
  const step = [1, 2, 3, 6, 12, 24, 60].find((number) => length / number <= most);
  const months = [];
  for (let at = index(start) + 1; at <= index(end); at++) {
    if (at % step) continue;
    const time = Date.UTC(Math.floor(at / 12), at % 12);
    months.push([time / DAY, at % 12 ? month.format(time) : `${at / 12}`]);
  }
  return months;
}

/**
 * A plot's shapes, where a day and a number of downloads a day lie in it, in pixels, and which
 * changes of the counting do.
 */
export function plotOf({ lines, periods, changes, isLog, width, height }) {
  const values = lines.map((line) => periods.map((period) => valueIn(line, period)));
  const positive = values.flat().filter((value) => value > 0);
  const most = Math.max(1, ...positive);
  const { ticks, place } = axisOf(Math.min(most, ...positive), most, isLog);
  const [across, up] = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
  const [first, last] = [periods[0].at, periods.at(-1).at];
  const at = (number, value) => [
    (EDGE.left + (across * (number - first)) / Math.max(last - first, 1)).toFixed(1),
    (EDGE.top + up * (1 - place(value))).toFixed(1),
  ];
  const grid = ticks.flatMap((tick) => {
    const [, y] = at(first, tick);
    const text = shape("text", { x: EDGE.left - 6, y, dy: 4, "text-anchor": "end" }, count(tick));
    return [shape("path", { class: "grid", d: `M${EDGE.left} ${y}H${width - EDGE.right}` }), text];
  });
  const months = monthsOf(first, last, across / 60).map(([number, text]) =>
    shape("text", { x: at(number, most)[0], y: height - 6, "text-anchor": "middle" }, text));
  const changed = changes.filter(({ number }) => number > first && number <= last);
  const marks = changed.map(({ number }) =>
    shape("path", { class: "change", d: `M${at(number, ticks[0]).join(" ")}V${EDGE.top}` }));
  const paths = lines.map(({ className }, n) => {
    const known = periods.map((period, m) => [period.at, values[n][m]]).filter(([, v]) => v >= 0);
    const points = known.map(([number, value]) => at(number, value).join(" "));
    return shape("path", { class: className, d: points.length ? `M${points.join("L")}h0` : "" });
  });
  return { at, changed, shapes: [...grid, ...marks, ...months, ...paths, shape("g", {})] };
}
