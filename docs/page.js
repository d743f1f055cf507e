// The page at the site's root: what its address asks for, and what it shows for that.
//
//   #                                 the list
//   #?search=flask&sort=-month        the list, searched and sorted
//   #?compare=requests,httpx          several packages in one chart
//   #?pasted                          a text that somebody pasted, mended
//   #requests?metric=week&logo=pypi   the builder: the package, and everything chosen for it

import { normalise, percentDecode, readOverrides, siteOf, staticAddress } from "./badge.js";
import * as builder from "./builder.js";
import { MOST, chartIn, comparison } from "./chart.js";
import { start as startList } from "./list.js";
import { show as showMended } from "./mended.js";
import { choiceFor, findBadges, projectIn } from "./paste.js";
import { $, DAY, listingOf } from "./tools.js";

const VIEWS = ["list", "mendedView", "compare", "builder", "unlisted", "empty", "broken"];
const TITLE = document.title;

$("list").hidden = location.hash.length > 1; // which asks for something else

const isHere = ["localhost", "127.0.0.1"].includes(location.hostname); // a host's own machine
const secure = location.href.replace(/^http:/, "https:"); // as Shields wants it
const here = new URL(".", isHere ? location.href : secure);
const answer = await fetch("_packages.json").catch(() => null);
const missing = answer?.status === 404 && isHere ? { packages: [] } : null; // not rendered yet
$("branch").hidden = answer?.status !== 404; // what GitHub Actions deploys has the catalogue
const catalogue = answer?.ok ? await answer.json().catch(() => null) : missing;
const status = answer ? `its status is ${answer.status}` : "there is no connection";
$("failed").textContent = `_packages.json can’t be read: ${answer?.ok ? "it is damaged" : status}.`;
const owner = /^([^.]+)\.github\.io$/.exec(here.hostname)?.[1];
const folder = here.pathname.split("/")[1] || here.hostname;
const repository = catalogue?.repository || (owner && `${owner}/${folder}`);
const home = repository && `https://github.com/${repository}`;
const url = catalogue?.url ?? here.href.replace(/\/$/, "");
const site = catalogue?.packages.length && siteOf({ ...catalogue, url });

const names = new Set(catalogue?.packages.map(({ name }) => name));
const packages = (catalogue?.packages ?? []).map((listing) => {
  const all = [...site.metrics.keys()].map((metric, at) => [metric, listing.badges[at]]);
  const messages = new Map(all.filter(([, message]) => message)); // "" is no badge
  const title = listing.name.replace(/^_/, ""); // which a family has, and a package may be called
  return { ...listing, messages, title: names.has(title) ? listing.name : title };
});
const listings = new Map(packages.map((listing) => [listing.name, listing]));

/** The address of the form, with a name filled in; null where the repository isn't known. */
function formFor(project) {
  if (!home) return null;
  const name = project ? `&packages=${encodeURIComponent(project)}` : "";
  return `${home}/issues/new?template=add-package.yml${name}`;
}

if (home) {
  const addresses = {
    home,
    form: formFor(""),
    secret: `${home}/settings/secrets/actions/new`,
    list: `${home}/edit/${catalogue?.branch ?? "main"}/packages.toml`,
    pages: `${home}/settings/pages`,
    run: `${home}/actions/workflows/update.yml`,
  };
  const links = document.querySelectorAll("[data-link]");
  for (const link of links) link.href = addresses[link.dataset.link];
}

// --- what the address asks for

function route() {
  const [, name, query] = /^#?([^?]*)\??([^]*)$/.exec(location.hash);
  return { name: percentDecode(name), parameters: new URLSearchParams(query) };
}

let leftAt; // what had the focus when the list was left, and where the list stood then

function show(view, title, isMove) {
  const heading = title ? `${title} · ${TITLE}` : TITLE;
  const isThere = !$(view).hidden && (view === "compare" || heading === document.title);
  if (!$("list").hidden) leftAt = { focused: document.activeElement, top: scrollY };
  for (const id of VIEWS) $(id).hidden = id !== view;
  document.title = heading;
  if (!isMove || isThere) return; // one sees the rest go on where one is
  const back = view === "list" && $("list").contains(leftAt?.focused) ? leftAt : null;
  scrollTo(0, back?.top ?? 0);
  (back?.focused ?? $(view).querySelector("h1")).focus({ preventScroll: true });
}

