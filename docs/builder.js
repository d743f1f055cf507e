// The badge builder: controls for one package's badge, its picture, and the code to copy.

import {
  COLOURS, FORMATS, LINKS, LOGOS, LOOK,
  isLogo, overridesFor, ownLook, pictureAddress, readOverrides, tidyColour, webAddress,
  wholeLook,
} from "./badge.js";
import { partsOf } from "./details.js";
import { lossesOf, replaceIn } from "./paste.js";
import { $, changeOf, day, digits, isStale, make, radio, readJson, setAria, stalledText } from "./tools.js";

const PAUSE = 300; // milliseconds of rest before the picture is asked for and the address changes
const wide = matchMedia("(min-width: 56.01rem)"); // where the look has room beside the badge

const form = $("look");
const canvas = document.createElement("canvas").getContext("2d"); // which knows CSS' colours

let site; // where the JSON is published, and its metrics
let showChart; // of a listing
let remember; // keeps a fragment in the address; with true as another step of its history
let listing;
let published; // the promise of its badge
let own; // the package's own look
let metric; // the chosen one
let isOwnLabel; // whether the label is the metric's own
let pasted; // the text in which the badge stands that is replaced, and that badge
let written; // the code
let timer;
let visit = 0; // so that what arrives late is not shown
let lastField; // whose changes are one step of the history
let isStep = false;

// --- the controls, made once

const option = (value) => make("option", { value }, value);

for (const [format, { name }] of Object.entries(FORMATS))
  $("formats").append(radio("format", format, name));
for (const [key, { name }] of Object.entries({ ...LINKS, other: { name: "Another address" } }))
  $("links").append(radio("link", key, name));
$("colours").append(...Object.keys(COLOURS).map(option));
$("logos").append(...LOGOS.map(option));

const colour = [(value) => site.isColour(value), "Shields doesn’t know that colour"];
const checks = {
  color: colour,
  labelColor: colour,
  logo: [isLogo, "A slug is letters and digits, such as pypi"],
  logoColor: colour,
  target: [webAddress, "An address starts with https://"],
};
for (const key of Object.keys(checks)) {
  const input = form.elements[key];
  const wrong = make("small", { className: "wrong", id: `${key}-wrong`, role: "status" });
  input.closest(".field").append(wrong);
  const described = input.getAttribute("aria-describedby") ?? "";
  input.setAttribute("aria-describedby", `${described} ${wrong.id}`.trim());
}

/** The package's own look as a metric's badge has it. */
const ownOf = (which) => ({ ...own, label: site.metrics.get(which).label ?? own.label });

/** What a control says, or undefined (and a word beside it) where that makes no sense. */
function chosenValue(key) {
  const input = form.elements[key];
  const value = /color$/i.test(key) ? tidyColour(input.value) : input.value.trim();
  const [check, message] = checks[key] ?? [];
  const isWrong = Boolean(check && value && !check(value));
  setAria(input, "invalid", isWrong);
  if (check) $(`${key}-wrong`).textContent = isWrong ? message : "";
  return isWrong ? undefined : value;
}

// --- from the controls to a badge

/** Where a click can lead, and where it does if nobody chooses: only this page knows families. */
const linksOf = ({ members }) => (members ? { page: LINKS.page, none: LINKS.none } : LINKS);
const usualLink = () => (listing.members ? "page" : "pepy");

/** Everything chosen; `link` is a key of LINKS, an address, or "" for none. */
function choices() {
  const values = Object.fromEntries(LOOK.map((key) => [key, chosenValue(key)]));
  values.label = form.elements.label.value; // spaces and all, and legally empty
  const target = chosenValue("target");
  const link = form.elements.link.value;
  return {
    format: form.elements.format.value,
    link: link === "other" ? (target ?? "") : link,
    overrides: overridesFor(ownOf(metric), values),
  };
}

function fragmentOf({ overrides, link, format }) {
  const parameters = new URLSearchParams();
  if (metric !== "total") parameters.set("metric", metric);
  for (const [key, value] of Object.entries(overrides)) parameters.set(key, value);
  if (link !== usualLink()) parameters.set("link", link);
  if (format !== "markdown") parameters.set("format", format);
  const query = parameters.toString();
  return `#${listing.name}${query && "?"}${query}`;
}

function hexOf(colour) {
  canvas.fillStyle = "#888888"; // what stays if it is none
  canvas.fillStyle = COLOURS[colour] ?? (/^[0-9a-f]+$/.test(colour) ? `#${colour}` : colour);
  return canvas.fillStyle.slice(0, 7).replace(/^rgba.*/, "#888888");
}

