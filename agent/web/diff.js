// One exchange: what differed, and the messages side by side with differing lines marked.
import {call} from './api.js';
import {h, ms, table, tag} from './dom.js';

// Both sides in one form, so that equal content gives equal lines.
function bodyLines(message) {
  if (message.body_encoding === 'base64') return [`${message.body_size} bytes, base64:`, message.body];
  try {
    return JSON.stringify(JSON.parse(message.body), null, 2).split('\n');
  } catch {
    return message.body.split('\n');
  }
}

function lines(message) {
  const head = message.headers.map(([name, value]) => `${name}: ${value}`);
  return [...(message.status ? [`status ${message.status}`] : []), ...head, '', ...bodyLines(message)];
}

// Marks lines that are not in a longest common subsequence of the two sides. Long messages
// are compared by position: a table of n × m cells would stop the page.
function marks(left, right) {
  const changed = [new Set(), new Set()];
  if (left.length * right.length > 4e6) {
    for (let i = 0; i < Math.max(left.length, right.length); ++i) {
      if (left[i] !== right[i]) changed.forEach((set) => set.add(i));
    }
    return changed;
  }
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; --i) {
    for (let j = right.length - 1; j >= 0; --j) {
      lengths[i * width + j] = left[i] === right[j] ? lengths[(i + 1) * width + j + 1] + 1
        : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  let i = 0, j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) { ++i; ++j; }
    else if (j >= right.length
      || (i < left.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) changed[0].add(i++);
    else changed[1].add(j++);
  }
  return changed;
}

function messageBox(title, text, changed) {
  const line = (content, i) => h('span', {class: changed?.has(i) && 'changed'}, content || '\u00a0');
  return h('section', {class: 'message'}, h('h3', null, title), h('pre', null, text.map(line)));
}

function sides(detail) {
  if (!detail.original || !detail.candidate) {
    return ['original', 'candidate'].filter((side) => detail[side])
      .map((side) => messageBox(side, lines(detail[side])));
  }
  const left = lines(detail.original), right = lines(detail.candidate);
  const [inLeft, inRight] = marks(left, right);
  return [messageBox('original', left, inLeft), messageBox('candidate', right, inRight)];
}

const kSides = ['original', 'candidate', 'secondary'];

function timingTable(timings) {
  const shown = kSides.filter((side) => `${side}_last_byte_ms` in timings);
  return shown.length ? table('Timings', [{name: 'ms after the request'}, {name: 'First byte', number: true},
    {name: 'Last byte', number: true}, {name: 'Round trip to it', number: true}],
  shown.map((side) => [side, ...['first_byte', 'last_byte', 'round_trip'].map((part) => ms(timings[`${side}_${part}_ms`]))])) : null;
}

function differenceTable(differences) {
  if (!differences.length) return h('p', null, 'No difference.');
  return table('Differences',
    [{name: 'Path'}, {name: 'Kind'}, {name: 'Original', wide: true}, {name: 'Candidate', wide: true}],
    differences.map((x) => [h('code', null, x.path), x.kind, h('code', null, x.original || '∅'),
      h('code', null, x.candidate || '∅')]));
}

const again = new Map();  // by id: what came of sending it again, in this tab

function sendAgain(id) {
  const send = async () => {
    again.set(id, await call(`diffs/${encodeURIComponent(id)}/replay`, {method: 'POST'}).catch((error) => ({error: error.message})));
    dispatchEvent(new HashChangeEvent('hashchange'));
  };
  const result = again.get(id);
  return h('section', null,
    h('p', null, h('button', {onclick: send}, 'Send this request again')),
    result && h('div', {role: 'status'}, h('h3', null, 'Sent again ', result.outcome && tag(result.outcome)),
      result.error ? h('p', null, result.error) : differenceTable(result.differences)));
}

export async function diff(_, id) {
  const d = await call(`diffs/${encodeURIComponent(id)}`);
  const request = lines(d.request);
  request.unshift(`${d.method} ${d.uri}`);
  return [
    h('h2', null, `${d.method} ${d.uri} `, tag(d.outcome)),
    h('p', {class: 'dim'}, `${d.service}, route ${d.route}, ${new Date(d.time).toLocaleString()}`),
    d.error && h('p', null, 'The candidate did not answer: ', d.error),
    d.differences.length ? differenceTable(d.differences) : null,
    sendAgain(id),
    h('h3', null, 'Responses'), h('div', {class: 'sides'}, sides(d)),
    h('h3', null, 'Request'), h('div', {class: 'sides'}, messageBox('request', request),
      d.secondary && messageBox('secondary (the old release again)', lines(d.secondary))),
    timingTable(d.timings) && [h('h3', null, 'Timings'), timingTable(d.timings)],
  ];
}
