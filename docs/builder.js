// The badge builder: controls for one package's badge, its pictures, and the code to copy.

import {
  COLOURS, FORMATS, LINKS, LOGOS, LOOK, STYLES,
  hasUnits, isColour, isLogo, overridesFor, ownLook, pictureAddress, readOverrides, tidyColour,
  webAddress, wholeLook,
} from "./badge.js";
import { breakdown, chartOf } from "./details.js";
import { changeOf, day, digits, isStale, make, sparkline } from "./list.js";

const $ = (id) => document.getElementById(id);
const PAUSE = 300; // milliseconds of rest before pictures are asked for and the address changes

const form = $("look");
const pictures = new Map(); // by metric
const canvas = document.createElement("canvas").getContext("2d"); // which knows CSS' colours

let site; // where the JSON is published, and its metrics
let remember; // keeps a fragment in the address; with true as another step of its history
let listing;
let own; // the package's own look
let metric; // the chosen one
let isOwnLabel; // whether the label is the metric's own
let timer;
let visit = 0; // so that what arrives late is not shown
let lastField; // whose changes are one step of the history
let isStep = false;

// --- the controls, made once

function radio(name, value, ...face) {
  const input = make("input", { type: "radio", name, value });
  return make("label", {}, input, make("span", { className: "face" }, ...face));
}

function option(value) {
  return make("option", { value }, value);
}

for (const [format, { name }] of Object.entries(FORMATS))
  $("formats").append(radio("format", format, name));
for (const [key, { name }] of Object.entries(LINKS))
  $("links").append(radio("link", key, name));
$("links").append(radio("link", "other", "Another address"));
$("style").append(...STYLES.map(option));
$("colours").append(...Object.keys(COLOURS).map(option));
$("logos").append(...LOGOS.map(option));

const checks = {
  color: [isColour, "Shields doesn’t know that colour"],
  labelColor: [isColour, "Shields doesn’t know that colour"],
  logo: [isLogo, "A slug is letters and digits, such as pypi"],
  logoColor: [isColour, "Shields doesn’t know that colour"],
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
  input.ariaInvalid = isWrong ? "true" : null;
  if (check) $(`${key}-wrong`).textContent = isWrong ? message : "";
  return isWrong ? undefined : value;
}

// --- from the controls to a badge

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
  if (link !== "pepy") parameters.set("link", link);
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
  const link = LINKS[chosen.link]?.address(listing.name) ?? webAddress(chosen.link) ?? "";
  const { title, label } = site.metrics.get(metric);
  const text = label ? title : "Downloads";
  $("code").value = FORMATS[chosen.format].code(picture, link, text);
  $("target-field").hidden = form.elements.link.value !== "other";
  $("reset").disabled = !Object.keys(chosen.overrides).length;
  for (const picker of form.querySelectorAll("input[type=color]")) {
    const key = picker.dataset.for;
    picker.value = hexOf(chosen.overrides[key] || own[key] || (key === "labelColor" ? "grey" : ""));
  }
  return chosen;
}

function draw({ overrides }) {
  $("undrawn").textContent = "";
  for (const [which, image] of pictures) {
    const message = listing.messages.get(which);
    image.closest("label").hidden = !message;
    if (!message) continue;
    image.src = pictureAddress(site, listing.name, which, overrides);
    image.alt = `${overrides.label ?? ownOf(which).label}: ${message}`;
    if (which === metric) $("preview").src = image.src;
  }
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
$("reset").addEventListener("click", () => {
  fill(ownOf(metric));
  changed("reset");
  form.elements.style.focus();
});

async function copy(code, told, name) {
  try {
    await navigator.clipboard.writeText(code.value);
    told.textContent = `Copied as ${name}.`;
  } catch {
    code.focus();
    code.select();
    told.textContent = "This browser doesn’t let a page copy: press Ctrl or ⌘ and C.";
  }
}

$("copy").addEventListener("click", () => {
  settle();
  copy($("code"), $("copied"), FORMATS[form.elements.format.value].name);
});
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
  $("builder").querySelector("h1").textContent = listing.name;
  const counted = [...site.metrics].filter(([which]) => Number.isInteger(listing[which]));
  const figures = counted.map(([which, { title }]) => {
    const change = which === "month" ? [" ", changeOf(listing)] : [];
    return make("span", {}, make("b", {}, digits(listing[which])), ` ${title}`, ...change);
  });
  const until = listing.last_date ? `up to ${day(listing.last_date)}` : "";
  $("figures").replaceChildren(...figures, make("span", { className: "muted" }, until), sparkline(listing.trend));
}

