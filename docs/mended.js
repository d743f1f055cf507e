// The view of a longer text that somebody pastes: what was found in it, and the text mended.

import { choiceFor, counterpart, findBadges, lossesOf, replaceIn } from "./paste.js";
import { $, copy, digits, make, readJson, several } from "./tools.js";

const MOST = 100; // lines that are shown

let mended = "";
let latest; // the text that is asked for

/** Why a badge stays as it is: a kind, and a sentence; or null. */
function staysFor(badge, listing) {
  if (badge.isOurs) return ["is this site’s", "are this site’s", "This site’s own."];
  if (badge.why) return ["stays", "stay", badge.why];
  const [one, more] = ["isn’t listed here", "aren’t listed here"];
  if (!listing) return [one, more, `${badge.project} ${one}.`];
  if (listing.messages.has(choiceFor(badge, listing).metric)) return null;
  return ["stays", "stay", "This package has no such badge here."];
}

/** Show a text with its badges replaced. `formFor` gives the address of the form for a name. */
export async function show(text, site, listings, formFor) {
  latest = text;
  const found = findBadges(text, site).map((badge) => {
    const listing = listings.get(badge.project);
    return { badge, listing, stays: staysFor(badge, listing) };
  });
  const packages = new Set(found.map(({ badge }) => badge.project).filter(Boolean));
  const of = packages.size ? ` of ${several(packages.size, "package", "packages")}` : "";
  const heading = several(found.length, "download badge", "download badges") + of;
  $("mendedView").querySelector("h1").textContent = heading;
  const names = [...packages].filter((name) => listings.has(name));
  const published = await Promise.all(names.map((name) => readJson(`${name}.json`)));
  if (latest !== text) return; // another one came meanwhile
  const jsonOf = (name) => published[names.indexOf(name)];

  const replaced = found.filter(({ stays }) => !stays);
  const addressOf = ({ badge, listing }) =>
    counterpart(badge, listing, jsonOf(listing.name), site);
  mended = replaceIn(text, replaced.map((each) => [each.badge, addressOf(each)]));
  $("mendedText").value = mended;
  $("mendedCopied").textContent = "";
  const kinds = new Map(found.flatMap(({ stays }) => (stays ? [stays.slice(0, 2)] : [])));
  const left = [...kinds].map(([one, more]) =>
    several(found.filter(({ stays }) => stays?.[0] === one).length, one, more));
  $("mendedFound").textContent = `${[`${digits(replaced.length)} replaced`, ...left].join(", ")}.`;
  const missing = found.filter(({ stays }) => stays?.[0] === "isn’t listed here");
  const forms = [...new Set(missing.map(({ badge }) => badge.project))].map((name) => {
    const form = { href: formFor(name), target: "_blank", rel: "noreferrer" };
    return make("a", form, `Add ${name}`);
  });
  $("mendedFound").append(...(formFor("") ? forms.flatMap((form) => [" ", form]) : []));

  const after = mended.split("\n");
  const lines = new Map();
  let [line, at] = [0, text.indexOf("\n")];
  for (const each of found) {
    for (; at >= 0 && at < each.badge.start; at = text.indexOf("\n", at + 1)) line++;
    lines.set(line, [...(lines.get(line) ?? []), each]);
  }
  const items = [...lines].slice(0, MOST).map(([number, badges]) => {
    const told = badges.flatMap(({ badge, listing, stays }) =>
      stays?.[2] ?? lossesOf(badge, choiceFor(badge, listing).metric, jsonOf(listing.name)));
    const notes = [...new Set(told)].map((note) => make("small", {}, note));
    const names = badges.map(({ badge }) => badge.project).filter(Boolean);
    const place = [`Line ${digits(number + 1)}`, ...new Set(names)].join(", ");
    const shown = make("code", {}, after[number].trim());
    return make("li", {}, make("b", {}, place), shown, ...notes);
  });
  $("mendedLines").replaceChildren(...items);
  const rest = lines.size - MOST;
  if (rest > 0) $("mendedLines").append(make("li", {}, `And ${digits(rest)} more lines.`));
}

$("mendedCopy").addEventListener("click", () => {
  copy(mended, $("mendedCopied"), () => $("mendedText")); // the field has only line feeds
});
