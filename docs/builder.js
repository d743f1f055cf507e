// The badge builder: controls for one package's badge, its picture, and the code to copy.

import {
  COLOURS, FORMATS, LINKS, LOGOS, LOOK,
  isLogo, overridesFor, ownLook, pictureAddress, readOverrides, tidyColour, webAddress, wholeLook,
} from "./badge.js";
import { viewIn } from "./chart.js";
import { showParts } from "./details.js";
import { lossesOf, replaceIn } from "./paste.js";
import {
  $, changeOf, copy, day, digits, familyOf, isStale, make, radio, readJson, setAria, stalledText,
} from "./tools.js";

const MUCH = 16; // characters of a figure, which is smaller beyond
const PAUSE = 300; // milliseconds of rest before the picture is asked for and the address changes
const form = $("look");
const canvas = document.createElement("canvas").getContext("2d"); // which knows CSS' colours

// All that the builder knows; the form is drawn from it. It is replaced, never changed, so that
// what comes late finds another one.
//   site, showChart, remember  what the page gives: what is published, what shows a chart, and what
//                              keeps a fragment in the address, with true as a step of the history
//   listing, published         the package, and the promise of its badge
//   pasted                     the text in which the badge stands that is replaced, and that badge
//   own                        the package's own look
//   chosen                     what is chosen, by the controls' names, as it is typed
//   view                       the range and scale of the chart
//   field, isStep, timer       the control in use, whose changes are one step of the history
let state = {};
const set = (changes) => (state = { ...state, ...changes });

// --- what is chosen

const isColour = (text) => state.site.isColour(tidyColour(text));
const colour = [isColour, "Shields doesn’t know that colour"];
const CHECKS = {
  color: colour,
  labelColor: colour,
  logo: [isLogo, "A slug is letters and digits, such as pypi"],
  logoColor: colour,
  target: [webAddress, "An address starts with https://"],
};

/** Whether a control says what makes no sense. */
function isWrong(key) {
  const text = state.chosen[key].trim();
  return Boolean(text && CHECKS[key] && !CHECKS[key][0](text));
}

/** The package's own look as a metric's badge has it. */
const ownOf = (metric) => ({
  ...state.own,
  label: state.site.metrics.get(metric).label ?? state.own.label,
});

/** What the chosen look overrides of the package's own one. */
function overrides() {
  const valueOf = (key) => {
    if (isWrong(key)) return undefined;
    if (key === "label") return state.chosen.label; // spaces and all, and legally empty
    return /color$/i.test(key) ? tidyColour(state.chosen[key]) : state.chosen[key].trim();
  };
  const look = Object.fromEntries(LOOK.map((key) => [key, valueOf(key)]));
  return overridesFor(ownOf(state.chosen.metric), look);
}

/** Where a click can lead, and where it does if nobody chooses: only this page knows families. */
const linksOf = ({ members }) => (members ? { page: LINKS.page, none: LINKS.none } : LINKS);
const usualLink = () => (state.listing.members ? "page" : "pepy");

/** The address of this page that has all that is chosen, and some overrides. */
function fragmentOf(look) {
  const { metric, link, target, format } = state.chosen;
  const parameters = new URLSearchParams(metric === "total" ? {} : { metric });
  for (const [key, value] of Object.entries(look)) parameters.set(key, value);
  const led = link === "other" ? webAddress(target) && target.trim() : link;
  if (led !== usualLink()) parameters.set("link", led ?? "");
  if (format !== "markdown") parameters.set("format", format);
  for (const [key, value] of Object.entries(state.view)) parameters.set(key, value);
  return `#${state.listing.name}${parameters.size ? "?" : ""}${parameters}`;
}

/** What is chosen by an address' parameters, of a metric that the package has. */
function chosenIn(parameters, metric) {
  const usual = ownOf(metric);
  const look = wholeLook(usual, readOverrides(parameters, state.site));
  const tidy = wholeLook(usual, overridesFor(usual, look));
  const known = (value, table, otherwise) => (Object.hasOwn(table, value) ? value : otherwise);
  const given = parameters.get("link") ?? usualLink();
  const isAddress = webAddress(given) !== null;
  const link = isAddress ? "other" : known(given || "none", linksOf(state.listing), usualLink());
  const format = known(parameters.get("format"), FORMATS, "markdown");
  return { ...tidy, metric, link, target: isAddress ? given : "", format };
}

// --- from that to the form

/** The badge's code. */
function code() {
  const { site, listing, pasted } = state;
  const { metric, link, target, format } = state.chosen;
  const picture = pictureAddress(site, listing.name, metric, overrides());
  if (pasted) return replaceIn(pasted.text, [[pasted.badge, picture]]);
  const { title, label } = site.metrics.get(metric);
  const led = link === "other" ? webAddress(target) : LINKS[link].address(listing.name, site);
  return FORMATS[format].code(picture, led ?? "", label ? title : "Downloads");
}

