// What the tests measure in a page. browser.py puts these functions before each script that it runs.

const is_shown = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true });

// Colours as the browser paints them, whatever notation the style sheet uses: [red, green, blue, alpha], 0 to 1.
const painter = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
  .getContext("2d", { willReadFrequently: true });
function rgba(colour) {
  painter.clearRect(0, 0, 1, 1);
  painter.fillStyle = colour;
  painter.fillRect(0, 0, 1, 1);
  return [...painter.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
}
function over(front, back) {
  return [0, 1, 2].map((i) => front[i] * front[3] + back[i] * (1 - front[3])).concat(1);
}

// Contrast as WCAG 2 defines it: 1 to 21; text that is easy to read has 4.5 or more.
function luminance(colour) {
  const [r, g, b] = colour.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function background(node) {
  const layers = [];
  for (; node; node = node.parentElement) layers.push(rgba(getComputedStyle(node).backgroundColor));
  return layers.reverse().reduce((back, layer) => over(layer, back), [1, 1, 1, 1]);
}

// In a drawing the background is the last filled rectangle below the text.
function background_in_svg(text) {
  const { left, right, top, bottom } = text.getBoundingClientRect();
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const below = [...text.ownerSVGElement.querySelectorAll("rect")].filter((rect) => {
    const box = rect.getBoundingClientRect();
    return rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING &&
      getComputedStyle(rect).fill !== "none" && box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
  }).pop();
  return below ? rgba(getComputedStyle(below).fill) : background(text.ownerSVGElement);
}

// Every visible text with its contrast: [{text, ratio}].
function texts() {
  const found = [];
  const add = (text, colour, back) => found.push({ text, ratio: contrast(over(rgba(colour), back), back) });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const [text, parent] = [walker.currentNode.textContent.trim(), walker.currentNode.parentElement];
    if (!text || parent.closest("script, style, title") || !is_shown(parent)) continue;
    const style = getComputedStyle(parent);
    if (parent.closest("svg")) add(text, style.fill, background_in_svg(parent));
    else add(text, style.color, background(parent));
  }
  for (const input of document.querySelectorAll("input[placeholder]")) {
    if (!is_shown(input)) continue;
    add(`placeholder ${input.placeholder}`, getComputedStyle(input, "::placeholder").color, background(input));
    add(`value of ${input.id}`, getComputedStyle(input).color, background(input));
  }
  return found;
}

// Whatever sticks out of the window sideways, or is cut off, unless one can scroll to it inside its own box.
function sticks_out() {
  const found = [];
  const page = document.scrollingElement;
  if (page.scrollWidth > page.clientWidth) found.push(`the page is ${page.scrollWidth} wide, the window ${page.clientWidth}`);
  const scrolls = (node) => /auto|scroll/.test(getComputedStyle(node).overflowX);
  const in_scroller = (node) => {
    for (let up = node.parentElement; up && up !== document.body; up = up.parentElement) if (scrolls(up)) return true;
    return false;
  };
  for (const node of document.body.querySelectorAll("*")) {
    if (!is_shown(node) || in_scroller(node)) continue;
    const name = `${node.tagName.toLowerCase()}#${node.id} ${node.textContent.trim().slice(0, 30)}`;
    const { left, right, width } = node.getBoundingClientRect();
    if (width && (left < -0.5 || right > innerWidth + 0.5)) found.push(`${name}: from ${left} to ${right} of ${innerWidth}`);
    if (/hidden|clip/.test(getComputedStyle(node).overflowX) && node.scrollWidth > node.clientWidth) found.push(`${name}: cut off`);
  }
  // A line may also run out of its box without making it wider.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !is_shown(parent) || scrolls(parent) || in_scroller(parent)) continue;
    const line = document.createRange();
    line.selectNodeContents(walker.currentNode);
    const box = (parent.closest("section, button, td, th, .fact") ?? document.body).getBoundingClientRect();
    const { left, right } = line.getBoundingClientRect();
    if (left < box.left - 0.5 || right > box.right + 0.5) found.push(`"${walker.currentNode.textContent.trim().slice(0, 30)}" runs out of its box`);
  }
  return found;
}

// Where the focus is, and how one sees it: {name, width of the ring in pixels, its contrast, whether it is in the window}.
function focus() {
  const node = document.activeElement;
  if (node === document.body) return { name: "" };
  const ringed = is_shown(node) ? node : node.closest("label");
  const style = getComputedStyle(ringed);
  const back = background(ringed.parentElement);
  const { top, bottom } = ringed.getBoundingClientRect();
  return {
    name: node.id || node.textContent.trim(),
    width: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    ratio: contrast(over(rgba(style.outlineColor), back), back),
    in_window: top >= 0 && bottom <= innerHeight,
  };
}

// The text that one can read in an element; "" where it is hidden.
function shown(identity) {
  const node = document.getElementById(identity);
  return is_shown(node) ? node.innerText.trim() : "";
}

// How many requests this page has sent to such addresses.
function asked_for(part) {
  return performance.getEntriesByType("resource").filter((entry) => entry.name.includes(part)).length;
}
