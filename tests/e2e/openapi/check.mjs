// node check.mjs openapi.yaml < context.json: calls every operation of the description against a running server, with answers
// that are good and answers that are refused, and validates status, content type and body against it.
// context: {api, elsewhere: operations whose good answer another test has, calls: [{operation, expect, path?, query?, token?, body?, form?, headers?, family?}]}
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../package.json', import.meta.url));
const { bundleFromString, createConfig } = require('@redocly/openapi-core');
const Ajv = require('ajv/dist/2020');
const formats = require('ajv-formats');

const path = process.argv[2];
const bundled = await bundleFromString({ source: readFileSync(path, 'utf8'), absoluteRef: path, config: await createConfig({}), dereference: true });
const description = bundled.bundle.parsed;
const { api, calls, elsewhere } = JSON.parse(readFileSync(0, 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true });
formats(ajv);
const wrong = [];

const operations = new Map();
for (const [template, item] of Object.entries(description.paths)) {
  for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
    if (item[method]) operations.set(item[method].operationId, { template, method, item, operation: item[method], answered: new Set() });
  }
}

// What the description does not name may not be answered: it would be a promise that nobody made.
function closed(schema) {
  if (schema === null || typeof schema !== 'object') return schema;
  if (Array.isArray(schema)) return schema.map(closed);
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, key === 'examples' || key === 'const' ? value : closed(value)]));
  if (copy.properties && copy.type === 'object' && copy.additionalProperties === undefined) copy.additionalProperties = false;
  return copy;
}

function address(call, { template, item, operation }) {
  const servers = operation.servers ?? item.servers ?? description.servers;
  const server = servers[Math.min(call.family ?? 0, servers.length - 1)].url.replace(/\/$/, '');
  const parameters = call.path ?? {};
  const filled = template.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in parameters)) throw new Error(`${call.operation} needs ${name}`);
    return encodeURIComponent(parameters[name]);
  });
  const query = call.query ? '?' + new URLSearchParams(call.query) : '';
  return api + server + filled + query;
}

async function make(call) {
  const entry = operations.get(call.operation);
  if (!entry) return wrong.push(`${call.operation} is not described`);
  const url = address(call, entry);
  const headers = { ...(call.token ? { Authorization: `Bearer ${call.token}` } : {}), ...(call.headers ?? {}) };
  let body;
  if (call.form) body = new URLSearchParams(call.form);
  if (call.body !== undefined) {
    body = typeof call.body === 'string' ? call.body : JSON.stringify(call.body);
    headers['Content-Type'] ??= 'application/json';
  }
  const answer = await fetch(url, { method: entry.method.toUpperCase(), headers, body, redirect: 'manual', signal: AbortSignal.timeout(20000) });
  const where = `${call.operation} ${entry.method.toUpperCase()} ${url.slice(api.length)} -> ${answer.status}`;
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== call.expect) return wrong.push(`${where}, expected ${call.expect}: ${bytes.subarray(0, 300)}`);
  entry.answered.add(answer.status);
  const described = entry.operation.responses[answer.status];
  if (!described) return wrong.push(`${where} is not described`);
  for (const name of Object.keys(described.headers ?? {}))
    if (!answer.headers.has(name)) wrong.push(`${where} has no ${name}`);
  if (!described.content) return bytes.length ? wrong.push(`${where} has a body that is not described`) : undefined;
  const type = (answer.headers.get('content-type') ?? '').split(';')[0];
  const media = described.content[type];
  if (!media) return wrong.push(`${where} is ${type}`);
  if (!media.schema || !type.endsWith('json')) return;
  const validate = ajv.compile(closed(media.schema));
  if (!validate(JSON.parse(bytes))) wrong.push(`${where}: ${ajv.errorsText(validate.errors)} in ${bytes.subarray(0, 400)}`);
}

for (const call of calls) await make(call);
for (const [id, entry] of operations) {
  if (!elsewhere.includes(id) && ![...entry.answered].some((status) => status < 400)) wrong.push(`${id} was never answered well`);
}
for (const line of wrong) console.log(line);
console.log(`${operations.size} operations, ${calls.length} calls, ${wrong.length} wrong`);
process.exit(wrong.length ? 1 : 0);
