/** @file Names the folder where downloads of this project are kept between checkouts. */

import { homedir } from 'node:os';
import { join } from 'node:path';

/** `$EDGEAI_CACHE`, else `$XDG_CACHE_HOME/edgeai`, else `~/.cache/edgeai`. @param {Readonly<Record<string, string | undefined>>} [env] */
export function cacheFolder(env = process.env) {
  if (env.EDGEAI_CACHE) return env.EDGEAI_CACHE;
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'edgeai');
}
