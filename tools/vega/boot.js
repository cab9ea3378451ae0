// Draws every chart of the page from the JSON beside it. No eval: expressions are parsed to a tree at run time
// (`ast: true`) and walked by the interpreter. The static picture stays in place until its chart has been drawn,
// so a chart that fails leaves the reader with the picture.

const GAP = 14;

// A report needs nothing from outside; whatever asks for an address is refused before the browser sees it.
const refuse = () => Promise.reject(new Error('a report loads nothing'));
const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse, options: {} };

function makeTip() {
  const tip = document.createElement('div');
  tip.className = 'mark-tip';
  tip.setAttribute('role', 'status');
  tip.hidden = true;
  document.body.appendChild(tip);
  return tip;
}

function place(tip, x, y) {
  const { innerWidth: width, innerHeight: height } = window;
  const box = tip.getBoundingClientRect();
  const left = x + GAP + box.width > width ? x - GAP - box.width : x + GAP;
  const top = y + GAP + box.height > height ? y - GAP - box.height : y + GAP;
  tip.style.left = Math.max(4, Math.min(left, width - box.width - 4)) + 'px';
  tip.style.top = Math.max(4, top) + 'px';
}

function show(tip, text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  place(tip, x, y);
}

function marksOf(figure) {
  return [...figure.querySelectorAll('.chart svg *')]
    .filter((node) => node.__data__ && !Array.isArray(node.__data__) && node.__data__.tooltip);
}

// Arrow keys walk through the marks of a focused chart, so that the tooltips do not need a pointer.
function walk(chart, tip) {
  let at = -1;
  const leave = () => { tip.hidden = true; at = -1; };
  chart.tabIndex = 0;
  chart.addEventListener('blur', leave);
  chart.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') leave();
    if (!step) return;
    const marks = marksOf(chart.parentNode);
    if (!marks.length) return;
    event.preventDefault();
    at = at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length;
    const box = marks[at].getBoundingClientRect();
    show(tip, String(marks[at].__data__.tooltip), box.left + box.width / 2, box.top + box.height / 2);
  });
}

function draw(script, tip, vega) {
  const chart = script.parentNode.querySelector('.chart');
  const label = chart.querySelector('svg').getAttribute('aria-label');
  const still = [...chart.childNodes];
  const canvas = document.createElement('div');
  const runtime = vega.parse(JSON.parse(script.textContent), null, { ast: true });
  const view = new vega.View(runtime, {
    renderer: 'svg', loader, container: canvas, hover: false, expr: vega.expressionInterpreter,
  });
  view.tooltip((handler, event, item, value) => {
    if (value === null || value === undefined || value === '') tip.hidden = true;
    else show(tip, String(value), event.clientX, event.clientY);
  });
  return view.runAsync().then(() => {
    const svg = canvas.querySelector('svg');
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', label);
    chart.append(svg);
    still.forEach((node) => node.remove());
    chart.dataset.drawn = 'yes';
    walk(chart, tip);
  });
}

export function boot(vega) {
  const start = () => {
    const tip = makeTip();
    document.addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });
    const scripts = [...document.querySelectorAll('script[type="application/json"][data-chart]')];
    for (const script of scripts) draw(script, tip, vega).catch((error) => console.error(error));
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
}