function write() {
  const chosen = choices();
  const picture = pictureAddress(site, listing.name, metric, chosen.overrides);
  const link = LINKS[chosen.link]?.address(listing.name, site) ?? webAddress(chosen.link) ?? "";
  const { title, label } = site.metrics.get(metric);
  const text = label ? title : "Downloads";
  written = pasted
    ? replaceIn(pasted.text, [[pasted.badge, picture]])
    : FORMATS[chosen.format].code(picture, link, text);
  $("code").value = written;
  $("formats").closest("fieldset").hidden = Boolean(pasted); // which is as it was
  $("leads").hidden = pasted || chosen.format === "address"; // which has no link
  $("target-field").hidden = form.elements.link.value !== "other";
  $("reset").href = fragmentOf({ ...chosen, overrides: {} });
  for (const picker of form.querySelectorAll("input[type=color]")) {
    const key = picker.dataset.for;
    picker.value = hexOf(chosen.overrides[key] || own[key] || (key === "labelColor" ? "grey" : ""));
  }
  return chosen;
}

function draw({ overrides }) {
  $("undrawn").textContent = "";
  $("preview").src = pictureAddress(site, listing.name, metric, overrides);
  $("preview").alt = `${overrides.label ?? ownOf(metric).label}: ${listing.messages.get(metric)}`;
}

/** Another metric is chosen: a label that nobody has written becomes that one's. */
function choose(which) {
  const { label } = form.elements;
  metric = which;
  if (isOwnLabel) label.value = ownOf(metric).label;
  label.placeholder = ownOf(metric).label || "empty";
}

function settle() {
  if (timer === undefined) return;
  clearTimeout(timer);
  timer = undefined;
  const chosen = choices();
  draw(chosen);
  remember(fragmentOf(chosen), isStep);
  isStep = false;
}

function changed(field) {
  if (field !== lastField) {
    settle();
    lastField = field;
    isStep = true;
  }
  $("copied").textContent = "";
  write();
  clearTimeout(timer);
  timer = setTimeout(settle, PAUSE);
}

form.addEventListener("input", (event) => {
  const picked = event.target.dataset.for;
  if (event.target.name === "metric") choose(event.target.value);
  if (event.target.name === "label") isOwnLabel = event.target.value === ownOf(metric).label;
  if (picked) form.elements[picked].value = event.target.value;
  if (event.target.id !== "code") changed(picked ?? event.target.name);
});
form.addEventListener("focusout", settle);
form.addEventListener("submit", (event) => event.preventDefault());

/** Copy a text that a field shows, and tell so. */
export async function copy(code, told, name, text = code.value) {
  try {
    await navigator.clipboard.writeText(text);
    told.textContent = name ? `Copied as ${name}.` : "Copied.";
  } catch {
    code.focus();
    code.select();
    told.textContent = "This browser doesn’t let a page copy: press Ctrl or ⌘ and C.";
  }
}

$("copy").addEventListener("click", () => {
  settle();
  const { name } = FORMATS[form.elements.format.value];
  copy($("code"), $("copied"), pasted ? "" : name, written); // the field has only line feeds
});
$("preview").addEventListener("error", () => {
  $("undrawn").textContent = "Shields can’t draw the picture right now. The code is right all the same.";
});
$("reveal").addEventListener("click", () => {
  const isOpen = $("badge").classList.toggle("open"); // which matters where there is no room for it
  setAria($("reveal"), "expanded", `${isOpen}`);
  $("code").select();
});
wide.addEventListener("change", () => ($("styling").open ||= wide.matches));
$("chart-copy").addEventListener("click", () => copy($("chart-code"), $("chart-copied"), "Markdown"));

// --- one package

function fill(look) {
  for (const key of LOOK) form.elements[key].value = look[key];
  const unset = { color: "", labelColor: "grey", logo: "none" };
  for (const key of Object.keys(unset)) form.elements[key].placeholder = own[key] || unset[key];
  form.elements.label.placeholder = ownOf(metric).label || "empty";
  isOwnLabel = look.label === ownOf(metric).label;
}

