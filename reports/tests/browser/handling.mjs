// What a reader does with a page: switch drawings, sort tables, or read it with scripts off.

const SECTIONS = ["claims", "startup", "memory-use", "system-calls", "computation", "ladder", "own-program", "evidence", "history", "disturbances", "method",
  "reproduce", "raw"];

/** The page as text and pictures; returns what is missing. */
export async function readsWithoutScript(page) {
  const problems = [];
  for (const id of SECTIONS) {
    if (!await page.locator(`h2#${id}`).isVisible()) problems.push(`section ${id} is not there`);
  }
  for (const figure of await page.locator("figure").all()) {
    if (!await figure.locator("svg:visible").count()) problems.push(`a chart is hidden: ${await figure.getAttribute("id")}`);
  }
  if (await page.locator("button:visible").count()) problems.push("a button is shown that does nothing");
  return problems;
}

/** Every chart with two drawings, by mouse and by keyboard. */
export async function switchesDrawings(page) {
  const problems = [];
  for (const figure of await page.locator("figure:has(.toggle)").all()) {
    const name = await figure.getAttribute("id");
    const shows = async (view, how) => {
      const shown = await figure.locator("[data-view]:visible").evaluateAll((all) => all.map((one) => one.dataset.view));
      const pressed = await figure.locator('[aria-pressed="true"]').evaluateAll((all) => all.map((one) => one.dataset.shows));
      if (String(shown) !== view || String(pressed) !== view) {
        problems.push(`chart ${name}, ${how}: shows ${shown}, pressed is ${pressed}, not ${view}`);
      }
    };
    await shows("0", "at first");
    await figure.locator('[data-shows="1"]').click();
    await shows("1", "after a click");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await shows("0", "after Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await shows("1", "after Space");
  }
  return problems;
}

/** Every sortable table: a click on its last heading sorts, a key turns the order round, and no row is lost. */
export async function sortsTables(page) {
  const problems = [];
  await page.evaluate(() => document.querySelectorAll("details").forEach((folded) => { folded.open = true; }));
  for (const table of await page.locator("table.sortable").all()) {
    const heading = table.locator("thead th").nth(1);
    const words = `table “${(await table.textContent()).trim().slice(0, 40)}”`;
    const column = () => table.evaluate((element) => [...element.tBodies].map((body) => [...body.rows]
      .filter((row) => !row.classList.contains("group")).map((row) => row.cells[1].dataset.v ?? row.cells[1].textContent)));
    const before = await column();
    await heading.locator("button").click();
    const rising = await column();
    const state = await heading.getAttribute("aria-sort");
    await page.keyboard.press("Enter");
    const falling = await column();
    if (state !== "ascending" || await heading.getAttribute("aria-sort") !== "descending") problems.push(`${words}: aria-sort`);
    const sorted = (rows) => [...rows].sort().join();
    before.forEach((rows, group) => {
      if (sorted(rows) !== sorted(rising[group]) || sorted(rows) !== sorted(falling[group])) problems.push(`${words}: lost rows`);
      const numbers = rising[group].filter((value) => /^[-+\d.e]+$/i.test(value)).map(Number);
      if (numbers.some((value, at) => at > 0 && value < numbers[at - 1])) problems.push(`${words}: not ascending: ${numbers}`);
      const turned = falling[group].filter((value) => /^[-+\d.e]+$/i.test(value)).map(Number);
      if (turned.some((value, at) => at > 0 && value > turned[at - 1])) problems.push(`${words}: not descending: ${turned}`);
    });
    if (await table.locator("tbody tr.group").count() !== await table.locator("tbody > tr.group:first-child").count()) {
      problems.push(`${words}: a group lost its heading`);
    }
  }
  return problems;
}
