// What a download badge is: its look, its address and its code.
// Nothing here touches the page.

export const COLOURS = {
  brightgreen: "#44bb00", green: "#67ac09", yellowgreen: "#95991a", yellow: "#d8b800",
  orange: "#ea7233", red: "#dd4343", blue: "#007ec6", grey: "#555555", lightgrey: "#939393",
  success: "#44bb00", important: "#ea7233", critical: "#dd4343", informational: "#007ec6",
  inactive: "#939393",
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
  const keyOf = ({ path }) => path.replace(/^\{\}\/?|\.json$/g, "") || "total";
  return {
    url,
    repository,
    styles,
    stalled, // PePy's newest day, where it is behind
    metrics: new Map(metrics.map((row) => [keyOf(row), row])),
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

/** What an address says, or null if it isn't one. */
export function parseUrl(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

// --- looks

const HEX = /^#?((?:[0-9a-f]{3}){1,2})$/i;
const SAME = { gray: "grey", lightgray: "lightgrey", 555: "grey", 555555: "grey" };

/** A colour as an address holds it: in lower case, hex of 3 or 6 digits without its sign. */
export function tidyColour(text) {
  const colour = text.trim();
  const tidy = (HEX.exec(colour)?.[1] ?? colour).toLowerCase();
  return Object.hasOwn(SAME, tidy) ? SAME[tidy] : tidy;
}

const isPicture = (logo) => logo.startsWith("data:");

/** Whether Shields may know a logo: a slug, a title, or a picture as a data: address. */
export const isLogo = (logo) =>
  /^[a-z0-9][a-z0-9 .+_-]{0,59}$/i.test(logo) ||
  /^data:image\/[a-z+.-]+;base64,[a-z0-9+/=]+$/i.test(logo);

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
  const none = { logo: "", logoColor: "", logoSize: "" };
  const from = { ...own, ...(logo !== own.logo || sheds ? none : {}) };
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

/** A text of ASCII with every character percent-encoded. */
export const percentEncode = (text) =>
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

// https://shields.io/badges/static-badge
/** The address of a picture that says a message, of no package's. */
export const staticAddress = (message, look) =>
  `https://img.shields.io/static/v1?message=${encode(message)}${lookIn(look)}`;

export const LINKS = {
  page: { name: "This page", address: (project, site) => `${site.url}/#${project}` },
  pepy: { name: "PePy", address: (project) => `https://pepy.tech/projects/${project}` },
  pypistats: {
    name: "pypistats.org",
    address: (project) => `https://pypistats.org/packages/${project}`,
  },
  none: { name: "Nowhere", address: () => "" },
};

/** A web address that no markup language gives a meaning to, or null if it isn't one. */
export function webAddress(text) {
  const url = parseUrl(text.trim());
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return null;
  const [whole, ...more] = url.href.split("#");
  const address = more.length ? `${whole}#${more.join("%23")}` : whole;
  return address.replace(/[!'()*,;[\]`|~{}\\^$]|_$/g, percentEncode);
}

/** An address within AsciiDoc, which replaces some more of what it finds there. */
function inAsciidoc(address) {
  const [path, ...query] = address.replace(/--|\.\.\.|[@_]/g, percentEncode).split("?");
  const plain = query.map((part) => part.replaceAll("+", "%20"));
  return [path.replaceAll("+", "%2B"), ...plain].join("?");
}

const escapeHtml = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

/** How a badge is written: from its picture's address, that of its link or "", and its text. */
export const FORMATS = {
  markdown: {
    name: "Markdown",
    code(picture, link, text) {
      const image = `![${text}](${picture})`;
      return link ? `[${image}](${link})` : image;
    },
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

/** The colour that Shields gives to a count of downloads, and to a high one if it isn't known. */
export function countColour(count) {
  const steps = [[1, "red"], [10, "yellow"], [100, "yellowgreen"], [1000, "green"]];
  return steps.find(([limit]) => count !== null && count < limit)?.[1] ?? "brightgreen";
}

/** Whether a message such as 1.4B may have been written in those units of PePy's. */
export function hasUnits(message, units) {
  const others = { international_system: /[KB]/, abbreviation: /[kG]/, none: /[kKMGBT]/ };
  return !Object.hasOwn(others, units) || !others[units].test(message);
}
