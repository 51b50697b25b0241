/** @file One GET request: follows redirects, goes through the proxies of the environment, and hands out the body unread. */

import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import { bareHost, type Environment, openTunnel, portOf, proxyFor, proxyHeaders } from './proxy.ts';

export interface GetOptions {
  headers?: Readonly<Record<string, string>>;
  /** Ends the request, at any time until the body has been read. */
  signal?: AbortSignal;
  /** Where proxies are looked up. Default `process.env`. */
  env?: Environment;
  /** Certificates to trust instead of Node's own. */
  ca?: string;
}

const MOST_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The answer to a GET request, whatever its status, redirects apart. The body comes as it is on the wire: no content encoding is asked
 * for, and one that comes all the same is part of the file.
 *
 * @throws {Error} what the network says; a ProxyError; an Error for addresses that are not http(s)
 */
export async function httpGet(address: string, options: GetOptions = {}): Promise<IncomingMessage> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new Error(`expected an http(s) address but received one of ${url.protocol}`);
    const response = await send(url, options);
    const { location } = response.headers;
    if (!REDIRECTS.has(response.statusCode ?? 0) || location === undefined) return response;
    response.destroy();
    if (!URL.canParse(location, url.href)) throw new Error(`redirected to what is no address: ${location}`);
    url = new URL(location, url);
  }
  throw new Error(`redirected more than ${MOST_REDIRECTS} times`);
}

async function send(url: URL, options: GetOptions): Promise<IncomingMessage> {
  const { signal, ca, env = process.env } = options;
  const headers = { 'accept-encoding': 'identity', 'user-agent': 'edgeai', ...options.headers };
  const proxy = proxyFor(url, env);
  if (proxy === null) {
    const request = url.protocol === 'https:' ? https.request : http.request;
    return answer(request(url, { headers, signal, ca, agent: false }));
  }
  if (url.protocol === 'http:') {
    const request = proxy.protocol === 'https:' ? https.request : http.request;
    const [host, port] = [bareHost(proxy), portOf(proxy)];
    const path = `${url.origin}${url.pathname}${url.search}`;
    const whole = { ...headers, ...proxyHeaders(proxy), host: url.host };
    return answer(request({ host, port, path, headers: whole, signal, agent: false }));
  }
  const tunnel = await openTunnel(url, proxy, signal);
  const host = bareHost(url);
  const createConnection = () => tls.connect({ socket: tunnel, host, servername: isIP(host) === 0 ? host : '', ca });
  return answer(https.request(url, { headers, signal, createConnection }));
}

function answer(request: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    // Stays on: after the response, errors reach the body's reader, and must not end the process here.
    request.on('error', reject);
    request.end();
  });
}
