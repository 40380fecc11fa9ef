// node lint.mjs openapi.yaml: redocly's and spectral's recommended rules; what is not met is printed, and the exit code is 1.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../package.json', import.meta.url));
const { lintFromString, createConfig } = require('@redocly/openapi-core');
const { Spectral, Document } = require('@stoplight/spectral-core');
const Parsers = require('@stoplight/spectral-parsers');
const { oas } = require('@stoplight/spectral-rulesets');

const path = process.argv[2];
const source = readFileSync(path, 'utf8');
const found = [];

// Served from wherever the server is: its address can't be in the document, and two paths that only differ in a
// literal segment are distinguished by the server, literal first. There is no licence to name.
const redocly = await createConfig({
  extends: ['recommended'],
  rules: { 'no-server-example.com': 'off', 'no-ambiguous-paths': 'off', 'info-license': 'off', 'operation-4xx-response': 'error', 'security-defined': 'error' },
});
for (const problem of await lintFromString({ source, absoluteRef: path, config: redocly }))
  found.push(`redocly ${problem.ruleId}: ${problem.message} at ${problem.location?.[0]?.pointer}`);

const spectral = new Spectral();
// Summaries say it.
spectral.setRuleset({ extends: [[oas, 'recommended']], rules: { 'oas3-server-trailing-slash': 'off', 'operation-description': 'off' } });
for (const problem of await spectral.run(new Document(source, Parsers.Yaml, path)))
  found.push(`spectral ${problem.code}: ${problem.message} at ${problem.path.join('/')}`);

for (const line of found) console.log(line);
process.exit(found.length ? 1 : 0);
