/** @file The error of capturing: forward did something that a graph cannot say, or would say wrongly. */

import { EdgeAIError } from '../errors.ts';

/** A capture was refused. `modulePath` names the module whose forward was running. */
export class CaptureError extends EdgeAIError {
  readonly modulePath: string;

  constructor(message: string, modulePath: string) {
    super('CAPTURE', `${modulePath === '' ? 'In the network itself' : `In module '${modulePath}'`}: ${message}`);
    this.modulePath = modulePath;
  }
}

/** A graph does not hold together: an edit left it inconsistent. */
export class GraphError extends EdgeAIError {
  constructor(message: string) {
    super('GRAPH', message);
  }
}