function hexOf(text) {
  canvas.fillStyle = "#888888"; // what stays if it is none
  canvas.fillStyle = COLOURS[text] ?? (/^[0-9a-f]+$/.test(text) ? `#${text}` : text);
  return canvas.fillStyle.slice(0, 7).replace(/^rgba.*/, "#888888");
}

function draw() {
  const { chosen, own, pasted } = state;
  const look = overrides();
  for (const [key, value] of Object.entries(chosen)) {
    const control = form.elements[key];
    if (control.value !== value) control.value = value; // which would move the caret
  }
  for (const [key, [, message]] of Object.entries(CHECKS)) {
    setAria(form.elements[key], "invalid", isWrong(key));
    $(`${key}-wrong`).textContent = isWrong(key) ? message : "";
  }
  for (const picker of form.querySelectorAll("input[type=color]")) {
    const key = picker.dataset.for;
    picker.value = hexOf(look[key] || own[key] || (key === "labelColor" ? "grey" : ""));
  }
  const unset = { label: "empty", color: "", labelColor: "grey", logo: "none" };
  for (const [key, text] of Object.entries(unset))
    form.elements[key].placeholder = ownOf(chosen.metric)[key] || text;
  $("code").value = code();
  $("formats").parentElement.hidden = Boolean(pasted); // which is as it was
  $("leads").hidden = pasted || chosen.format === "address"; // which has no link
  $("target-field").hidden = chosen.link !== "other";
  $("reset").href = fragmentOf({});
}

/** What costs a request: the picture. */
function drawPicture() {
  const { site, listing, chosen } = state;
  const look = overrides();
  $("undrawn").textContent = "";
  $("preview").src = pictureAddress(site, listing.name, chosen.metric, look);
  const label = look.label ?? ownOf(chosen.metric).label;
  $("preview").alt = `${label}: ${listing.messages.get(chosen.metric)}`;
}

function open(isOpen) {
  $("badge").classList.toggle("open", isOpen); // which matters where there is no room for the code
  setAria($("reveal"), "expanded", `${isOpen}`);
}

// --- one package

function header() {
  const { site, listing } = state;
  const { name, title, members } = listing;
  const family = members ? [" ", familyOf(members)] : [];
  $("builder").querySelector("h1").replaceChildren(title, ...family);
  const others = members ? [] : [LINKS.pepy, LINKS.pypistats];
  const ways = others.map((link) => [link.name, link.address(name)]);
  const files = [`${name}/history.csv`, `${name}/stats.json`, `${name}.json`];
  ways.push(...files.map((path) => [path.split("/").at(-1), path])); // it may be called stats
  const rel = "noreferrer";
  $("ways").replaceChildren(...ways.map(([text, href]) => make("a", { href, rel }, text)));
  $("until").textContent = listing.last_date ? `Up to ${day(listing.last_date)}. ` : "";
  const year = listing.year_date && `The last 365 days are as of ${day(listing.year_date)}. `;
  const links = (members ?? []).map((member) => make("a", { href: `#${member}` }, member));
  const commas = (link, at) => [at ? ", " : " ", link];
  $("until").append(year ?? "", members ? "The sum of:" : "", ...links.flatMap(commas));
  for (const { value, parentElement } of form.elements.link)
    parentElement.hidden = value !== "other" && !Object.hasOwn(linksOf(listing), value);
  for (const input of form.elements.metric) {
    const [count, message] = [listing[input.value], listing.messages.get(input.value)];
    const told = Number.isInteger(count) ? digits(count) : (message ?? "");
    const className = told.length > MUCH ? "figure long" : "figure";
    const figure = make("b", { className }, told);
    const change = input.value === "month" ? [" ", changeOf(listing)] : [];
    const text = make("span", {}, site.metrics.get(input.value).title, ...change);
    input.parentElement.hidden = !message;
    input.nextSibling.replaceChildren(figure, text);
  }
}

/** What there is to see of a package beside its badges. */
function details() {
  const { site, listing } = state;
  const path = `${listing.name}/chart.svg`;
  const link = LINKS[usualLink()].address(listing.name, site);
  $("chart").removeAttribute("src"); // or else the old picture stands until the new one is there
  $("chart").src = path;
  $("chart").alt = `Downloads of ${listing.title} a day`;
  $("chart-code").value = FORMATS.markdown.code(`${site.url}/${path}`, link, "Downloads a day");
  $("chart-copied").textContent = "";
  showParts(listing);
}

/** What to say about a package's badge, and about what was pasted that led to it, if so. */
function notices(badge, brought) {
  const { site, listing, pasted, chosen } = state;
  const lines = [];
  if (pasted) {
    lines.push("This is your text, with this site’s badge. Copy it and replace the old one.");
    lines.push(...lossesOf(pasted.badge, chosen.metric, badge));
  } else if (brought) {
    lines.push("What you pasted names this package. This site counts its downloads.");
  }
  if (!badge) lines.push("The package’s own look could not be read: this is the usual one.");
  if (site.stalled) lines.push(stalledText(site));
  const fetched = isStale(listing) && day(listing.fetched);
  if (fetched) lines.push(`These figures are old: they were last fetched on ${fetched}.`);
  return lines;
}

