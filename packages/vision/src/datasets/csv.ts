/** @file Reads comma-separated values (RFC 4180: quotes, doubled quotes, line breaks inside them) with line numbers. */

export interface CsvRow {
  /** Number of the line that the row begins on, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** The rows that are not blank. Spaces around fields are dropped, unless quoted. @throws {Error} for a quote that is not closed */
export function parseCsv(text: string, delimiter = ','): CsvRow[] {
  const rows: CsvRow[] = [];
  let fields: string[] = [];
  let position = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let line = 1;
  let rowLine = 1;
  while (position < text.length) {
    const field = readField(text, position, delimiter);
    if (field === undefined) throw new Error(`line ${line}: a quote is not closed`);
    fields.push(field.value);
    line += field.breaks;
    position = field.end;
    if (text[position] === delimiter) {
      position++;
      if (position < text.length) continue;
      fields.push('');
    }
    if (fields.length > 1 || fields[0] !== '') rows.push({ line: rowLine, fields });
    fields = [];
    if (text[position] === '\r' && text[position + 1] === '\n') position++;
    position++;
    rowLine = ++line;
  }
  return rows;
}

/** The field at `start`, up to the delimiter or line break at `end`. */
function readField(
  text: string,
  start: number,
  delimiter: string,
): { value: string; end: number; breaks: number } | undefined {
  let begin = start;
  while (text[begin] === ' ' || (text[begin] === '\t' && delimiter !== '\t')) begin++;
  if (text[begin] !== '"') {
    let end = begin;
    while (end < text.length && text[end] !== delimiter && text[end] !== '\n' && text[end] !== '\r') end++;
    return { value: text.slice(begin, end).trim(), end, breaks: 0 };
  }
  let value = '';
  let breaks = 0;
  for (let i = begin + 1; i < text.length; i++) {
    if (text[i] === '\n') breaks++;
    if (text[i] !== '"') value += text[i];
    else if (text[i + 1] === '"') value += text[i++];
    else {
      let end = i + 1;
      while (end < text.length && text[end] !== delimiter && text[end] !== '\n' && text[end] !== '\r') end++;
      return { value, end, breaks };
    }
  }
  return undefined;
}
