// The first view: why the verdict is what it is, what was seen, and every endpoint.
import {call, query} from './api.js';
import {bar, count, h, inWords, ms, percent, reason, sum, table, tag} from './dom.js';

const kShownReasons = 4;
const cut = (text) => (text.length > 240 ? `${text.slice(0, 240)}…` : text);
const compares = (service) => service.targets.some((t) => t.role === 'candidate');

function verdictPanel(service, verdict) {
  if (!compares(service)) {
    return h('section', {class: 'panel'}, h('h2', null, 'Verdict'),
      h('p', null, 'None: without a candidate there is nothing to compare with. Name the release under test with ',
        h('code', null, '--candidate URL'), ', or under ', h('code', null, 'targets:'), ' in the configuration.'));
  }
  const need = (n) => `needs ${n.route && n.route !== '*' ? `${n.route}: ` : ''}about ${count(n.comparisons)} more comparisons`
    + (n.eta_seconds ? `, ${Math.ceil(n.eta_seconds / 60)} min at this rate` : '');
  const lines = [...verdict.reasons, ...verdict.needs.map(need)];
  const more = lines.length - kShownReasons;
  return h('section', {class: 'panel'},
    h('h2', null, 'Verdict ', tag(verdict.verdict)),
    h('p', {class: 'dim'}, `${count(verdict.compared)} compared since `,
      new Date(verdict.since).toLocaleString(), `, α = ${verdict.alpha}`),
    lines.length ? h('ul', null, lines.slice(0, kShownReasons).map((line) => h('li', null, cut(line)))) : null,
    more > 0 && h('p', {class: 'dim'}, `and ${more} more: see the findings`));
}

const kParts = [
  ['compared', 'good'], ['shadow_error', 'bad'], ['not_comparable', 'open'],
  ['refused', 'open'], ['skipped', 'dim'], ['in_flight', 'dim'],
];

function coveragePanel(ledger, capture) {
  const parts = kParts.map(([name, kind]) => {
    const value = ledger[name];
    return {name: name.replace('_', ' '), kind, value, n: typeof value === 'number' ? value : sum(value)};
  });
  const reasons = (value) => Object.entries(value).filter(([, n]) => n)
    .map(([reason, n]) => `${reason} ${count(n)}`).join(', ');
  const lost = sum(capture.lost);
  return h('section', {class: 'panel'},
    h('h2', null, 'Coverage'),
    h('p', null, `${count(ledger.captured)} exchanges captured`), bar(parts),
    h('ul', null, parts.filter((p) => p.n).map((p) => h('li', null, `${p.name} ${count(p.n)}`,
      typeof p.value === 'object' && h('span', {class: 'dim'}, ` (${reasons(p.value)})`)))),
    h('p', {class: 'dim'}, `packets: ${count(capture.delivered)} of ${count(capture.matched)} delivered`,
      lost ? `, lost ${reasons(capture.lost)}` : ''));
}

function targetPanel(service) {
  const target = (t) => h('li', null, h('strong', null, t.role), ' ', t.url, ' ', tag(t.state),
    t.insecure && ' certificate not verified',
    t.next_probe && h('span', {class: 'dim'}, ` next try ${new Date(t.next_probe).toLocaleTimeString()}`));
  const at = [...new Set(service.attachments.map((a) => a.interface))];
  const by = [...new Set(service.attachments.map((a) => a.mechanism))];
  const hidden = service.attachments.filter((a) => a.hidden_by).map((a) => `${a.interface} hidden by ${a.hidden_by}`);
  return h('section', {class: 'panel'},
    h('h2', null, 'Targets'),
    service.targets.length ? h('ul', null, service.targets.map(target))
      : h('p', null, 'None: observing only, nothing leaves this host.'),
    h('p', {class: 'dim'}, `sampling ${service.effective_sample} %`,
      service.sending_expired && ', sending has expired', '; port ', service.ports.join(', '),
      at.length ? ` on ${at.join(', ')} (${by.join(', ')})` : ', attached to no interface',
      hidden.length ? `; ${hidden.join(', ')}` : ''));
}

