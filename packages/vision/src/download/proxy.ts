/** @file Which proxy the environment names for an address, and the tunnel through it: Node's own clients look at neither. */

import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy that was asked for cannot be used, or does not let us through. */
export class ProxyError extends Error {}

/**
 * The proxy for an address: `HTTPS_PROXY` or `HTTP_PROXY`, else `ALL_PROXY`, in small letters too, unless `NO_PROXY` names
 * the host. An address without `http://` in front counts as one.
 *
 * @throws {ProxyError} for a proxy of another kind
 */
export function proxyFor(url: URL, env: Environment): URL | null {
  const read = (name: string) => env[name] || env[name.toUpperCase()] || undefined;
  const given = read(url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? read('all_proxy');
  if (given === undefined || isExcepted(url, read('no_proxy') ?? '')) return null;
  const text = given.includes('://') ? given : `http://${given}`;
  const proxy = URL.canParse(text) ? new URL(text) : null;
  if (proxy === null || (proxy.protocol !== 'http:' && proxy.protocol !== 'https:'))
    throw new ProxyError(`the proxy of the environment must be an http(s) address but is ${shown(proxy) ?? given}`);
  return proxy;
}

/** Whether a `NO_PROXY` list names the host: `*`, a host or a domain (with or without a dot in front), perhaps with a port. */
function isExcepted(url: URL, list: string): boolean {
  const host = bareHost(url);
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((item) => {
      const [, name = '', port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(item) ?? [];
      if (item === '*') return true;
      if (name === '' || (port !== undefined && Number(port) !== portOf(url))) return false;
      return host === name || host.endsWith(`.${name}`);
    });
}

/** The host of an address, without the brackets around those of IPv6. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

export function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}

/** What the proxy wants to see in each request. */
export function proxyHeaders({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** A connection to `target` through the proxy. @throws {ProxyError} when the proxy refuses */
export function openTunnel(target: URL, proxy: URL, signal: AbortSignal | undefined): Promise<Duplex> {
  const authority = `${target.hostname}:${portOf(target)}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? https : http).request({
      host: bareHost(proxy),
      port: portOf(proxy),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...proxyHeaders(proxy) },
      agent: false,
      signal,
    });
    request.once('connect', ({ statusCode, statusMessage }, socket) => {
      if (statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new ProxyError(`the proxy ${shown(proxy)} answered ${statusCode} ${statusMessage}`));
    });
    // A server that is no proxy answers CONNECT like any other request.
    request.once('response', ({ statusCode }) => {
      request.destroy();
      reject(new ProxyError(`the proxy ${shown(proxy)} answered ${statusCode}`));
    });
    request.once('error', reject);
    request.end();
  });
}

/** A proxy's address without the password. */
export function shown(proxy: URL | null): string | undefined {
  return proxy === null ? undefined : `${proxy.protocol}//${proxy.host}`;
}
