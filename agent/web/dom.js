// Elements as expressions. Text only ever becomes text nodes: captured values are hostile.

export function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === false || value === null) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false)
    .map((c) => (c instanceof Node ? c : String(c))));
  return element;
}

export const tag = (word) => h('span', {class: `tag ${String(word).replace(/[^a-z_]/g, '')}`}, word);

// columns: [{name, number?}], rows: arrays of cells.
export function table(caption, columns, rows) {
  const cell = (content, i) => h('td', {class: columns[i].number ? 'number' : 'text'}, content);
  return h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption},
    h('table', null,
      h('thead', null, h('tr', null, columns.map((c) =>
        h('th', {scope: 'col', class: c.number && 'number'}, c.name)))),
      h('tbody', null, rows.map((row) => h('tr', null, row.map(cell))))));
}

// A bar of parts with its meaning in words. parts: [{name, n, kind}]
export function bar(parts) {
  const total = parts.reduce((sum, p) => sum + p.n, 0);
  const words = parts.filter((p) => p.n).map((p) => `${p.name} ${p.n}`).join(', ') || 'nothing yet';
  const pieces = parts.filter((p) => p.n).map((p) => {
    const piece = h('span', {class: `${p.kind}-part`, title: `${p.name} ${p.n}`});
    piece.style.width = `${(100 * p.n) / total}%`;
    return piece;
  });
  return h('div', {class: 'bar', role: 'img', 'aria-label': words}, pieces);
}

export const count = (n) => Number(n ?? 0).toLocaleString('en');
export const percent = (ratio) => (ratio === null || ratio === undefined ? '–'
  : `${(100 * ratio).toFixed(ratio && ratio < 0.1 ? 2 : 1)} %`);
export const ms = (n) => (n === null || n === undefined ? '–' : n < 10 ? n.toFixed(1) : Math.round(n));
export const sum = (counts) => Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
export const time = (text) => h('time', {datetime: text}, new Date(text).toLocaleTimeString());
