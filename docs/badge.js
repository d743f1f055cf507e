// What a download badge is: its address, its code, and how to read one that somebody has.
// Nothing here touches the page.

export const COLOURS = {
  brightgreen: "#44bb00", green: "#67ac09", yellowgreen: "#95991a", yellow: "#d8b800",
  orange: "#ea7233", red: "#dd4343", blue: "#007ec6", grey: "#555555", lightgrey: "#939393",
};
export const LOGOS = [
  "pypi", "python", "github", "gitlab", "anaconda", "condaforge", "jupyter", "numpy", "pandas",
  "scipy", "pytorch", "tensorflow", "huggingface", "django", "flask", "fastapi", "pydantic",
  "pytest", "ruff", "uv", "poetry", "sphinx", "readthedocs", "docker", "rust", "linux",
];

// What a reader's address may override, under Shields' names.
// https://shields.io/badges/endpoint-badge
export const LOOK = ["style", "label", "color", "labelColor", "logo", "logoColor", "logoSize"];

// --- what is published, and how packages are called

/**
 * What a catalogue says of its site: where it is, its metrics by the names that this page's
 * addresses have for them, and the grammars that the list of packages follows, too.
 */
export function siteOf({ url, repository, metrics, styles, patterns, stalled }) {
  const whole = (pattern) => new RegExp(`^(?:${pattern})$`);
  const [name, colour] = [patterns.name, patterns.color].map(whole);
  return {
    url,
    repository,
    styles,
    stalled, // PePy's newest day, where it is behind
    metrics: new Map(metrics.map((row) => [row.path.replace(/^\{\}\/?|\.json$/g, "") || "total", row])),
    isName: (text) => name.test(text),
    isColour: (text) => text.length <= 60 && colour.test(text), // as tidyColour has it
  };
}

/** A project's name as PEP 503 spells it, and as its files are called; a family's begins with _. */
export const normalise = (name) => name.replace(/(?!^_)[-_.]+/g, "-").toLowerCase();

/** A text without its percent signs, or as it is where they make no sense. */
export function percentDecode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The project of an address such as https://pepy.tech/projects/NAME, of any service, or null. */
export function readProject(text, site) {
  const path = URL.parse(text.trim().replace(/^(?!https?:)/, "https://"))?.pathname ?? "";
  const name = percentDecode(/^\/(?:p|projects?|packages)\/([^/]+)/.exec(path)?.[1] ?? "");
  return site.isName(name) ? normalise(name) : null;
}

// --- looks

const HEX = /^#?((?:[0-9a-f]{3}){1,2})$/i;
const SAME = { gray: "grey", lightgray: "lightgrey", 555: "grey", 555555: "grey" };

/** A colour as an address holds it: in lower case, hex of 3 or 6 digits without its sign. */
export function tidyColour(text) {
  const colour = text.trim();
  const tidy = (HEX.exec(colour)?.[1] ?? colour).toLowerCase();
  return SAME[tidy] ?? tidy;
}

const isPicture = (logo) => logo.startsWith("data:");

/** Whether Shields may know a logo: a slug, a title, or a picture as a data: address. */
export const isLogo = (logo) =>
  /^[a-z0-9][a-z0-9 .+_-]{0,59}$/i.test(logo) || /^data:image\/[a-z+.-]+;base64,[a-z0-9+/=]+$/i.test(logo);

/** A package's own look, from the JSON of its badge; "" is what that leaves to Shields. */
export const ownLook = (badge) => ({
  style: badge.style ?? "flat",
  label: badge.label,
  color: tidyColour(badge.color ?? "lightgrey"),
  labelColor: tidyColour(badge.labelColor ?? ""),
  logo: badge.namedLogo ?? "",
  logoColor: tidyColour(badge.logoColor ?? ""),
  logoSize: badge.logoSize ?? "",
});

/** A whole look, from a package's own one and what an address overrides. */
export function wholeLook(own, overrides) {
  // Whoever names a logo doesn't inherit the colour and size of the own one, be it the same.
  const from = overrides.logo ? { ...own, logoColor: "", logoSize: "" } : own;
  return { ...from, ...overrides };
}

/**
 * What an address has to override for a look, and nothing more.
 *
 * An empty label is one; of all else, what is empty is left to the package, since Shields
 * passes over it.
 */
