// A package's downloads by calendar year, for an annual report: as a table, and as Markdown.

import { DAY, changeOf, day, digits, make } from "./tools.js";

const HEADINGS = ["Year", "Downloads", "Change"];

/** The years of some days, the newest first; `changes` are the days on which counting changed. */
function yearsIn({ first, values }, changes) {
  const yearOf = (number) => new Date(number * DAY).getUTCFullYear();
  const last = first + values.length - 1;
  const sums = new Map();
  values.forEach((count, at) => {
    const year = yearOf(first + at);
    sums.set(year, (sums.get(year) ?? 0) + count);
  });
  const changed = changes.map(yearOf);
  return [...sums].map(([year, sum]) => {
    const notes = [];
    const isWhole = (which) => yearOf(first - 1) < which && which < yearOf(last + 1);
    if (yearOf(first - 1) === year) notes.push(`from ${day(first * DAY)}`);
    if (yearOf(last + 1) === year) notes.push("so far");
    if (changed.includes(year)) notes.push("PyPI changed its counting");
    const isAlike = [year, year - 1].every((one) => isWhole(one) && !changed.includes(one));
    const before = isAlike ? sums.get(year - 1) : null;
    return { name: [year, ...notes].join(", "), month: sum, previous_month: before };
  }).reverse();
}

/** A table of the years of a line of days, and the way to copy it, as elements. */
export function yearsOf(line, changes) {
  const years = yearsIn(line, changes);
  const rows = years.map((year) => [year.name, digits(year.month), changeOf(year)]);
  const texts = rows.map(([name, count, part]) => [name, count, part.textContent]);
  const lines = [HEADINGS, [":--", "--:", "--:"], ...texts].map((row) => `| ${row.join(" | ")} |\n`);
  const cells = (tag, row) => make("tr", {}, ...row.map((cell) => make(tag, {}, cell)));
  const head = make("thead", {}, cells("th", HEADINGS));
  const table = make("table", {}, head, make("tbody", {}, ...rows.map((row) => cells("td", row))));
  const button = make("button", { type: "button" }, "Copy as Markdown");
  const told = make("span", { className: "muted", role: "status" });
  button.addEventListener("click", async () => {
    const isCopied = await navigator.clipboard.writeText(lines.join("")).then(() => true, () => false);
    told.textContent = isCopied ? "Copied." : "This browser doesn’t let a page copy.";
  });
  const note = "A download is not a user: mirrors and machines download, too.";
  return [
    make("h3", {}, "By calendar year"),
    make("div", { className: "scroll" }, table),
    make("p", { className: "muted" }, note),
    make("p", { className: "copy" }, button, " ", told),
  ];
}
