// Contrast of the text in charts, which accessibility checkers pass over: WCAG 2.2, at least 4.5 to 1.

/** Runs in the page; returns what is too faint. */
export function chartTextContrasts() {
  const LEAST = 4.5;
  const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const blend = (top, opacity, below) => top.slice(0, 3).map((c, i) => c * opacity + below[i] * (1 - opacity));
  const luminance = (color) => {
    const [r, g, b] = color.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const paper = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const problems = new Set();
  for (const svg of document.querySelectorAll("figure svg")) {
    if (svg.getBoundingClientRect().height === 0) continue;
    const base = paper(svg);
    const areas = [];
    for (const part of svg.querySelectorAll(":scope > rect, :scope > text")) {
      const style = getComputedStyle(part);
      const box = part.getBoundingClientRect();
      if (part.tagName === "rect") {
        areas.push({ box, color: parse(style.fill), opacity: Number(style.opacity) });
        continue;
      }
      // What lies below the middle of the text, in the order it was painted.
      const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
      const under = areas.filter((a) => a.box.left <= x && x <= a.box.right && a.box.top <= y && y <= a.box.bottom);
      const below = under.reduce((color, area) => blend(area.color, area.opacity, color), base);
      const found = contrast(parse(style.fill).slice(0, 3), below);
      if (found < LEAST) {
        const name = svg.closest("figure").id;
        problems.add(`chart ${name}: text “${part.textContent.trim()}” has contrast ${found.toFixed(2)}`);
      }
    }
  }
  return [...problems].slice(0, 5);
}
