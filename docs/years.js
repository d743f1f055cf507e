// A package's downloads by calendar year, for an annual report: as a table, and as Markdown.

import { DAY, changeOf, copy, day, digits, make, tableOf } from "./tools.js";

/** The years of some days, the newest first; `changes` are those of the counting. */
function yearsIn({ first, counts }, changes) {
  const yearOf = (number) => new Date(number * DAY).getUTCFullYear();
  const last = first + counts.length - 1;
  const sums = new Map();
  counts.forEach((count, at) => {
    const year = yearOf(first + at);
    sums.set(year, (sums.get(year) ?? 0) + count);
  });
  const changed = changes.map(({ number }) => yearOf(number));
  return [...sums].map(([year, sum]) => {
    const notes = [];
    const isWhole = (which) => yearOf(first - 1) < which && which < yearOf(last + 1);
    if (yearOf(first - 1) === year) notes.push(`from ${day(first * DAY).replace(/ \d+$/, "")}`);
    if (yearOf(last + 1) === year) notes.push("so far");
    if (changed.includes(year)) notes.push("PyPI changed its counting");
    const isAlike = [year, year - 1].every((one) => isWhole(one) && !changed.includes(one));
    const before = isAlike ? sums.get(year - 1) : null;
    return { name: [year, ...notes].join(", "), month: sum, previous_month: before };
  }).reverse();
}

/** A change of the counting as an item of a list. */
export const noteOf = ({ number, what }) =>
  make("li", {}, make("b", {}, day(number * DAY)), ` ${what}`);

/** A table of a package's years, from the line of its days, and the way to copy it. */
export function yearsOf(title, line, changes) {
  if (!line.counts.length) return [];
  const years = yearsIn(line, changes);
  const rows = years.map((year) => [year.name, digits(year.month), changeOf(year)]);
  const texts = rows.map(([name, count, part]) => [name, count, part.textContent]);
  const headings = ["Year", `Downloads of ${title}`, "Change"];
  const all = [headings, [":--", "--:", "--:"], ...texts];
  const lines = all.map((row) => `| ${row.join(" | ")} |\n`);
  const aria = { label: "The years as Markdown" };
  const field = make("textarea", { className: "code", hidden: true, readOnly: true, aria });
  field.value = lines.join("");
  const button = make("button", { type: "button" }, "Copy as Markdown");
  const told = make("span", { className: "muted", role: "status" });
  const reveal = () => Object.assign(field, { hidden: false });
  button.addEventListener("click", () => copy(field.value, told, reveal));
  const noted = changes.filter(({ number }) => number > line.first);
  const note = "A download is not a user: mirrors and machines download, too.";
  return [
    make("h3", {}, "By calendar year"),
    make("div", { className: "scroll" }, tableOf(headings, rows)),
    make("p", { className: "copy" }, button, " ", told),
    field,
    make("ul", { className: "changes" }, ...noted.map(noteOf), make("li", {}, note)),
  ];
}