function impactPanel(impact) {
  const {exchanges} = impact;
  const side = (name, shown) => (exchanges[name] ? shown : '–');
  const both = (pair, form) => [side('with', form(pair.with)), ' / ', side('without', form(pair.without))];
  const time = (n) => `${ms(n)} ms`;
  return h('section', {class: 'panel'},
    h('h2', null, 'Impact on the service ', tag(impact.verdict)),
    exchanges.with && exchanges.without ? h('p', null, 'with / without shadows:')
      : h('p', null, 'Not known yet: it takes answers of the service with and without shadows on their way.'),
    h('ul', null,
      h('li', null, 'p50 ', both(impact.original_p50_ms, time)),
      h('li', null, 'p99 ', both(impact.original_p99_ms, time)),
      h('li', null, 'errors ', both(impact.error_share, percent))),
    h('p', {class: 'dim'}, `agent: ${(impact.cost.cpu_cores ?? 0).toFixed(2)} cores, `,
      `${Math.round(impact.cost.rss_bytes / 1048576)} MiB`));
}

const outcomeParts = (outcomes) => [
  {name: 'match', n: outcomes.match ?? 0, kind: 'good'},
  {name: 'noise', n: outcomes.noise ?? 0, kind: 'dim'},
  {name: 'ignored', n: outcomes.ignored ?? 0, kind: 'dim'},
  {name: 'mismatch', n: outcomes.mismatch ?? 0, kind: 'bad'},
  {name: 'error', n: outcomes.error ?? 0, kind: 'bad'},
];

function endpointTable(endpoints) {
  const rows = [...endpoints].sort((a, b) => (b.mismatch_ratio ?? 0) - (a.mismatch_ratio ?? 0)
    || b.exchanges - a.exchanges);
  const latency = (l) => `${ms(l.p50)} / ${ms(l.p99)}`;
  return table('Endpoints', [
    {name: 'Endpoint'}, {name: 'Differing', number: true}, {name: 'Outcomes'},
    {name: 'Exchanges', number: true}, {name: 'Compared', number: true},
    {name: 'Original p50 / p99 ms', number: true}, {name: 'Candidate p50 / p99 ms', number: true},
  ], rows.map((e) => [
    h('a', {href: `#/endpoint/${encodeURIComponent(e.id)}`}, `${e.method} ${e.route}`),
    percent(e.mismatch_ratio), [bar(outcomeParts(e.outcomes)), h('span', {class: 'dim small'}, inWords(outcomeParts(e.outcomes)))], count(e.exchanges), count(e.compared),
    latency(e.latency_ms.original), latency(e.latency_ms.candidate),
  ]));
}

function findingTable(findings, endpoints) {
  const link = (f) => {
    const e = endpoints.find((row) => row.method === f.method && row.route === f.route);
    const path = f.path ? `/${encodeURIComponent(f.path)}` : '';
    return e ? h('a', {href: `#/endpoint/${encodeURIComponent(e.id)}${path}`}, `${f.method} ${f.route}`)
      : `${f.method} ${f.route}`;
  };
  return table('Findings', [
    {name: 'Finding'}, {name: 'Endpoint'}, {name: 'Path'}, {name: 'Differing', number: true},
    {name: 'Original → candidate', wide: true}, {name: 'Why', wide: true},
  ], findings.map((f) => [
    tag(f.status), link(f), f.path && [h('code', null, f.path), ` ${f.kind}`],
    `${count(f.differing)} of ${count(f.compared)}`,
    (f.original || f.candidate) && [h('code', null, f.original || '∅'), ' → ', h('code', null, f.candidate || '∅')],
    reason(f.explain),
  ]));
}

export async function overview({service, status}) {
  const [report, impact] = await Promise.all([
    call(`report${query({service: service.name, format: 'json'})}`), call('impact'),
  ]);
  const {verdict, findings, endpoints} = report.services.find((s) => s.name === service.name);
  const ledger = status.coverage.services.find((s) => s.name === service.name);
  return [
    h('div', {class: 'panels'}, verdictPanel(service, verdict),
      ledger && coveragePanel(ledger, status.coverage.capture), targetPanel(service), impactPanel(impact)),
    h('h2', null, 'Findings'),
    findings.length ? findingTable(findings, endpoints)
      : h('p', null, compares(service) ? 'None so far.' : 'None: nothing is compared.'),
    h('h2', null, 'Endpoints'),
    endpoints.length ? endpointTable(endpoints)
      : h('p', null, 'No exchange yet. The agent watches the port; send the service some traffic.'),
  ];
}
