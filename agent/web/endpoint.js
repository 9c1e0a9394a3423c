// One endpoint: its differing fields with the arithmetic in words, and samples of each.
import {call, query} from './api.js';
import {count, h, percent, reason, table, tag, time} from './dom.js';

function fieldTable(id, fields, chosen) {
  const link = (f) => h('a', {href: `#/endpoint/${encodeURIComponent(id)}/${encodeURIComponent(f.path)}`,
    'aria-current': f.path === chosen && 'true'}, h('code', null, f.path));
  return table('Fields', [
    {name: 'Path'}, {name: 'Verdict'}, {name: 'Candidate differs', number: true},
    {name: 'Control differs', number: true}, {name: 'Of', number: true}, {name: 'Kinds'}, {name: 'Why'},
  ], fields.map((f) => [
    link(f), [tag(f.verdict), f.ignored && ' ignored by a rule'],
    `${count(f.raw)} (${percent(f.total ? f.raw / f.total : null)})`, count(f.noise), count(f.total),
    Object.entries(f.kinds).map(([kind, n]) => `${kind} ${count(n)}`).join(', '), reason(f.explain),
  ]));
}

const cut = (text) => (text.length > 120 ? `${text.slice(0, 120)}…` : text);

function sampleTable(diffs) {
  const difference = (d) => h('div', null, h('code', null, d.path), ` ${d.kind}: `,
    h('code', null, cut(d.original) || '∅'), ' → ', h('code', null, cut(d.candidate) || '∅'));
  return table('Samples', [{name: 'Time'}, {name: 'Request'}, {name: 'Outcome'},
    {name: 'Differences', wide: true}],
    diffs.map((d) => [
      time(d.time), h('a', {href: `#/diff/${encodeURIComponent(d.id)}`}, `${d.method} ${d.uri}`),
      tag(d.outcome),
      [d.differences.slice(0, 4).map(difference),
        d.differences.length > 4 && h('div', {class: 'dim'}, `and ${d.differences.length - 4} more`)],
    ]));
}

const kWeight = {regression: 0, insufficient: 1, noise: 2};

export async function endpoint({service}, id, path) {
  const [all, fields, page] = await Promise.all([
    call(`endpoints${query({service: service.name, limit: 1000})}`),
    call(`endpoints/${encodeURIComponent(id)}/fields?limit=1000`),
    call(`diffs${query({service: service.name, endpoint: id, path, limit: 50})}`),
  ]);
  const row = all.endpoints.find((e) => e.id === id);
  const sorted = [...fields.fields].sort((a, b) =>
    (kWeight[a.verdict] ?? 3) - (kWeight[b.verdict] ?? 3) || b.raw - a.raw);
  return [
    h('h2', null, row ? `${row.method} ${row.route}` : 'Endpoint'),
    h('h3', null, 'Fields'),
    sorted.length ? fieldTable(id, sorted, path) : h('p', null, 'No field has differed.'),
    h('h3', null, path ? ['Samples at ', h('code', null, path), ' ',
      h('a', {href: `#/endpoint/${encodeURIComponent(id)}`}, 'show all')] : 'Samples'),
    page.diffs.length ? sampleTable(page.diffs) : h('p', null, 'No sample kept.'),
  ];
}
