/** @file For tests: starts a worker thread from a TypeScript file, which Node 20 cannot do by itself. */

import { Worker, type WorkerOptions } from 'node:worker_threads';

/** A worker that runs the module at `url`, by way of tsx where that is a TypeScript file. */
export function startWorker(url: URL, options: WorkerOptions = {}): Worker {
  const tsx = url.pathname.endsWith('.ts') ? import.meta.resolve('tsx/esm/api') : undefined;
  const start = `
    const [tsx, url] = ${JSON.stringify([tsx, url.href])};
    (async () => {
      if (tsx) (await import(tsx)).register();
      await import(url);
    })();
  `;
  return new Worker(start, { ...options, eval: true });
}
