#!/usr/bin/env node
// The `edgeai` program: hands the arguments to the compiled command line.
import { main } from '../dist/cli/main.js';

process.exitCode = await main(process.argv.slice(2));
