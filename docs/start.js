// Starts the page. Where that fails, what is in the HTML gives way to what failed.

const main = document.getElementById("main");

/** The name of a file of the page that can't be had, or "". */
async function missing({ href }) {
  const answer = await fetch(href).catch(() => null);
  return answer?.ok ? "" : href.split("/").at(-1);
}

try {
  await import("./page.js");
} catch (error) {
  const files = [...document.querySelectorAll("link[rel=modulepreload]")];
  const names = (await Promise.all(files.map(missing))).filter(Boolean);
  for (const view of main.querySelectorAll(":scope > section")) view.hidden = view.id !== "broken";
  const text = names.length ? `Not to be had: ${names.join(", ")}.` : `${error}`;
  document.getElementById("failed").textContent = text;
}
main.removeAttribute("aria-busy");