function header() {
  const { name } = listing;
  $("builder").querySelector("h1").textContent = name;
  const others = listing.members ? [] : [LINKS.pepy, LINKS.pypistats];
  const ways = others.map((link) => [link.name, link.address(name)]);
  const files = [`${name}/history.csv`, `${name}/stats.json`, `${name}.json`];
  ways.push(...files.map((path) => [path.split("/").at(-1), path])); // a package may be called stats
  $("ways").replaceChildren(...ways.map(([text, href]) => make("a", { href, rel: "noreferrer" }, text)));
  const counted = [...site.metrics].filter(([which]) => Number.isInteger(listing[which]));
  const figures = counted.map(([which, { title }]) => {
    const change = which === "month" ? [" ", changeOf(listing)] : [];
    return make("li", {}, make("b", {}, digits(listing[which])), ` ${title}`, ...change);
  });
  $("figures").replaceChildren(...figures);
  $("until").textContent = listing.last_date ? `Up to ${day(listing.last_date)}. ` : "";
  if (listing.year_date) $("until").append(`The last 365 days are as of ${day(listing.year_date)}. `);
  if (listing.members) $("until").append("The sum of:");
  for (const member of listing.members ?? []) $("until").append(" ", make("a", { href: `#${member}` }, member));
  for (const { value, parentElement } of form.elements.link)
    parentElement.hidden = value !== "other" && !(value in linksOf(listing));
  for (const input of form.elements.metric) {
    const message = listing.messages.get(input.value);
    input.parentElement.hidden = !message;
    input.nextSibling.lastChild.textContent = message;
  }
}

/** What there is to see of a package beside its badges. */
async function details() {
  const which = listing;
  const { name } = listing;
  const path = `${name}/chart.svg`;
  $("chart").removeAttribute("src"); // or else the old picture stands until the new one is there
  $("chart").src = path;
  $("chart").alt = `Downloads of ${name} a day`;
  $("chart-code").value = FORMATS.markdown.code(`${site.url}/${path}`, LINKS[usualLink()].address(name, site), "Downloads a day");
  $("chart-copied").textContent = "";
  $("breakdown").hidden = true;
  showChart([listing]);
  const parts = await partsOf(listing);
  if (listing !== which || !parts.length) return;
  $("parts").replaceChildren(...parts);
  $("breakdown").hidden = false;
}

/** What to say about a package's badge, and about what was pasted that led to it, if so. */
function notices(badge, brought) {
  const lines = [];
  if (pasted) {
    lines.push("This is your text, with this site’s badge. Copy it and replace the old one.");
    lines.push(...lossesOf(pasted.badge, metric, badge));
  } else if (brought) lines.push("What you pasted names this package. This site counts its downloads.");
  if (!badge) lines.push("The package’s own look could not be read, so this starts from the usual one.");
  if (site.stalled) lines.push(stalledText(site));
  if (isStale(listing)) lines.push(`These figures are old: they were last fetched on ${day(listing.fetched)}.`);
  return lines;
}

/** Begin, once, with a control for each of the site's metrics and styles. */
export function start(where, chart, keep) {
  [site, showChart, remember] = [where, chart, keep];
  $("style").append(...site.styles.map(option));
  for (const [which, { title }] of site.metrics)
    $("metrics").append(radio("metric", which, title, make("span", { className: "figure" })));
}

/** Nothing is under construction any more. */
export function leave() {
  visit++;
  clearTimeout(timer);
  timer = undefined;
}

/**
 * Show a package's builder as a fragment's parameters have it. `pasted` is the badge that
 * somebody brought, and its text, if so.
 */
export async function show(which, parameters, brought) {
  leave();
  pasted = brought?.badge && brought;
  const isOther = listing !== which;
  listing = which;
  header();
  if (isOther) {
    form.hidden = true;
    $("notice").textContent = "";
    published = readJson(`${which.name}.json`);
    details();
  }
  const current = visit;
  const badge = await published;
  if (visit !== current) return; // gone elsewhere meanwhile
  own = ownLook(badge ?? { label: "downloads", color: "blue" });
  const known = (key, table, usual) => {
    const value = parameters.get(key) ?? usual;
    return Object.hasOwn(table, value) ? value : usual;
  };
  metric = parameters.get("metric") ?? "total";
  const isMissing = !listing.messages.has(metric);
  if (isMissing) {
    metric = "total";
    parameters.delete("label"); // which was the other's
  }
  form.elements.metric.value = metric;
  const usual = ownOf(metric);
  fill(wholeLook(usual, overridesFor(usual, wholeLook(usual, readOverrides(parameters, site)))));
  form.elements.format.value = known("format", FORMATS, "markdown");
  const given = parameters.get("link");
  const isAddress = given && webAddress(given) !== null;
  form.elements.link.value = isAddress ? "other" : known("link", linksOf(listing), given === "" ? "none" : usualLink());
  form.elements.target.value = isAddress ? given : "";
  form.hidden = false;
  lastField = undefined;
  isStep = false;
  $("copied").textContent = "";
  const chosen = write();
  draw(chosen);
  remember(fragmentOf(chosen), false);
  if (isOther || pasted) $("styling").open = wide.matches || Object.keys(chosen.overrides).length > 0;

  const lines = isMissing
    ? ["This package has no such badge here, so this is its total."]
    : notices(badge, brought);
  $("notice").replaceChildren(...lines.map((line) => make("span", {}, line)));
}
