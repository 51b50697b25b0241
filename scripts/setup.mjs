/**
 * @file `npm run setup`: looks at everything that the project needs, does what is missing, and says so in a line a step.
 *
 * Exit codes: 0 all is there, 1 something is missing, 2 wrong usage, 3 only the TypeScript does not compile (the addon
 * and the tests still work).
 */

import { parseArgs } from 'node:util';
import { aptInstall, hasApt } from './setup-apt.mjs';
import { steps } from './setup-steps.mjs';

/** @typedef {import('./setup-steps.mjs').Finding} Finding */
/** @typedef {import('./setup-steps.mjs').Context} Context */

const USAGE = `Usage: npm run setup -- [options]
  --check                only report; exit code 1 if something is missing
  --quiet                print only what had to be done and what failed
  --download             fetch the official libtorch archive where none is found (Linux x64, macOS arm64)
  --libtorch-version V   version to download (default: the newest with a known checksum)
  --sha256 HASH          checksum of that archive, where none is known
  --with fashion-mnist   also install that data set (Debian, Ubuntu)`;

const MARKS = process.stdout.isTTY
  ? { done: '\x1b[32m✓\x1b[0m', doing: '\x1b[36m→\x1b[0m', failed: '\x1b[31m✗\x1b[0m' }
  : { done: 'ok', doing: '..', failed: 'FAILED' };

process.exitCode = await main();

async function main() {
  const options = readOptions();
  if (options === undefined) return 2;
  /** @type {Context} */
  const context = {
    options,
    apt: hasApt(),
    aptTried: false,
    doing: (line) => console.log(`${MARKS.doing} ${line}`),
  };
  let missing = 0;
  const wanted = steps.filter((step) => step.wanted?.(context) ?? true);
  let aptDone = options.check;
  for (const step of wanted) {
    if (!aptDone && step.debianPackage !== undefined) {
      aptDone = true;
      await installSystemPackages(wanted, context);
    }
    let finding = await step.check(context);
    if (!finding.ok && !options.check && step.fix !== undefined && finding.fixable !== false) {
      finding = (await attempt(() => step.fix?.(context))) ?? (await step.check(context));
    }
    report(step.name, finding, options.quiet);
    if (finding.ok) continue;
    missing += 1;
    if (step.code !== undefined && missing === 1) return step.code;
    // Each step stands on those before it: going on would only hide the first cause.
    if (!options.check) return 1;
  }
  if (missing > 0) console.error('`npm run setup` does what it can of this and says what it cannot.');
  return missing > 0 ? 1 : 0;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        check: { type: 'boolean', default: false },
        quiet: { type: 'boolean', default: false },
        download: { type: 'boolean', default: false },
        'libtorch-version': { type: 'string' },
        sha256: { type: 'string' },
        with: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', default: false },
      },
    });
    const unknown = values.with.find((name) => name !== 'fashion-mnist');
    if (unknown !== undefined)
      throw new Error(`unknown data set ${unknown} for --with: fashion-mnist is the one there is`);
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return {
      check: values.check,
      quiet: values.quiet,
      download: values.download,
      libtorchVersion: values['libtorch-version'],
      sha256: values.sha256,
      fashionMnist: values.with.includes('fashion-mnist'),
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return undefined;
  }
}

/** One apt-get for all steps. A failure is not the end: the steps then say what is still missing and how to get it. @param {typeof steps} wanted @param {Context} context */
async function installSystemPackages(wanted, context) {
  if (!context.apt) return;
  const packages = [];
  for (const step of wanted) {
    const name = step.debianPackage?.(context);
    if (name !== undefined && !(await step.check(context)).ok) packages.push(name);
  }
  if (packages.length === 0) return;
  context.doing(`installing ${packages.join(', ')} with apt-get`);
  const failure = await aptInstall(packages);
  context.aptTried = true;
  if (failure !== undefined) console.error(failure);
}

/** @param {() => unknown} work @returns {Promise<Finding | undefined>} the finding where the work failed */
async function attempt(work) {
  try {
    await work();
    return undefined;
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** @param {string} name @param {Finding} finding @param {boolean} quiet */
function report(name, finding, quiet) {
  if (finding.ok && quiet) return;
  const line = `${finding.ok ? MARKS.done : MARKS.failed} ${name}: ${finding.detail}`;
  if (finding.ok) console.log(line);
  else console.error(finding.cure === undefined ? line : `${line}\n  ${finding.cure.replaceAll('\n', '\n  ')}`);
}
