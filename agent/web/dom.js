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

// columns: [{name, number?, wide?}], rows: arrays of cells. Wide: may break anywhere.
export function table(caption, columns, rows) {
  const kind = ({number, wide}) => (number ? 'number' : wide ? 'wide' : 'text');
  const cell = (content, i) => h('td', {class: kind(columns[i])}, content);
  return h('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption},
    h('table', {'aria-label': caption},
      h('thead', null, h('tr', null, columns.map((c) =>
        h('th', {scope: 'col', class: c.number && 'number'}, c.name)))),
      h('tbody', null, rows.map((row) => h('tr', null, row.map(cell))))));
}

export const inWords = (parts) => parts.filter((p) => p.n)
  .map((p) => `${p.name} ${count(p.n)}`).join(', ') || 'nothing yet';

// What the agent says of a finding: first what was seen, then the arithmetic.
export function reason(text) {
  const at = text.indexOf('When it was found:');
  return at < 0 ? text : [text.slice(0, at), h('span', {class: 'dim small'}, text.slice(at))];
}

// A bar of parts with its meaning in words. parts: [{name, n, kind}]
export function bar(parts) {
  const total = parts.reduce((sum, p) => sum + p.n, 0);
  const words = inWords(parts);
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
