/** @file `npm run lint`'s check of who may import whom: prints each breach as `file:line: what is wrong` and exits with 1. */

import { fileURLToPath } from 'node:url';
import { checkImports } from './check-imports-rules.mjs';

const problems = checkImports(fileURLToPath(new URL('..', import.meta.url)));
for (const { file, line, message } of problems) console.error(`${file}:${line}: ${message}`);
if (problems.length > 0) {
  console.error(`${problems.length} import${problems.length === 1 ? '' : 's'} against the rules`);
  process.exitCode = 1;
}
