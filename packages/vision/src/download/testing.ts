/** @file A web server on this machine that behaves as a test says: fails, stalls, truncates and lies. For tests only. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';

/** Answers the `count`-th request, counted from 1. */
export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export interface TestServer {
  readonly base: string;
  /** Requests as they came: the path, and the range asked for or `whole`. */
  readonly requests: string[];
  /** How the next requests are answered; clears {@link requests}. */
  answer(how: Answer): void;
}

/** A server that is closed when the test file is done. */
export async function testServer(): Promise<TestServer> {
  let current: Answer = (_, response) => response.writeHead(404).end();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range?.replace('bytes=', '') ?? 'whole'}`);
    current(request, response, requests.length);
  });
  const base = `http://127.0.0.1:${await listen(server)}`;
  return {
    base,
    requests,
    answer(how) {
      requests.length = 0;
      current = how;
    },
  };
}

/** Starts a server on this machine until the test file is done. @returns its port */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Answers with a file, or with its rest where a range is asked for. */
export function serveFile(
  content: Buffer,
  { headers: { range } }: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string> = {},
): void {
  const { length } = content;
  const start = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
  if (start >= length) response.writeHead(416, { ...headers, 'content-range': `bytes */${length}` }).end();
  else if (start > 0)
    response
      .writeHead(206, {
        ...headers,
        'content-length': length - start,
        'content-range': `bytes ${start}-${length - 1}/${length}`,
      })
      .end(content.subarray(start));
  else response.writeHead(200, { ...headers, 'content-length': length }).end(content);
}

/** Promises the whole file and breaks off after some bytes. */
export function breakOff(
  content: Buffer,
  bytes: number,
  response: ServerResponse,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { ...headers, 'content-length': content.length });
  response.write(content.subarray(0, bytes), () => setTimeout(() => response.destroy(), 150));
}
