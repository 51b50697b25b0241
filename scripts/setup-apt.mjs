/** @file Installs Debian and Ubuntu packages for the set-up: one apt-get, as root or through sudo, with a fresh package list. */

import { existsSync, statSync } from 'node:fs';
import { runCommand, works } from './setup-command.mjs';

// Older lists name package versions that the mirrors may have dropped.
const LISTS_STALE_MS = 7 * 24 * 3600_000;
const LISTS = '/var/lib/apt/lists';

export function hasApt() {
  return process.platform === 'linux' && existsSync('/usr/bin/apt-get');
}

/** Whether dpkg has a package installed. @param {string} name */
export function isInstalled(name) {
  return works('dpkg', ['-s', name]);
}

/**
 * Installs packages.
 * @param {readonly string[]} packages
 * @returns {Promise<string | undefined>} what went wrong, with the command to run by hand
 */
export async function aptInstall(packages) {
  const byHand = `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const prefix = privilege();
  if (prefix === undefined)
    return `installing needs root and there is no sudo here; as root, run:\n  ${byHand.replaceAll('sudo ', '')}`;

  const update = () => runCommand([...prefix, 'apt-get', '-o', 'DPkg::Lock::Timeout=120', 'update']);
  const install = () =>
    runCommand([
      ...prefix,
      ...['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'DPkg::Lock::Timeout=120'],
      ...['install', '-y', '--no-install-recommends', ...packages],
    ]);
  const fresh = listsAreFresh();
  if (!fresh) await update();
  let result = await install();
  if (result.code !== 0 && fresh) {
    await update();
    result = await install();
  }
  if (result.code === 0) return undefined;
  return `apt-get failed:\n${lastLines(result.output)}\nby hand:\n  ${byHand}`;
}

/** The words before a command that needs root; undefined where there is no way to become it. @returns {string[] | undefined} */
function privilege() {
  if (process.getuid?.() === 0) return [];
  if (!works('sudo', ['--version'])) return undefined;
  // Without a terminal nobody can type a password: sudo should fail rather than wait.
  return process.stdin.isTTY ? ['sudo'] : ['sudo', '-n'];
}

/** The lists themselves carry the server's dates; the folder that apt downloads into carries ours. */
function listsAreFresh() {
  const touched = statSync(`${LISTS}/partial`, { throwIfNoEntry: false }) ?? statSync(LISTS, { throwIfNoEntry: false });
  const some = works('sh', ['-c', `ls ${LISTS} | grep -q Packages`]);
  return some && touched !== undefined && Date.now() - touched.mtimeMs < LISTS_STALE_MS;
}

/** @param {string} output */
function lastLines(output) {
  return output.trimEnd().split('\n').slice(-8).join('\n');
}