export function overridesFor(own, look) {
  const logo = look.logo || own.logo;
  const sheds = (own.logoColor && look.logoColor === "") || (own.logoSize && look.logoSize === "");
  const from = logo !== own.logo || sheds ? { ...own, logo: "", logoColor: "", logoSize: "" } : { ...own };
  from.labelColor ||= look.label === "" ? "" : "grey"; // a badge without a label has no left side
  const wanted = { ...look, logo };
  if (!logo || isPicture(logo)) wanted.logoColor = "";
  if (!logo) wanted.logoSize = "";
  const differs = (key) => wanted[key] !== undefined && wanted[key] !== from[key];
  const keys = LOOK.filter((key) => differs(key) && (wanted[key] !== "" || key === "label"));
  return Object.fromEntries(keys.map((key) => [key, wanted[key]]));
}

/** Those of an address' parameters that override a look and make sense. */
export function readOverrides(parameters, site) {
  const sound = {
    style: (value) => site.styles.includes(value),
    label: () => true,
    color: site.isColour,
    labelColor: site.isColour,
    logo: isLogo,
    logoColor: site.isColour,
    logoSize: (value) => value === "auto",
  };
  const look = {};
  for (const key of LOOK) {
    const text = parameters.get(key);
    if (text === null) continue;
    let value = text;
    if (/color$/i.test(key)) value = tidyColour(text);
    if (key === "label") value = text.replace(/\p{Cc}/gu, "");
    if (key === "logo" && isPicture(text)) value = text.replaceAll(" ", "+"); // as Shields does
    if (sound[key](value)) look[key] = value;
  }
  return look;
}

// --- addresses and code