let showList;
let showComparison;
let compared = []; // listings
let listRoute = "#";
let pasted; // a text that led to a package, and the badge in it
let longer = ""; // a text with several

function follow(isMove) {
  const { name, parameters } = route();
  builder.leave();
  if (!catalogue) return show("broken", "", isMove);
  if (!listings.size) return show("empty", "", isMove);
  const project = normalise(name);
  if (pasted?.project !== project) pasted = undefined;
  if (listings.has(project)) {
    $("back").href = listRoute;
    const listing = listings.get(project);
    show("builder", listing.title, isMove);
    return builder.show(listing, parameters, pasted);
  }
  if (site.isName(name)) return showUnlisted(project, parameters, isMove);
  if (parameters.has("pasted")) {
    if (longer) showMended(longer, site, listings, formFor);
    if (longer) return show("mendedView", "Your text", isMove);
    remember("#", false); // nobody keeps it
  }
  if (parameters.has("compare")) return compare(parameters, isMove);
  showList(parameters);
  listRoute = location.hash || "#";
  return show("list", "", isMove);
}

const titles = (some) => some.map(({ title }) => title).join(", ");

function compare(parameters, isMove) {
  const asked = parameters.get("compare").split(",").filter(Boolean);
  const unknown = asked.filter((name) => !listingOf(listings, name));
  const known = [...new Set(asked.map((name) => listingOf(listings, name)).filter(Boolean))];
  compared = known.slice(0, MOST);
  const told = [];
  if (unknown.length) told.push(`Not listed here: ${unknown.join(", ")}.`);
  if (known.length > MOST) told.push(`Without ${titles(known.slice(MOST))}.`);
  $("uncompared").textContent = told.join(" ");
  show("compare", `${titles(compared) || "Nothing"} compared`, isMove);
  showComparison(compared, parameters);
}

/** A package that can be asked for, and its badge in the look that an address has for it. */
function showUnlisted(project, parameters, isMove) {
  $("unlisted").querySelector("h1").textContent = project;
  const metric = site.metrics.has(parameters.get("metric")) ? parameters.get("metric") : "total";
  const like = packages.find((listing) => listing.messages.has(metric))?.messages.get(metric) ?? "";
  const message = like.replace(/^[^/]*/, "…");
  const usual = { label: site.metrics.get(metric).label ?? "downloads", color: "blue" };
  const look = { ...usual, ...readOverrides(parameters, site) };
  $("expected").src = staticAddress(message, look);
  $("expected").alt = `${look.label}: ${message}`;
  $("ask").textContent = `Add ${project}`;
  $("ask").hidden = !home;
  if (home) $("ask").href = formFor(project);
  return show("unlisted", project, isMove);
}

/** Keep a fragment in the address, perhaps as a step of the history; whether it is another one. */
function remember(fragment, isStep) {
  if (fragment === (location.hash || "#")) return false;
  const address = fragment === "#" ? location.pathname + location.search : fragment;
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  return true;
}

/** What goes where a text leads that has download badges, or names a package; or null. */
function opening(text) {
  const badges = findBadges(text, site);
  const [badge] = badges;
  const isText = badges.length > 1 || badge?.why;
  const project = isText ? "" : badge ? badge.project : projectIn(text, site);
  if (project === null) return null;
  return () => {
    if (isText) longer = text;
    else pasted = { text, project, badge };
    const { metric, look } = badge && project ? choiceFor(badge, listings.get(project)) : {};
    const parameters = new URLSearchParams(metric && { metric, ...look });
    location.hash = project ? `${project}?${parameters}` : "?pasted";
  };
}

$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});

// --- go

if (listings.size) {
  const numbered = ({ day, what }) => ({ number: Date.parse(day) / DAY, what });
  const changes = catalogue.changes.map(numbered);
  builder.start(site, chartIn($("history"), false, listings, changes, builder.see), remember);
  showComparison = chartIn($("comparison"), true, listings, changes, (view) => {
    remember(comparison(compared, view), false);
  });
  showList = startList(site, listings, {
    formFor,
    opening,
    remember(parameters) {
      listRoute = parameters.size ? `#?${parameters}` : "#";
      remember(listRoute, false);
    },
  });
}
// A package may be called like something on the page, which then takes the focus.
addEventListener("hashchange", () => {
  if ($(route().name)) document.querySelector("main > :not([hidden]) h1")?.focus();
});
addEventListener("popstate", () => follow(true)); // at once, where hashchange would come later
follow(false);
