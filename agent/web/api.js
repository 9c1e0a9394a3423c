// The REST calls. A token, where one is asked for, lives in this tab only.

const kTokenKey = 'shadowtap-token';

export class NeedsToken extends Error {}

export function setToken(token) { sessionStorage.setItem(kTokenKey, token); }

export async function call(path, {method = 'GET', body} = {}) {
  const headers = {};
  const token = sessionStorage.getItem(kTokenKey);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const response = await fetch(`api/v1/${path}`, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(10000),
  });
  if (response.status === 401) throw new NeedsToken('a token is needed');
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer?.detail ?? `status ${response.status}`);
  return answer;
}

export function query(parameters) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) pairs.set(name, value);
  const text = pairs.toString();
  return text ? `?${text}` : '';
}
