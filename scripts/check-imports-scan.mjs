/** @file Finds the imports of a TypeScript file by its tokens, so that text in comments, strings and regular expressions does not count. */

/**
 * @typedef {{specifier: string, line: number, kind: 'value' | 'type' | 'dynamic'}} Import `type` imports vanish when
 * compiled; `dynamic` ones (and `import('…')` types) do not run while the file is loaded
 * @typedef {{type: 'word' | 'string' | 'punctuation' | 'other', text: string, line: number}} Token
 */

/** Words after which a slash begins a regular expression and not a division. */
const BEFORE_REGEX = new Set(
  'return typeof case in of delete void throw new else do yield await instanceof'.split(' '),
);

/** @param {string} source @returns {Import[]} */
export function scanImports(source) {
  const tokens = tokenise(source);
  /** @type {Import[]} */
  const found = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (token?.type !== 'word' || /^[.#]$/.test(tokens[at - 1]?.text ?? '')) continue;
    if (token.text === 'import' && tokens[at + 1]?.text === '(') {
      add(tokens[at + 2], 'dynamic');
    } else if (token.text === 'require' && tokens[at + 1]?.text === '(') {
      add(tokens[at + 2], 'value');
    } else if (token.text === 'import' || token.text === 'export') {
      // `import 'x'` has the string next; otherwise it comes after `from`, and nothing but names, braces, commas and
      // stars may stand between.
      if (token.text === 'import' && tokens[at + 1]?.type === 'string') add(tokens[at + 1], 'value');
      const from = clauseEnd(tokens, at + 1);
      if (from !== undefined) add(tokens[from + 1], isTypeOnly(tokens, at) ? 'type' : 'value');
    }
  }
  return found;

  /** @param {Token | undefined} token @param {Import['kind']} kind */
  function add(token, kind) {
    if (token?.type === 'string') found.push({ specifier: token.text, line: token.line, kind });
  }
}

/** Index of `from` where the tokens from `start` on are an import or export clause. @param {Token[]} tokens @param {number} start */
function clauseEnd(tokens, start) {
  for (let at = start; at < tokens.length; at++) {
    const token = tokens[at];
    if (token?.text === 'from' && tokens[at + 1]?.type === 'string') return at;
    if (token === undefined || !(token.type === 'word' || /^[{},*]$/.test(token.text))) return undefined;
  }
  return undefined;
}

/** `import type X from` and `import type { X } from`, but not `import type from`. @param {Token[]} tokens @param {number} at */
function isTypeOnly(tokens, at) {
  return tokens[at + 1]?.text === 'type' && tokens[at + 2]?.text !== 'from' && tokens[at + 2]?.text !== ',';
}

/** @param {string} source @returns {Token[]} */
function tokenise(source) {
  /** @type {Token[]} */
  const tokens = [];
  // One entry for each `${` that is open: how many braces are open inside it.
  /** @type {number[]} */
  const templates = [];
  let at = 0;
  let line = 1;

  while (at < source.length) {
    const char = source[at] ?? '';
    const pair = source.slice(at, at + 2);
    if (/\s/.test(char)) take(1);
    else if (pair === '//') take(lengthTo('\n', 0));
    else if (pair === '/*') take(lengthTo('*/', 2));
    else if (char === "'" || char === '"') string(char);
    else if (char === '`') template();
    else if (char === '/' && regexMayStart()) take(regexLength(), 'other');
    else if (/[\w$\u0080-\uffff]/.test(char))
      take(/^[\w$\u0080-\uffff]+/.exec(source.slice(at))?.[0].length ?? 1, 'word');
    else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      template();
    } else {
      const open = templates.length - 1;
      if (open >= 0 && (char === '{' || char === '}'))
        templates[open] = (templates[open] ?? 0) + (char === '{' ? 1 : -1);
      take(1, 'punctuation');
    }
  }
  return tokens;

  /** @param {number} length @param {Token['type']} [type] */
  function take(length, type) {
    const text = source.slice(at, at + length);
    if (type !== undefined) tokens.push({ type, text, line });
    line += text.split('\n').length - 1;
    at += length;
  }

  /** @param {string} end @param {number} more */
  function lengthTo(end, more) {
    const found = source.indexOf(end, at + 2);
    return found < 0 ? source.length - at : found - at + more;
  }

  /** @param {string} quote */
  function string(quote) {
    let end = at + 1;
    while (end < source.length && source[end] !== quote && source[end] !== '\n') end += source[end] === '\\' ? 2 : 1;
    tokens.push({ type: 'string', text: source.slice(at + 1, end), line });
    take(end + 1 - at);
  }

  /** From a backtick, or the brace that ends a `${…}`, to the closing backtick or the next `${`. */
  function template() {
    let end = at + 1;
    while (end < source.length && source[end] !== '`' && source.slice(end, end + 2) !== '${') {
      end += source[end] === '\\' ? 2 : 1;
    }
    const opens = source[end] === '$';
    if (opens) templates.push(0);
    take(end + (opens ? 2 : 1) - at, 'other');
  }

  function regexMayStart() {
    const last = tokens.at(-1);
    if (last === undefined) return true;
    if (last.type === 'word') return BEFORE_REGEX.has(last.text);
    return last.type === 'punctuation' && !/^[)\]}]$/.test(last.text);
  }

  function regexLength() {
    let inClass = false;
    let end = at + 1;
    for (; end < source.length && source[end] !== '\n'; end++) {
      if (source[end] === '\\') end += 1;
      else if (source[end] === '[') inClass = true;
      else if (source[end] === ']') inClass = false;
      else if (source[end] === '/' && !inClass) break;
    }
    return end + 1 - at;
  }
}
