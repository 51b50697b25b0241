/** @file Runs the `edgeai` program from its source, as `bin/edgeai.mjs` runs the compiled one. */

import { main } from '../../packages/edgeai/src/cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
