// What somebody pastes: the download badges in a text, of which each is replaced by its counterpart
// here while every other byte stays; or the package that a text names. By text alone, and pure.

import {
  LOOK, countColour, hasUnits, normalise, overridesFor, ownLook, parseUrl, percentDecode,
  percentEncode, pictureAddress, readOverrides, tidyColour, wholeLook,
} from "./badge.js";

// --- addresses in a text

const CHARS = "[^\\s\"'<>()[\\]\\\\|`{}^&]+";
const ENTITY = "&(?:quot|apos|gt|#0*(?:34|39|62)|#x0*(?:2[27]|3e));"; // of a quote, or of >
const REST = `/(?:${CHARS}|(?!${ENTITY})&|\\([^\\s"'<>()]*\\))*`;
const BARE = "(?:img\\.shields\\.io|(?:\\w+\\.)?pepy\\.tech|(?:flat\\.)?badgen\\.net)";
const ADDRESS = new RegExp(
  `(?:https?:|(?<![:\\w]))//[\\w.-]+(?::\\d+)?${REST}|(?<![\\w.@/:-])${BARE}${REST}`, "gi",
);
const END = new RegExp(`^(?:$|[\\s"')\\]>[|\`]|\\\\["']|${ENTITY})`, "i"); // \" is JSON's quote
const AND = /&(?:amp|#0*38|#x0*26);/gi;
const KNOWN = /shields\.io|pepy\.tech|badgen\.net|\/[0-9a-f]{16,}\/[0-9a-f]{20}/i;
const NEAR = 200; // characters around an address that tell what it stands in

const whole = (address) => address.replace(/^(?:https?:)?(?:\/\/)?/i, "https://");

/** An address' URL, or the one that an image proxy has in hex: https://HOST/…/DIGEST/HEX. */
function urlOf(address) {
  const url = parseUrl(whole(address.replace(AND, "&")));
  const hex = /\/[0-9a-f]{16,}\/((?:[0-9a-f]{2})+)$/i.exec(url?.pathname)?.[1];
  if (!hex) return url;
  return parseUrl(percentDecode(hex.replace(/../g, "%$&")));
}

/** How & is written in a new address instead of an old one, after what stands before that. */
function andOf(old, before) {
  const given = /&(?:amp;|#0*38;|#x0*26;)?/i.exec(old)?.[0];
  return given ?? (/^<[a-z][^>]*=/i.test(before.slice(before.lastIndexOf("<"))) ? "&amp;" : "&");
}

/** Whether reStructuredText takes the next line for a part of the address, too. */
const goesOn = (before, after) =>
  /(?:image::|figure::|:target:|\.\. _[^\n]*:)[ \t]*(?:\r?\n[ \t]+)?$/.test(before) &&
  /^[ \t]*\r?\n[ \t]+[^\s:]/.test(after);

// --- what the addresses of download badges say

const SHIELDS = /^(?:(?:img|raw|raster)\.)?shields\.io$/;
const PEPY = /^(?:[\w-]+\.)?pepy\.tech$/;
const COUNT = /^\/(?<by>pypi|pepy)\/(?<period>d[dwmt])\/(?<name>[^/]+?)(?:\.(?:svg|png|json))?\/?$/;
const AS_IS = LOOK.map((key) => [key, key]);
// Parameters by the names that a service has for them, the present ones first.
const OF_SHIELDS = [...AS_IS, ["colorB", "color"], ["colorA", "labelColor"]];
const OF_PEPY = [["left_color", "labelColor"], ["right_color", "color"], ["left_text", "label"]];
const OF_BADGEN = [...AS_IS.slice(1, 4), ["icon", "logo"]]; // label, color, labelColor
const SILENT = /^(?:maxAge|cacheSeconds|longCache|cache|v|link|logoWidth|logoPosition|scale)$/;
const SAID = / ?(?:\/|\bper) ?(month|week|day)$/i; // which the number here says itself
const USUAL = { style: "flat", label: "downloads", labelColor: "grey", logo: "" };
const [BLUE, BADGENS] = ["blue", "3c1"].map((color) => ({ ...USUAL, color }));

const PERIODS = new Map(Object.entries({
  "": "total", total: "total", dt: "total", total_downloads: "total",
  month: "month", monthly: "month", dm: "month", last_month: "month",
  week: "week", weekly: "week", dw: "week", last_week: "week",
  day: "day", daily: "day", dd: "day", last_day: "day",
}));

/** What Shields' badge of a figure in PePy's or pypistats.org's JSON shows, or null. */
function readDynamic({ searchParams: given }) {
  const api = parseUrl(given.get("url") ?? given.get("uri") ?? "");
  const isPepys = PEPY.test(api?.hostname);
  if (!isPepys && !/^(?:www\.)?pypistats\.org$/.test(api?.hostname)) return null;
  const path = isPepys ? /\/projects\/([^/]+)\/?$/ : /^\/api\/packages\/([^/]+)\/recent\/?$/;
  const name = path.exec(api.pathname)?.[1];
  const figure = given.get("query")?.replace(/^\$?\.{0,2}(?:data\.(?=last_))?/, "");
  return name ? { name, period: figure || "no figure", isWithoutMirrors: !isPepys } : null;
}

const ofCount = (_, { by, period }) => ({ isWithoutMirrors: by === "pypi" && period !== "dt" });
const ofPepy = ({ searchParams: given }) =>
  ({ period: given.get("period") ?? "", units: given.get("units")?.toLowerCase() });

// Host, path, usual look, names of parameters, those of which say no look, and what they say.
const SOURCES = [
  [SHIELDS, COUNT, USUAL, OF_SHIELDS, [], ofCount],
  [SHIELDS, /^\/badge\/dynamic\/json\b/, BLUE, OF_SHIELDS, ["url", "uri", "query"], readDynamic],
  [PEPY, /^\/badge\/(?<name>[^/]+?)(?:\/(?<period>[^/]+))?\/?$/, BLUE, [], [], () => ({})],
  [PEPY, /^\/personalized-badge\/(?<name>[^/]+?)\/?$/, BLUE, OF_PEPY, ["period", "units"], ofPepy],
  [/^badgen\.net$/, COUNT, BADGENS, OF_BADGEN, [], ofCount],
  [/^flat\.badgen\.net$/, COUNT, { ...BADGENS, style: "flat-square" }, OF_BADGEN, [], ofCount],
];

/** The look in an address' parameters, and those of them that make no sense here. */
function readLook(given, keys, used, period, site) {
  const renamed = new URLSearchParams();
  for (const [name, key] of keys) {
    const value = given.get(name);
    if (value === null || renamed.has(key)) continue;
    const isPepys = name.includes("_");
    if (isPepys && key === "label") renamed.set(key, value.replace(/\s+/g, " "));
    else if (isPepys) renamed.set(key, tidyColour(value).replace(/[_ -]/g, ""));
    else renamed.set(key, key === "style" ? value.replace(/^popout/, "flat") : value);
  }
  const look = readOverrides(renamed, site);
  const unsaid = (text) =>
    text.replace(SAID, (said, which) => (which.toLowerCase() === period ? "" : said));
  const names = new Set([...keys.map(([name]) => name), ...used]);
  const isOther = ([name, value]) =>
    !names.has(name) && !SILENT.test(name) && !(name === "suffix" && !unsaid(value));
  const odd = [...renamed].filter(([key, value]) => value && !(key in look));
  const label = unsaid(look.label ?? "");
  if (look.label !== label && look.label || keys === OF_PEPY) look.label = label || USUAL.label;
  return { look, odd: [...odd, ...[...given].filter(isOther)].map((pair) => pair.join("=")) };
}

/** This site's own badge at an address, or null. */
function readOurs(url, site) {
  const isEndpoint = /^\/(badge\/)?endpoint(\.svg)?$/.test(url.pathname);
  if (!isEndpoint || !SHIELDS.test(url.hostname)) return null;
  const json = url.searchParams.get("url") ?? "";
  for (const [metric, { path }] of site.metrics) {
    const [before, after] = `${site.url}/${path}`.split("{}");
    const name = json.slice(before.length, -after.length);
    if (json !== before + name + after || !site.isName(name.replace(/^_/, ""))) continue;
    const read = readLook(url.searchParams, OF_SHIELDS, ["url"], "", site);
    return { name, metric, isOurs: true, ...read };
  }
  return null;
}

/** The download badge at an address, or null; without a metric where that isn't known. */
function readBadge(url, site) {
  const ours = url && readOurs(url, site);
  if (!url || ours) return ours;
  for (const [host, path, usual, keys, used, read] of SOURCES) {
    const parts = host.test(url.hostname) && path.exec(url.pathname);
    const more = parts && read(url, parts.groups);
    if (!more) continue;
    const { name, period = "", isWithoutMirrors, units } = { ...parts.groups, ...more };
    const metric = PERIODS.get(period.toLowerCase());
    const { look: given, odd } = readLook(url.searchParams, keys, used, metric, site);
    const look = { ...usual, ...given };
    if (!look.label && !given.labelColor) delete look.labelColor; // it has no left side
    const says = { period, metric, look, odd, isWithoutMirrors, units };
    return { ...says, name: percentDecode(name), isCounted: !look.color };
  }
  return null;
}

/**
 * The download badges in a text, in their order.
 *
 * Each has where its address starts and ends, and how & is written there; project or "", metric,
 * look; isCounted if its colour was chosen by the count; isWithoutMirrors if it counted none;
 * isOurs if it shows this site's figures; units where PePy's badge named them; `odd`, the
 * parameters that make no sense here; and `why`, the reason why it has to stay, or "".
 */
export function findBadges(text, site) {
  const badges = [];
  const read = new Map(); // by address, since some come often
  for (const { 0: found, index: start } of text.matchAll(ADDRESS)) {
    if (!KNOWN.test(found)) continue;
    const before = text.slice(Math.max(0, start - NEAR), start);
    const isEnclosed = /(?:\]\(\s*<?|["'<]|image::?)$/.test(before);
    const old = isEnclosed ? found : found.replace(/[.,;:!?*]{1,9}$/, "");
    const after = text.slice(start + found.length, start + found.length + NEAR);
    const isWhole = END.test(after);
    const address = isWhole ? old : `${old}x`; // where a name goes on, or comes
    if (!read.has(address)) read.set(address, readBadge(urlOf(address), site));
    const badge = read.get(address);
    if (!badge) continue;
    const isName = badge.isOurs || site.isName(badge.name);
    let why = "";
    if (!isWhole) why = `Its address is followed by ${after[0]}, so it may not be whole.`;
    else if (goesOn(before, after)) why = "Its address goes on in the next line.";
    else if (!isName) why = "No package can be called that.";
    else if (!badge.metric) why = `It shows ${badge.period}, which no badge here does.`;
    const project = isWhole && isName ? normalise(badge.name) : "";
    const [end, and] = [start + old.length, andOf(old, before)];
    badges.push({ ...badge, project, start, end, and, why });
  }
  return badges;
}

// --- counterparts

/** The metric here that a badge is replaced by, and its look with the colour of a count. */
export function choiceFor({ metric, look, isCounted, isWithoutMirrors }, listing) {
  const has = listing?.messages.has("without-mirrors");
  const which = has && isWithoutMirrors && metric === "month" ? "without-mirrors" : metric;
  const count = isCounted && listing && { color: countColour(listing[which] ?? listing.month) };
  return { metric: which, look: { ...look, ...count } };
}

/** What a metric's badge, whose JSON is given, can't keep of another one. */
export function lossesOf(badge, metric, json) {
  const told = [];
  if (badge.isWithoutMirrors && metric !== "without-mirrors")
    told.push("Yours left out the downloads by mirrors. This one counts them, too.");
  if (badge.units && json && !hasUnits(json.message, badge.units))
    told.push(`Yours had PePy’s units “${badge.units}”. Here they are the package’s own.`);
  if (!badge.isOurs && !badge.look.logo && (json?.namedLogo || json?.logoSvg))
    told.push("This package’s badge has a logo. You can replace it, but not remove it.");
  if (badge.odd.length) told.push(`What isn’t known here is left out: ${badge.odd.join(", ")}.`);
  return told;
}

/** The address of a badge's counterpart, of a listing with the given JSON, or null for it. */
export function counterpart(badge, listing, json, site) {
  const { metric, look } = choiceFor(badge, listing);
  const own = ownLook(json ?? { label: "downloads", color: "blue" });
  const usual = { ...own, label: site.metrics.get(metric).label ?? own.label };
  const sound = readOverrides(new URLSearchParams(look), site);
  return pictureAddress(site, listing.name, metric, overridesFor(usual, wholeLook(usual, sound)));
}

/** A text with new addresses for some of its badges, in pairs; AsciiDoc finds no dashes there. */
export function replaceIn(text, pairs) {
  let [at, done] = [0, ""];
  for (const [{ start, end, and }, address] of pairs) {
    done += text.slice(at, start);
    done += address.replace(/--|\.\.\./g, percentEncode).replaceAll("&", and);
    at = end;
  }
  return done + text.slice(at);
}

// --- the package that a text names

const COMMAND = new RegExp(
  String.raw`^(?:[$%!>]\s*)?(?:\S+ -m )?(?:(?:uv|poetry|pdm|rye|tool|pip[x\d.]*) +)+` +
    String.raw`(?:install|add) +(?!-[re] )(?:-[-\w]+ +)*`,
);
const REQUIREMENT = /^(["']?)([a-z0-9][\w.-]*)(?:\s*\[[^\]]*\])?\s*((?:[=~!<>]=|[<>])=?\s*\d)?/i;
const OF_PROJECT = /^\/(?:p|projects?|packages|simple|py)\/([^/]+?)(?:\.svg|\.png)?(?:\/|$)/;
const OF_VERSION = /^\/pypi\/[a-z-]+\/([^/]+?)(?:\.svg|\.png)?\/?$/i;

/** The package that a short text is about: an install command, a requirement, an address of it. */
export function projectIn(text, site) {
  const plain = text.length > 1000 ? "" : text.trim();
  const command = COMMAND.exec(plain)?.[0] ?? "";
  const [, , required = "", version] = REQUIREMENT.exec(plain.slice(command.length)) ?? [];
  if ((command || version) && site.isName(required)) return normalise(required);
  for (const address of [plain, ...(plain.match(ADDRESS) ?? [])]) {
    const { hostname, pathname = "" } = parseUrl(whole(address)) ?? {};
    const isBadges = SHIELDS.test(hostname) || /(?:^|\.)badgen\.net$/.test(hostname);
    const path = (isBadges && OF_VERSION.exec(pathname)) || OF_PROJECT.exec(pathname);
    const project = percentDecode(path?.[1] ?? "");
    if (site.isName(project)) return normalise(project);
  }
  return null;
}
