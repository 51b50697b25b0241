/** @file The error of capturing: forward did something that a graph cannot say, or would say wrongly. */

import { fileURLToPath } from 'node:url';
import { EdgeAIError } from '../errors.ts';

/** A capture was refused. `modulePath` names the module whose forward was running. */
export class CaptureError extends EdgeAIError {
  readonly modulePath: string;
  /** `file:line:column` of the code that did it, where it is not this package's. */
  readonly location: string | null;

  constructor(message: string, modulePath: string) {
    const location = callerLocation(new Error().stack ?? '');
    const place = modulePath === '' ? 'In the network itself' : `In module '${modulePath}'`;
    super('CAPTURE', `${place}${location === null ? '' : ` (${location})`}: ${message}`);
    this.modulePath = modulePath;
    this.location = location;
  }
}

const ENGINE = fileURLToPath(new URL('../', import.meta.url));

/** The first frame of a stack that lies outside of this package; its own tests count as outside. */
function callerLocation(stack: string): string | null {
  for (const line of stack.split('\n').slice(1)) {
    const [, place] = /\(?((?:file:\/\/)?\/[^()]*:\d+:\d+)\)?$/.exec(line) ?? [];
    if (place === undefined) continue;
    const path = place.replace(/^file:\/\//, '');
    if (!path.startsWith(ENGINE) || /\.test\.[jt]s:/.test(path)) return path;
  }
  return null;
}

/** A graph does not hold together: an edit left it inconsistent. */
export class GraphError extends EdgeAIError {
  constructor(message: string) {
    super('GRAPH', message);
  }
}
