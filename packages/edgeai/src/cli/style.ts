/** @file Colours for the terminal: only where the stream is one, and never against NO_COLOR. */

import util from 'node:util';

/** What our output distinguishes; commands say what a text is, and this file says how that looks. */
export type Style = 'strong' | 'dim' | 'good' | 'warning' | 'error' | 'accent';

/** Wraps a text in the codes of a style, or returns it as it is. */
export type Styler = (style: Style, text: string) => string;

type Format = Parameters<typeof util.styleText>[0];

const FORMATS: Readonly<Record<Style, Format>> = {
  strong: 'bold',
  dim: 'dim',
  good: 'green',
  warning: 'yellow',
  error: ['bold', 'red'],
  accent: 'cyan',
};

/** Leaves every text as it is. */
export const plain: Styler = (_style, text) => text;

/** The parts of an output stream that decide about colour. */
export interface MaybeTerminal {
  readonly isTTY?: boolean;
}

/** True where the stream is a terminal that understands codes and the user has not asked for none. */
export function hasColours(stream: MaybeTerminal, env: NodeJS.ProcessEnv = process.env): boolean {
  const refused = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  return stream.isTTY === true && !refused && env.TERM !== 'dumb';
}

/** The styler for a stream. Node before 20.12 has no `styleText`; there the text stays plain. */
export function stylerFor(stream: MaybeTerminal, env: NodeJS.ProcessEnv = process.env): Styler {
  if (!hasColours(stream, env) || !('styleText' in util)) return plain;
  // Newer versions of Node would look at stdout themselves; the decision has been made above, for the right stream.
  const style: (format: Format, text: string, options: { validateStream: boolean }) => string = util.styleText;
  return (name, text) => style(FORMATS[name], text, { validateStream: false });
}
