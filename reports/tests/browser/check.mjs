// Opens rendered reports in Chromium and checks what a reader would notice.
//
//   node check.mjs FOLDER      FOLDER holds NAME.html files; the one called `normal` gets every check
//
// Prints a line a failed check and ends with status 1 if there is one. The page's own security policy is in force
// everywhere but in the accessibility pass, whose checker has to be put into the page.

import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { chartTextContrasts } from "./contrast.mjs";
import { readsWithoutScript, sortsTables, switchesDrawings } from "./handling.mjs";

const WIDTHS = [360, 768, 1440];
const THEMES = ["light", "dark"];
// Two tablets in a row would find the same; every page gets the extremes, the normal one everything.
const EVERYWHERE = [[360, "light"], [1440, "dark"]];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const failures = [];

/** Opens a page; whatever it asks for but itself, and whatever the console says, is a failure. */
async function open(browser, url, where, options) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(5000);
  const fail = (text) => failures.push(`${where}: ${text}`);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) fail(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => fail(`script: ${error.message}`));
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== url) fail(`asks for ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    fail(`opens a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url);
  return { page, fail, close: () => context.close() };
}

/** What sticks out of the document to the right. */
const sidewaysScroll = (page) => page.evaluate(() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return null;
  const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1
    && !e.closest(".scroll, pre, svg"));
  return `${root.scrollWidth} > ${root.clientWidth}: ${wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 90)).join(" | ")}`;
});

async function looksRight(browser, url, name, width, theme) {
  const where = `${name} ${width} ${theme}`;
  const { page, fail, close } = await open(browser, url, where,
    { viewport: { width, height: 900 }, colorScheme: theme });
  const wide = await sidewaysScroll(page);
  if (wide) fail(`scrolls sideways: ${wide}`);
  for (const problem of await page.evaluate(chartTextContrasts)) fail(problem);
  await close();
}

async function isAccessible(browser, url, name, width, theme) {
  const where = `${name} ${width} ${theme} axe`;
  const { page, fail, close } = await open(browser, url, where,
    { viewport: { width, height: 900 }, colorScheme: theme, bypassCSP: true });
  // Folded tables and second drawings are part of the page too.
  await page.evaluate(() => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
    for (const view of document.querySelectorAll("[data-view]")) view.hidden = false;
  });
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    // The parts of a drawing have no meaning of their own, but there are thousands of them.
    const { violations } = await axe.run({ exclude: [["svg > *"]] }, { resultTypes: ["violations"] });
    return violations.flatMap((rule) => rule.nodes.slice(0, 3).map((node) =>
      `${rule.id} (${rule.impact}): ${node.html.slice(0, 120)} ${node.any[0]?.message ?? ""}`));
  });
  found.forEach(fail);
  await close();
}

async function prints(browser, url, name) {
  // A4 less its margins, in CSS pixels.
  const { page, fail, close } = await open(browser, url, `${name} print`,
    { viewport: { width: 688, height: 980 }, colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  const wide = await sidewaysScroll(page);
  if (wide) fail(`overflows: ${wide}`);
  const problems = await page.evaluate(() => {
    const found = [];
    const shown = (element) => element.getBoundingClientRect().height > 0;
    for (const svg of document.querySelectorAll("figure svg")) {
      const box = svg.getBoundingClientRect();
      if (box.height > 0 && box.right > document.documentElement.clientWidth) found.push("a chart is clipped");
    }
    if ([...document.querySelectorAll(".toggle, nav")].some(shown)) found.push("toggles or navigation are printed");
    if (![...document.querySelectorAll("details table")].every(shown)) found.push("a folded table is not printed");
    if (getComputedStyle(document.body).color !== "rgb(27, 31, 36)") found.push("the dark theme is printed");
    return found;
  });
  problems.forEach(fail);
  await close();
}

const folder = resolve(process.argv[2]);
const names = readdirSync(folder).filter((file) => file.endsWith(".html")).map((file) => file.slice(0, -5)).sort();
if (!names.includes("normal")) throw new Error(`no normal.html in ${folder}`);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
/** Every check of one page. */
async function check(name) {
  const url = pathToFileURL(join(folder, `${name}.html`)).href;
  const begun = Date.now();
  const all = WIDTHS.flatMap((width) => THEMES.map((theme) => [width, theme]));
  for (const [width, theme] of name === "normal" ? all : EVERYWHERE) {
    await looksRight(browser, url, name, width, theme);
    await isAccessible(browser, url, name, width, theme);
  }
  await prints(browser, url, name);
  const plain = await open(browser, url, `${name} without script`, { javaScriptEnabled: false });
  for (const problem of await readsWithoutScript(plain.page)) plain.fail(problem);
  await plain.close();
  const handled = await open(browser, url, `${name} handled`, {});
  try {
    for (const problem of await switchesDrawings(handled.page)) handled.fail(problem);
    for (const problem of await sortsTables(handled.page)) handled.fail(problem);
  } catch (error) {
    // A button that cannot be used must not hide what else was found.
    handled.fail(error.message.split("\n")[0]);
  }
  await handled.close();
  console.log(`${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}

// The one with the most checks first; as many at a time as there are processors.
const waiting = ["normal", ...names.filter((name) => name !== "normal")];
const worker = async () => {
  for (let name = waiting.shift(); name; name = waiting.shift()) await check(name);
};
try {
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
} finally {
  await browser.close();
}
for (const failure of failures) console.error(failure);
console.log(`${names.length} pages, ${failures.length} failures`);
process.exitCode = failures.length ? 1 : 0;
