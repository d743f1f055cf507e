// What several modules use: elements, numbers and dates as one reads them, and the site's tables.

import { normalise } from "./badge.js";

export const DAY = 864e5; // milliseconds
export const WEEK = 7; // days
const STALE = 3 * DAY;

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en");
const longDay = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });
const mediumDay = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
export const finer = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
const signed = new Intl.NumberFormat("en", { ...finer, signDisplay: "exceptZero" });

export const $ = (id) => document.getElementById(id);
export const count = (number) => (number === null ? "–" : compact.format(number));
export const digits = (number) => exact.format(number);
export const day = (time) => longDay.format(new Date(time));
export const shortDay = (time) => mediumDay.format(new Date(time));
export const days = (from, to) => longDay.formatRange(new Date(from), new Date(to));
export const stalledText = ({ stalled }) =>
  stalled ? `PePy’s newest day is ${day(stalled)}: all figures end there.` : "";
export const isStale = ({ fetched }) => fetched !== null && Date.now() - new Date(fetched) > STALE;

/** The listing that a name or a family's title means, or undefined. */
export const listingOf = (listings, text) =>
  listings.get(normalise(text)) ?? listings.get(`_${normalise(text)}`);

/** Whether one of two listings is a family and the other a member of it. */
export const areRelated = (one, other) =>
  Boolean(one.members?.includes(other.name) || other.members?.includes(one.name));

/** So many of something. */
export const several = (number, one, more) => `${digits(number)} ${number === 1 ? one : more}`;

/** Give an element an ARIA attribute, or take it away where the value is false. */
export function setAria(element, name, value) {
  if (value === false) element.removeAttribute(`aria-${name}`);
  else element.setAttribute(`aria-${name}`, value);
}

/** An element with its text; text never becomes markup. */
export function make(tag, { role, aria = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (role) element.setAttribute("role", role); // not each browser has these as properties
  for (const [name, value] of Object.entries(aria)) setAria(element, name, value);
  element.append(...children);
  return element;
}

/** An element of an SVG picture. */
export function shape(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A table with a heading for each column, of rows of texts and elements. */
export function tableOf(headings, rows) {
  const cells = (tag, row) => make("tr", {}, ...row.map((cell) => make(tag, {}, cell)));
  const head = make("thead", {}, cells("th", headings));
  return make("table", {}, head, make("tbody", {}, ...rows.map((row) => cells("td", row))));
}

/** A choice of a group, as a label that holds its radio button and a face. */
export function radio(name, value, ...face) {
  const input = make("input", { type: "radio", name, value });
  return make("label", {}, input, make("span", { className: "face" }, ...face));
}

/** The month compared with the one before, as a share; null where there was nothing before. */
export const change = (listing) =>
  listing.previous_month ? listing.month / listing.previous_month - 1 : null;

/** The mark of a family with such members. */
export const familyOf = (members) =>
  make("span", { className: "family" }, `family of ${members.length}`);

/** A listing's change as an element. */
export function changeOf(listing) {
  const share = change(listing);
  if (share === null) return make("span", { className: "muted" }, "–");
  const tenths = Math.round(1000 * share); // of a percent, as it is shown
  const className = tenths > 0 ? "up" : tenths < 0 ? "down" : "muted";
  return make("span", { className }, signed.format(share).replace("-", "−"));
}

/** What is made of a file of the site, or null where it can't be had. */
const read = (path, convert) =>
  fetch(path).then((response) => (response.ok ? convert(response) : null)).catch(() => null);

/** A JSON file of the site, or null. */
export const readJson = (path) => read(path, (response) => response.json());

/**
 * A CSV of the site: its columns' names, and its rows, each a time and its counts; or null.
 *
 * An empty cell is NaN: unknown.
 */
export async function readTable(path) {
  const text = await read(path, (response) => response.text());
  if (text === null) return null;
  const [header, ...lines] = text.trim().split(/\r?\n/);
  const number = (cell) => (cell ? Number(cell) : NaN);
  const rows = lines.map((line) => {
    const [date, ...cells] = line.split(",");
    return { time: Date.parse(date), counts: cells.map(number) };
  });
  return { names: header.split(",").slice(1), rows };
}

/**
 * Copy a text, and tell so and how. Where the browser doesn't let a page copy, `reveal` gives the
 * field that shows it, to be selected.
 */
export async function copy(text, told, reveal, how = "") {
  try {
    await navigator.clipboard.writeText(text);
    told.textContent = `Copied${how}.`;
  } catch {
    const field = reveal();
    field.focus();
    field.select();
    const key = /^(?:Mac|iP)/.test(navigator.platform) ? "⌘" : "Ctrl";
    const isTouched = matchMedia("(pointer: coarse)").matches;
    const way = isTouched ? "touch the selected text, and choose Copy" : `press ${key} and C`;
    told.textContent = `This browser doesn’t let a page copy: ${way}.`;
  }
}