/**
 * Show a package's builder as a fragment's parameters have it. `brought` is the badge that
 * somebody pasted, and its text, if so.
 */
export async function show(listing, parameters, brought) {
  leave();
  const isOther = state.listing !== listing;
  const published = isOther ? readJson(`${listing.name}.json`) : state.published;
  const view = viewIn(parameters);
  const isSeen = !isOther && JSON.stringify(view) === JSON.stringify(state.view);
  const mine = set({ listing, published, view, pasted: brought?.badge && brought });
  if (!isSeen) state.showChart([listing], parameters);
  if (isOther) {
    form.hidden = true;
    $("preview").removeAttribute("src"); // or else the old one stands until the new one is there
    $("notice").textContent = "";
    open(false);
    header();
    details();
  }
  const badge = await published;
  if (state !== mine) return; // gone elsewhere meanwhile
  set({ own: ownLook(badge ?? { label: "downloads", color: "blue" }) });
  const metric = parameters.get("metric") ?? "total";
  const isMissing = !listing.messages.has(metric);
  if (isMissing) parameters.delete("label"); // which was the other's
  const chosen = chosenIn(parameters, isMissing ? "total" : metric);
  set({ chosen, field: undefined, isStep: false });
  form.hidden = false;
  $("copied").textContent = "";
  draw();
  drawPicture();
  state.remember(fragmentOf(overrides()), false);
  const lines = isMissing
    ? ["This package has no such badge here, so this is its total."]
    : notices(badge, brought);
  $("notice").replaceChildren(...lines.map((line) => make("span", {}, line)));
}

/** The chart of the package is shown otherwise, which the address says, too. */
export function see(view) {
  set({ view });
  draw();
  state.remember(fragmentOf(overrides()), false);
}

// --- what somebody does

/** The picture and the address follow what is chosen, where they haven't yet. */
function settle() {
  if (state.timer === undefined) return;
  leave();
  drawPicture();
  if (state.remember(fragmentOf(overrides()), state.isStep)) set({ isStep: false });
}

/** What is about to follow does not any more. */
export function leave() {
  clearTimeout(state.timer);
  set({ timer: undefined });
}

function change(key, value) {
  if (key !== state.field) {
    settle();
    set({ field: key, isStep: true });
  }
  const { label, metric } = state.chosen;
  const isOwnLabel = key === "metric" && label === ownOf(metric).label;
  const follows = isOwnLabel ? { label: ownOf(value).label } : {};
  set({ chosen: { ...state.chosen, [key]: value, ...follows } });
  $("copied").textContent = "";
  draw();
  clearTimeout(state.timer);
  set({ timer: setTimeout(settle, PAUSE) });
}

form.addEventListener("input", ({ target }) => {
  change(target.dataset.for ?? target.name, target.value);
});
form.addEventListener("focusout", settle);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("focusin", ({ target }) => {
  // Who types another one replaces it; unlike select(), this doesn't scroll.
  if (target.list) setTimeout(() => target.setSelectionRange(0, target.value.length));
});
$("preview").addEventListener("error", () => {
  $("undrawn").textContent = "Shields can’t draw the picture right now. The code is right.";
});
$("reveal").addEventListener("click", () => open(!$("badge").classList.contains("open")));
$("copy").addEventListener("click", () => {
  settle();
  const reveal = () => open(true) ?? $("code");
  const lack = Object.keys(CHECKS).some(isWrong) ? ", without what is marked as wrong" : "";
  const name = state.pasted ? "" : ` as ${FORMATS[state.chosen.format].name}`;
  copy(code(), $("copied"), reveal, name + lack); // the field has only line feeds
});
$("chart-copy").addEventListener("click", () => {
  copy($("chart-code").value, $("chart-copied"), () => $("chart-code"), " as Markdown");
});

/** Begin, once, with the controls that the site's metrics and styles make. */
export function start(site, showChart, remember) {
  state = { site, showChart, remember };
  const option = (value) => make("option", { value }, value);
  $("style").append(...site.styles.map(option));
  $("metrics").append(...[...site.metrics.keys()].map((metric) => radio("metric", metric)));
  const radios = (name, table) =>
    Object.entries(table).map(([key, row]) => radio(name, key, row.name));
  $("formats").append(...radios("format", FORMATS));
  $("links").append(...radios("link", { ...LINKS, other: { name: "Another address" } }));
  $("colours").append(...Object.keys(COLOURS).map(option));
  $("logos").append(...LOGOS.map(option));
  for (const key of Object.keys(CHECKS)) {
    const input = form.elements[key];
    const wrong = make("small", { className: "wrong", id: `${key}-wrong`, role: "status" });
    input.closest(".field").append(wrong);
    const described = input.getAttribute("aria-describedby") ?? "";
    input.setAttribute("aria-describedby", `${described} ${wrong.id}`.trim());
  }
}
