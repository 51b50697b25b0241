/** @file A small reader of XML as annotation tools write it: elements, text, attributes, entities; no namespaces, no document types. */

import { FileFormatError } from '@edgeai/torch';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** The text directly inside, trimmed. */
  readonly text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The root element of a document. @param path what to call the file in errors @throws {FileFormatError} with the line */
export function parseXml(text: string, path?: string): XmlElement {
  const fail = (at: number, reason: string): FileFormatError =>
    new FileFormatError(`line ${text.slice(0, at).split('\n').length}: ${reason}`, path);
  interface Open {
    name: string;
    attributes: Record<string, string>;
    children: XmlElement[];
    text: string;
  }
  const stack: Open[] = [];
  let root: XmlElement | undefined;
  const token =
    /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<!DOCTYPE[^>[]*>|<(\/?)([^\s/>]+)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|[^<]+/gy;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) throw fail(at, 'this is not XML');
    const [whole, cdata, closing, name, attributes = '', alone] = match;
    const top = stack.at(-1);
    if (cdata !== undefined) {
      if (top !== undefined) top.text += cdata;
    } else if (name === undefined) {
      if (whole.startsWith('<')) continue;
      if (top !== undefined) top.text += decode(whole);
      else if (whole.replace('\ufeff', '').trim() !== '') throw fail(at, 'there is text outside of the root element');
    } else if (closing === '/') {
      if (top === undefined || top.name !== name)
        throw fail(at, `</${name}> closes nothing${top === undefined ? '' : `; <${top.name}> is open`}`);
      stack.pop();
      const element: XmlElement = { ...top, text: top.text.trim() };
      const parent = stack.at(-1);
      if (parent === undefined) root = element;
      else parent.children.push(element);
    } else {
      if (root !== undefined && top === undefined) throw fail(at, 'there is a second root element');
      const element: Open = { name, attributes: parseAttributes(attributes), children: [], text: '' };
      if (alone !== '/') stack.push(element);
      else if (top === undefined) root = element;
      else top.children.push(element);
    }
  }
  const open = stack.at(-1);
  if (open !== undefined) throw fail(text.length, `the file ends within <${open.name}>`);
  if (root === undefined) throw fail(text.length, 'there is no element');
  return root;
}

function parseAttributes(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', double, single] of text.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g))
    found[name] = decode(double ?? single ?? '');
  return found;
}

function decode(text: string): string {
  return text.replace(/&(#x?[\da-f]+|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** The first child of that name. */
export function xmlChild(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}