/** What there is to see of a package beside its badges. */
async function details() {
  const which = listing;
  const { path, markdown } = chartOf(site, listing);
  $("chart").removeAttribute("src"); // or else the old picture stands until the new one is there
  $("chart").src = path;
  $("chart").alt = `Downloads of ${listing.name} a day`;
  $("chart-code").value = markdown;
  $("chart-copied").textContent = "";
  $("breakdown").hidden = true;
  const parts = await breakdown(listing);
  if (listing !== which || !parts.length) return;
  $("parts").replaceChildren(...parts);
  $("breakdown").hidden = false;
}

const badges = new Map(); // as published, by package

async function badgeOf(name) {
  if (!badges.has(name)) {
    const response = await fetch(`${name}.json`).catch(() => null);
    const badge = response?.ok ? await response.json().catch(() => null) : null;
    if (!badge) return null; // another time, maybe
    badges.set(name, badge);
  }
  return badges.get(name);
}

/** What to say about a package's badge, and about the pasted one that it replaces, if so. */
function notices(badge, pasted) {
  const lines = [];
  if (pasted) lines.push("Here is your badge again, over this site’s figures: copy it over the old one.");
  if (pasted?.units && badge && !hasUnits(badge.message, pasted.units))
    lines.push(`Its number was in PePy’s units “${pasted.units}”, which an address can’t choose.`);
  if (pasted && !pasted.isOurs && !pasted.look.logo && (own.logo || badge?.logoSvg))
    lines.push("The package’s own badge has a logo, which an address can replace but not take away.");
  if (!badge) lines.push("The package’s own settings could not be read: what you see starts from the usual ones.");
  if (isStale(listing)) lines.push(`These figures are stale: they were last fetched on ${day(listing.fetched)}.`);
  return lines;
}

/** Begin, once, with a control for each of the site's metrics. */
export function start(where, keep) {
  site = where;
  remember = keep;
  for (const [which, { title }] of site.metrics) {
    const picture = make("img", { alt: "", height: 20, referrerPolicy: "no-referrer" });
    picture.addEventListener("error", () => {
      $("undrawn").textContent =
        "Shields doesn’t draw the pictures just now. The code below is right all the same.";
    });
    pictures.set(which, picture);
    $("metrics").append(radio("metric", which, title, make("span", { className: "frame" }, picture)));
  }
}

/** Nothing is under construction any more. */
export function leave() {
  visit++;
  clearTimeout(timer);
  timer = undefined;
}

/**
 * Show a package's builder as a fragment's parameters have it. `pasted` is the badge that
 * somebody brought, if so.
 */
export async function show(which, parameters, pasted) {
  leave();
  const isOther = listing !== which;
  listing = which;
  header();
  if (isOther) {
    form.hidden = true;
    $("notice").textContent = "";
    details();
  }
  const current = visit;
  const badge = await badgeOf(which.name);
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
  fill(wholeLook(usual, overridesFor(usual, wholeLook(usual, readOverrides(parameters)))));
  form.elements.format.value = known("format", FORMATS, "markdown");
  const given = parameters.get("link");
  const isOtherLink = given === "" || (given && webAddress(given) !== null);
  form.elements.link.value = isOtherLink ? "other" : known("link", LINKS, "pepy");
  form.elements.target.value = isOtherLink ? given : "";
  form.hidden = false;
  lastField = undefined;
  isStep = false;
  $("copied").textContent = "";
  const chosen = write();
  draw(chosen);
  remember(fragmentOf(chosen), false);

  const lines = isMissing
    ? ["There is no such badge of this package here: this is its total."]
    : notices(badge, pasted);
  $("notice").replaceChildren(...lines.map((line) => make("span", {}, line)));
}
