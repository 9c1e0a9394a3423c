// For each line "[left, right]" on standard input: 1 if jsondiffpatch sees no difference,
// else 0. The first argument is the folder of the package.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';

const folder = process.argv[2];
const entry = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).exports['.'];
const main = typeof entry === 'string' ? entry : entry.import ?? entry.default;
const file = typeof main === 'string' ? main : main.default;
const { create } = await import(pathToFileURL(join(folder, file)));

// Without a hash it takes null and {} at one place of an array for a pair, and then sees
// a difference between equal arrays: ["c",null,[],null].
const canonical = (value) =>
  JSON.stringify(value, (_, v) =>
    v && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
const patcher = create({ objectHash: canonical });

for await (const line of createInterface({ input: process.stdin })) {
  const [left, right] = JSON.parse(line);
  console.log(patcher.diff(left, right) === undefined ? '1' : '0');
}