const percentEncode = (text) =>
  [...text].map((char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`).join("");

// Also what encodeURIComponent leaves alone, but a markup language may give a meaning to.
const encode = (text) =>
  encodeURIComponent(text.toWellFormed?.() ?? text).replace(/[!'()*_~]/g, percentEncode);

const lookIn = (overrides) =>
  LOOK.filter((key) => key in overrides).map((key) => `&${key}=${encode(overrides[key])}`).join("");

/** The address of a badge's picture. `site` is where the JSON of its metrics is published. */
export function pictureAddress(site, project, metric, overrides) {
  const path = site.metrics.get(metric).path.replace("{}", () => project);
  return `https://img.shields.io/endpoint?url=${encode(`${site.url}/${path}`)}${lookIn(overrides)}`;
}

/** The address of a picture that says a message, of no package's: https://shields.io/badges/static-badge. */
export const staticAddress = (message, look) =>
  `https://img.shields.io/static/v1?message=${encode(message)}${lookIn(look)}`;

export const LINKS = {
  page: { name: "This page", address: (project, site) => `${site.url}/#${project}` },
  pepy: { name: "PePy", address: (project) => `https://pepy.tech/projects/${project}` },
  pypistats: { name: "pypistats.org", address: (project) => `https://pypistats.org/packages/${project}` },
  none: { name: "Nowhere", address: () => "" },
};

/** A web address that no markup language gives a meaning to, or null if it isn't one. */
export function webAddress(text) {
  const url = URL.parse(text.trim());
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return null;
  const [whole, ...more] = url.href.split("#");
  const address = more.length ? `${whole}#${more.join("%23")}` : whole;
  return address.replace(/[!'()*,;[\]`|~{}\\^$]|_$/g, percentEncode);
}

/** An address within AsciiDoc, which replaces some more of what it finds there. */
function inAsciidoc(address) {
  const [path, ...query] = address.replace(/--|\.\.\.|[@_]/g, percentEncode).split("?");
  return [path.replaceAll("+", "%2B"), ...query.map((part) => part.replaceAll("+", "%20"))].join("?");
}

const escapeHtml = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

/** How a badge is written: from its picture's address, that of its link or "", and its text. */
export const FORMATS = {
  markdown: {
    name: "Markdown",
    code: (picture, link, text) => (link ? `[![${text}](${picture})](${link})` : `![${text}](${picture})`),
  },
  html: {
    name: "HTML",
    code(picture, link, text) {
      const image = `<img src="${escapeHtml(picture)}" alt="${text}">`;
      return link ? `<a href="${escapeHtml(link)}">${image}</a>` : image;
    },
  },
  rst: {
    name: "reStructuredText",
    code: (picture, link, text) =>
      `.. image:: ${picture}\n   :alt: ${text}` + (link ? `\n   :target: ${link}` : ""),
  },
  asciidoc: {
    name: "AsciiDoc",
    code: (picture, link, text) =>
      `image:${inAsciidoc(picture)}["${text}"${link && `,link="${inAsciidoc(link)}"`}]`,
  },
  address: { name: "Plain address", code: (picture) => picture },
};

// --- the badge that somebody has

const URLISH = String.raw`(?:[^\s"'<>()[\]\\]|\([^\s"'<>()]*\))+`;
const ADDRESS = new RegExp(
  String.raw`(?:https?:)?//${URLISH}|\b(?:img\.shields\.io|(?:\w+\.)?pepy\.tech)/${URLISH}`,
  "gi",
);
const PERIODS = { dt: "total", dm: "month", dw: "week", dd: "day" };

/** GitHub shows READMEs' pictures under addresses that end with the true one, in hex. */
function uncovered(url) {
  if (url.hostname !== "camo.githubusercontent.com") return url;
  const bytes = (url.pathname.split("/").at(-1).match(/../g) ?? []).map((hex) => parseInt(hex, 16));
  return URL.parse(new TextDecoder().decode(new Uint8Array(bytes)));
}

/** A look in the parameters of a Shields badge, older names included. */
function shieldsLook(parameters, site) {
  const style = parameters.get("style")?.replace(/^popout/, "flat");
  const renamed = new URLSearchParams(parameters);
  for (const [old, key] of [["colorB", "color"], ["colorA", "labelColor"]])
    if (parameters.has(old) && !parameters.has(key)) renamed.set(key, parameters.get(old));
  if (site.styles.includes(style)) renamed.set("style", style);
  return readOverrides(renamed, site);
}

// What Shields and PePy show where an address is silent.
const USUAL = { style: "flat", label: "downloads", labelColor: "grey", logo: "" };

const isPepy = (url) => /(^|\.)pepy\.tech$/.test(url.hostname);

const READERS = [
  function shields(url, site) {
    if (!/^(img\.|raw\.)?shields\.io$/.test(url.hostname)) return null;
    const path = /^\/(?:pypi\/(d[mwd])|pepy\/(dt))\/([^/]+?)(?:\.(?:svg|png|json))?\/?$/.exec(url.pathname);
    if (!path) return null;
    const given = shieldsLook(url.searchParams, site);
    const look = { ...USUAL, ...given };
    if (!look.label && !given.labelColor) delete look.labelColor;
    const metric = PERIODS[path[1] ?? path[2]];
    return { name: path[3], metric, look, isCounted: !given.color, isWithoutMirrors: Boolean(path[1]) };
  },
  function pepy(url) {
    if (!isPepy(url)) return null;
    const path = /^\/badge\/([^/]+?)(?:\/(month|week))?\/?$/.exec(url.pathname);
    return path && { name: path[1], metric: path[2] ?? "total", look: { ...USUAL, color: "blue" } };
  },
  function personalisedPepy(url, site) {
    if (!isPepy(url)) return null;
    const path = /^\/personalized-badge\/([^/]+?)\/?$/.exec(url.pathname);
    if (!path) return null;
    const given = (key) => url.searchParams.get(key) ?? "";
    const period = given("period").toLowerCase();
    const metric = ["month", "week"].includes(period) ? period : "total";
    const colour = (key) => tidyColour(given(key)).replaceAll(/[_ -]/g, "");
    const look = { ...USUAL, color: "blue" };
    if (site.isColour(colour("left_color"))) look.labelColor = colour("left_color");
    if (site.isColour(colour("right_color"))) look.color = colour("right_color");
    // The number here says "/month" itself.
    const said = new RegExp(` ?(/|\\bper) ?${metric}$`, "i");
    const text = given("left_text").replace(/\s+/g, " ").replace(said, "");
    if (text) look.label = text;
    return { name: path[1], metric, look, units: given("units").toLowerCase() };
  },
  function ours(url, site) {
    if (url.hostname !== "img.shields.io" || !/^\/(badge\/)?endpoint(\.svg)?$/.test(url.pathname)) return null;
    const json = url.searchParams.get("url") ?? "";
    for (const [metric, { path }] of site.metrics) {
      const [before, after] = `${site.url}/${path}`.split("{}");
      const name = json.slice(before.length, -after.length);
      if (json === before + name + after && site.isName(percentDecode(name).replace(/^_/, "")))
        return { name, metric, look: shieldsLook(url.searchParams, site), isOurs: true };
    }
    return null;
  },
];

/** In which format a picture's address stands between `before` and `after`. */
function formatAround(before, after) {
  if (/\bsrc\s*=\s*["']?$/i.test(before)) return "html";
  if (/\.\.[^\n]*\bimage::[ \t]*$/.test(before)) return "rst";
  if (/\bimage::?$/.test(before) && after.startsWith("[")) return "asciidoc";
  return /\]\(\s*<?$/.test(before) ? "markdown" : "address";
}

/** Where a click on the picture between `before` and `after` led, or "". */
function linkAround(before, after) {
  const anchor = before.slice(before.toLowerCase().lastIndexOf("<a"));
  const patterns = [
    // Markdown: [![Downloads](picture "title")](link
    [after, /^>?\s*(?:"[^"\n]*"|'[^'\n]*')?\s*\)\s*\]\(\s*<?([^\s<>()]+(?:\([^\s()]*\)[^\s<>()]*)*)/],
    // reStructuredText: options on lines of their own, :target: link
    [after, /^[ \t]*(?:\r?\n[ \t]+:(?!target:)[^\n]*)*\r?\n[ \t]+:target:[ \t]*(\S+)/],
    // AsciiDoc: image:picture["Downloads",link="link"], or link:link[image:picture[Downloads]]
    [after, /^\[(?:[^\]"]|"[^"]*")*?\blink="([^"]+)"/],
    [after, /^\[(?:[^\]"]|"[^"]*")*?\blink=([^\],\s"]+)/],
    [before, /(?:link:)?(https?:[^\s[\]]+)\[image::?$/],
    // HTML: <a href="link"><img src="picture">
    [anchor, /^<a\s(?:[^<]*\s)?href\s*=\s*["']?([^"'\s>]+)(?!.*<\/a\s*>)/is],
  ];
  return patterns.map(([text, pattern]) => pattern.exec(text)?.[1]).find(Boolean) ?? "";
}

const READ = 20_000; // characters of a text that are read at most
const NEAR = 1_000; // characters around a picture's address that belong to its badge

/**
 * The first download badge in a text: Markdown, HTML, reStructuredText, AsciiDoc or an address.
 *
 * Gives its project, metric and look; isCounted if Shields chose its colour by the count;
 * isWithoutMirrors if it counted none; isOurs if it shows this site's figures; units where PePy's
 * badge named them; its format; and link: a key of LINKS, an address, or undefined where it had
 * none that can be kept. Null if there is no such badge.
 */
export function readBadge(text, site) {
  const plain = text.slice(0, READ).replace(/&(?:amp|#0*38|#x0*26);/gi, "&");
  for (const match of plain.matchAll(ADDRESS)) {
    const trimmed = match[0].replace(/[.,;:!?]+$/, "").replace(/^(?:https?:)?(?:\/\/)?/i, "https://");
    const url = URL.parse(trimmed);
    const picture = url && uncovered(url);
    const badge = picture && READERS.map((read) => read(picture, site)).find(Boolean);
    const name = badge && percentDecode(badge.name);
    if (!badge || !(badge.isOurs || site.isName(name))) continue;
    const end = match.index + match[0].length;
    const before = plain.slice(Math.max(0, match.index - NEAR), match.index);
    const after = plain.slice(end, end + NEAR);
    const link = linkChoice(linkAround(before, after));
    return { ...badge, project: normalise(name), format: formatAround(before, after), link };
  }
  return null;
}

function linkChoice(link) {
  const url = URL.parse(link);
  if (!url || isPepy(url)) return undefined;
  if (/(^|\.)pypistats\.org$/.test(url.hostname)) return "pypistats";
  return webAddress(link) ?? undefined;
}

/** The colour that Shields gives to a count of downloads. */
export function countColour(count) {
  const steps = [[1, "red"], [10, "yellow"], [100, "yellowgreen"], [1000, "green"]];
  return steps.find(([limit]) => count < limit)?.[1] ?? "brightgreen";
}

/** Whether a message such as 1.4B may have been written in those units of PePy's. */
export function hasUnits(message, units) {
  const others = { international_system: /[KB]/, abbreviation: /[kG]/, none: /[kKMGBT]/ }[units];
  return !others || !others.test(message);
}
