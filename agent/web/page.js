// Routes by the address's hash, so every view is a link, and asks again every few seconds.
import {call, NeedsToken, query, setToken} from './api.js';
import {diff} from './diff.js';
import {h, tag} from './dom.js';
import {endpoint} from './endpoint.js';
import {overview} from './overview.js';

const kRefreshMs = 3000;
const main = document.getElementById('main');
let chosenService = new URLSearchParams(location.search).get('service');
let shown = '';       // what stands there now, to leave it alone when nothing changed
let generation = 0;   // a slow answer must not overwrite a newer view

const place = (id, ...children) => document.getElementById(id).replaceChildren(...children);

function tell(error) {
  const box = document.getElementById('trouble');
  box.hidden = !error;
  const unanswered = error instanceof TypeError || error?.name === 'TimeoutError';
  box.textContent = unanswered ? `The agent does not answer: ${error.message}` : error?.message ?? '';
}

function askForToken() {
  const input = h('input', {type: 'password', id: 'token', autocomplete: 'off', required: true});
  const use = (event) => { event.preventDefault(); setToken(input.value); refresh(true); };
  show([h('h2', null, 'Token'),
    h('p', null, 'This agent asks for the token of its ', h('code', null, '--api-token-file'), '.'),
    h('form', {onsubmit: use}, h('label', {for: 'token'}, 'Token '), input, ' ', h('button', null, 'Use it'))],
  true);
}

function show(content, force) {
  const view = h('div', null, content);
  if (!force && view.innerHTML === shown) return;
  shown = view.innerHTML;
  const scrolled = [...main.querySelectorAll('.scroll')].map((e) => e.scrollLeft);
  const focused = document.activeElement?.getAttribute?.('href');
  main.replaceChildren(view);
  main.querySelectorAll('.scroll').forEach((e, i) => { e.scrollLeft = scrolled[i] ?? 0; });
  if (focused) [...main.querySelectorAll('a')].find((a) => a.getAttribute('href') === focused)?.focus();
}

function header(status, service, verdict) {
  const choice = document.getElementById('service-choice');
  choice.hidden = status.services.length < 2;
  const select = document.getElementById('service');
  if (document.activeElement !== select) {
    select.replaceChildren(...status.services.map((s) =>
      h('option', {selected: s.name === service.name}, s.name)));
  }
  const badge = document.getElementById('verdict');
  const word = service.targets.some((t) => t.role === 'candidate') ? verdict.verdict : 'observing';
  if (badge.dataset.word !== `${service.name} ${word}`) {
    badge.dataset.word = `${service.name} ${word}`;
    badge.replaceChildren(`${service.name}: `, tag(word));
  }
  const flip = async () => {
    const call_ = service.paused ? 'resume' : 'pause';
    await call(`${call_}${query({service: service.name})}`, {method: 'POST'}).catch(tell);
    refresh();
  };
  const button = document.getElementById('sending');
  button.hidden = service.targets.length === 0 && !service.paused;  // nothing that could be paused
  if (button.dataset.paused !== `${service.name} ${service.paused}`) {
    button.dataset.paused = `${service.name} ${service.paused}`;
    place('sending', h('button', {onclick: flip},
      service.paused ? 'Paused – resume sending' : 'Pause sending'));
  }
  place('footer', `shadowtap ${status.version}, up ${Math.round(status.uptime_seconds / 60)} min · `,
    h('a', {href: 'api/v1/openapi.json'}, 'API'), ' · ', h('a', {href: 'metrics'}, 'metrics'));
}

function parts_of(hash) {
  try {
    return hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  } catch {  // an address cut in the middle of a character
    return [''];
  }
}

function view(context) {
  const [name, ...rest] = parts_of(location.hash);
  if (name === 'endpoint') return endpoint(context, ...rest);
  if (name === 'diff') return diff(context, ...rest);
  return overview(context);
}

async function refresh(force) {
  const mine = ++generation;
  try {
    const status = await call('status');
    const service = status.services.find((s) => s.name === chosenService) ?? status.services[0];
    if (!service) return show(h('p', null, 'No service is configured.'));
    const verdict = await call(`verdict${query({service: service.name})}`);
    const content = await view({service, status});
    if (mine !== generation) return undefined;
    header(status, service, verdict);
    show(content, force);
    tell(null);
  } catch (error) {
    if (mine !== generation) return undefined;
    if (error instanceof NeedsToken) askForToken();
    else tell(error);
  }
  return undefined;
}

addEventListener('hashchange', () => { refresh(true).then(() => main.focus()); scrollTo(0, 0); });
document.getElementById('service').addEventListener('change', (event) => {
  chosenService = event.target.value;
  location.hash = '#/';
  refresh(true);
});
const typing = () => document.activeElement?.id === 'token';
setInterval(() => { if (!document.hidden && !typing()) refresh(); }, kRefreshMs);
refresh();
