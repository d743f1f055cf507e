// The page at the site's root: what its address asks for, and what it shows for that.
//
//   #                                 the list
//   #?search=flask&sort=-month        the list, searched and sorted
//   #requests?metric=week&logo=pypi   the builder: the package, and everything chosen for it

import { countColour, isName, metricsOf, normalise, percentDecode, readBadge } from "./badge.js";
import * as builder from "./builder.js";
import { start as startList } from "./list.js";

const $ = (id) => document.getElementById(id);
const VIEWS = ["list", "builder", "unlisted", "empty", "broken"];
const TITLE = document.title;

async function readCatalogue() {
  try {
    const response = await fetch("_packages.json");
    if (response.status === 404) return { packages: [] }; // nothing was ever rendered
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** What is published, where, and from which repository; by this page's address if need be. */
function siteOf(catalogue) {
  const here = new URL(".", location);
  const owner = /^([^.]+)\.github\.io$/.exec(here.hostname)?.[1];
  const name = here.pathname.split("/")[1] || here.hostname;
  return {
    url: catalogue?.url ?? here.href.replace(/\/$/, ""),
    repository: catalogue?.repository || (owner ? `${owner}/${name}` : null),
    metrics: metricsOf(catalogue?.metrics ?? []),
  };
}

const catalogue = await readCatalogue();
const site = siteOf(catalogue);

const packages = (catalogue?.packages ?? []).map((listing) => {
  const messages = [...site.metrics.keys()].map((metric, at) => [metric, listing.badges[at]]);
  return { ...listing, messages: new Map(messages.filter(([, message]) => message)) }; // "" is no badge
});
const listings = new Map(packages.map((listing) => [listing.name, listing]));
const home = site.repository && `https://github.com/${site.repository}`;

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
    list: `${home}/edit/main/packages.toml`,
    pages: `${home}/settings/pages`,
    run: `${home}/actions/workflows/update.yml`,
  };
  for (const link of document.querySelectorAll("[data-link]")) link.href = addresses[link.dataset.link];
}

// --- what the address asks for

function route() {
  const [, name, query] = /^#?([^?]*)\??([^]*)$/.exec(location.hash);
  return { name: percentDecode(name), parameters: new URLSearchParams(query) };
}

let leftAt; // what had the focus when the list was left, and where the list stood then

function show(view, title, isMove) {
  if (!$("list").hidden) leftAt = { focused: document.activeElement, top: scrollY };
  for (const id of VIEWS) $(id).hidden = id !== view;
  document.title = title ? `${title} · ${TITLE}` : TITLE;
  if (!isMove) return;
  const back = view === "list" && $("list").contains(leftAt?.focused) ? leftAt : null;
  scrollTo(0, back?.top ?? 0);
  (back?.focused ?? $(view).querySelector("h1")).focus({ preventScroll: true });
}

let showList;
let listRoute = "#";
let pasted;

function follow(isMove) {
  const { name, parameters } = route();
  const brought = pasted;
  pasted = undefined;
  builder.leave();
  if (!catalogue) return show("broken", "", isMove);
  const project = normalise(name);
  if (listings.has(project)) {
    $("back").href = listRoute;
    show("builder", project, isMove);
    return builder.show(listings.get(project), parameters, brought);
  }
  if (!listings.size) return show("empty", "", isMove);
  if (isName(name)) {
    $("unlisted").querySelector("h1").textContent = project;
    $("ask").textContent = `Add ${project}`;
    $("ask").hidden = !home;
    if (home) $("ask").href = formFor(project);
    return show("unlisted", project, isMove);
  }
  showList(parameters);
  listRoute = location.hash || "#";
  return show("list", "", isMove);
}

function remember(fragment, isStep) {
  if (fragment === (location.hash || "#")) return;
  const address = fragment === "#" ? location.pathname + location.search : fragment;
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

// --- the badge that somebody has

function readPasted(text) {
  const told = $("paste-told");
  told.textContent = "";
  $("paste").ariaInvalid = null;
  if (!text.trim()) return false;
  const badge = readBadge(text, site);
  if (!badge) {
    $("paste").ariaInvalid = "true";
    told.textContent = "There is no download badge of Shields or PePy in that.";
    return false;
  }
  const { project, metric, look, link, format, isCounted } = badge;
  const listing = listings.get(project);
  if (isCounted && listing) look.color = countColour(listing[metric]);
  const parameters = new URLSearchParams({ metric, ...look, format });
  if (link) parameters.set("link", link);
  pasted = badge;
  location.hash = `${project}?${parameters}`;
  return true;
}

$("paste").addEventListener("input", () => {
  if (readPasted($("paste").value)) $("paste").value = "";
});
// A badge that lands in the search is meant all the same.
$("search").addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text") ?? "";
  if (text.includes("/") && readPasted(text)) event.preventDefault();
});
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});

// --- go

builder.start(site, remember);
if (listings.size) {
  showList = startList(site, packages, formFor, (parameters) => {
    listRoute = parameters.size ? `#?${parameters}` : "#";
    remember(listRoute, false);
  });
}
addEventListener("hashchange", () => follow(true));
follow(false);
