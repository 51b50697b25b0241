/**
 * @file Generates the typed operator surface from the schemas of the loaded libtorch: `npm run generate`.
 *
 * Writes `src/core/generated/methods.ts` (methods of Tensor) and `functions.ts` (functions). Which overload a call means is
 * decided here, as a test on the kinds of its arguments, so that no call searches for one. What is left out stays
 * reachable as `ops.aten.<name>.<overload>`.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { camelCase } from '../src/core/dispatch.ts';
import { native, type OperatorSchema, type SchemaArgument } from '../src/native.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'core', 'generated');

/** Not generated: internals, backends, backward halves, and what `creation.ts` and `tensor.ts` define by hand. */
const LEFT_OUT = [
  /^_(?!foreach_)/,
  /_backward/,
  /_jvp$/,
  /_copy$/,
  /^(mkldnn|cudnn|miopen|fbgemm|quantized|quantize|q_|thnn|slow|nnpack|sparse|sym|special|linalg|fft|fused|sspaddmm|to_sparse|to_mkldnn|int_repr|ccol|crow|col_indices|row_indices|rnn|lstm|gru|nested|record|refine|unsafe_|convolution_overrideable|conv_tbc|conv_depthwise3d|upsample_nearest.*_vec|rename|align|batch_norm_(?!$)|native|choose_qparams|dense_dim|is_(?!nan|inf|finite|same|nonzero)|can_cast|promote|result_type|retains|retain_grad|requires|output_nr|data$|set$|set_$|set_data|item$|size$|stride$|numel$|dim$|storage|alias$|resize_as_sparse|rot90$|chalf|cfloat|cdouble)/,
  /^(zeros|ones|empty|full|rand|randn|randint|randperm|arange|linspace|logspace|eye|range|index|from_file|scalar_tensor|normal|bartlett|blackman|hamming|hann|kaiser|tril_indices|triu_indices|empty_strided|empty_permuted|to|detach|contiguous|type_as|unsafe|lift|lift_fresh|segment_reduce|hspmm|smm|saddmm|values|indices|coalesce|backward|names|pin_memory|is_pinned|complex32|dropout_|cudnn.*|.*_compressed.*|.*sparse.*|histogramdd|linear_crossentropy|sum_to_size|to_padded_tensor|gather_.*|get_.*)$/,
];

/** Overloads that would only make another one ambiguous; the one kept can express what they do. */
const DROPPED: Record<string, string[]> = {
  std: ['', 'dim'],
  var: ['', 'dim'],
  std_mean: ['', 'dim'],
  var_mean: ['', 'dim'],
  sum: ['SymInt', 'dim_SymInt'],
  split: ['sizes'],
  tensor_split: ['tensor_indices_or_sections'],
  repeat_interleave: ['Tensor'],
  where: ['ScalarSelf', 'ScalarOther', 'Scalar', ''],
  pow: ['Scalar'],
  float_power: ['Scalar'],
  bitwise_and: ['Scalar_Tensor'],
  bitwise_or: ['Scalar_Tensor'],
  bitwise_xor: ['Scalar_Tensor'],
  remainder: ['Scalar_Tensor'],
  copysign: [],
  upsample_bilinear2d: ['vec'],
};

const TYPES: Record<string, string> = {
  Tensor: 'Tensor',
  'Tensor[]': 'readonly Tensor[]',
  'Tensor?[]': 'readonly (Tensor | null)[]',
  int: 'number',
  'int[]': 'readonly number[]',
  float: 'number',
  'float[]': 'readonly number[]',
  Scalar: 'Scalar',
  'Scalar[]': 'readonly Scalar[]',
  bool: 'boolean',
  'bool[]': 'readonly boolean[]',
  str: 'string',
  'str[]': 'readonly string[]',
  dtype: 'DType',
  layout: 'Layout',
  device: 'Device',
  memory_format: 'MemoryFormat',
  Generator: 'Generator',
};

interface Overload {
  overload: string;
  schema: OperatorSchema;
  positional: SchemaArgument[];
  keyword: SchemaArgument[];
  required: number;
}

function usable(schema: OperatorSchema): boolean {
  const known = (type: string) => type in TYPES;
  return (
    schema.arguments.every((a) => known(a.type) || hasDefault(a)) &&
    schema.returns.every((r) => known(r.type)) &&
    // out= variants write to keyword arguments.
    !schema.arguments.some((a) => a.kwargOnly && a.written)
  );
}

function hasDefault(argument: SchemaArgument): boolean {
  return 'default' in argument;
}

function isMethod(overload: Overload): boolean {
  const [first] = overload.positional;
  return first?.name === 'self' && first.type === 'Tensor';
}

function collect(): Map<string, Overload[]> {
  const groups = new Map<string, Overload[]>();
  for (const [qualified, overload] of native.operatorNames()) {
    if (!qualified.startsWith('aten::')) continue;
    const name = qualified.slice(6);
    if (LEFT_OUT.some((pattern) => pattern.test(name)) || DROPPED[name]?.includes(overload)) continue;
    if (/names|dimname|deprecated|generator|SymInt|_out$|^out|Dimname/.test(overload)) continue;
    const schema = native.findOperator(qualified, overload);
    if (schema === undefined || !usable(schema)) continue;
    const args = schema.arguments.filter((a) => a.type in TYPES);
    const positional = args.filter((a) => !a.kwargOnly);
    const firstOptional = positional.findIndex(hasDefault);
    const group = groups.get(name) ?? [];
    group.push({
      overload,
      schema,
      positional,
      keyword: args.filter((a) => a.kwargOnly),
      required: firstOptional < 0 ? positional.length : firstOptional,
    });
    groups.set(name, group);
  }
  for (const group of groups.values()) group.sort(bySpecificity);
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** More required arguments first; among equals, a Tensor before anything else, since only it has a test of its own. */
function bySpecificity(a: Overload, b: Overload): number {
  const count = (o: Overload, type: string, all: boolean) =>
    o.positional.slice(0, all ? undefined : o.required).filter((p) => p.type === type).length;
  const keywords = (o: Overload) => o.keyword.filter((k) => !hasDefault(k)).length;
  return (
    b.required - a.required ||
    count(b, 'Tensor', false) - count(a, 'Tensor', false) ||
    keywords(b) - keywords(a) ||
    count(b, 'Tensor', true) - count(a, 'Tensor', true) ||
    count(b, 'str', true) - count(a, 'str', true) ||
    (a.overload < b.overload ? -1 : 1)
  );
}

function typeOf(argument: SchemaArgument): string {
  let type = TYPES[argument.type] ?? 'unknown';
  if (argument.type === 'int[]' && argument.size !== undefined) type = `number | ${type}`;
  return argument.optional ? `${type} | null` : type;
}

function literal(value: unknown): string {
  return value === null ? 'null' : JSON.stringify(value);
}

function optionsType(args: SchemaArgument[]): string {
  return `{ ${args.map((a) => `${camelCase(a.name)}?: ${typeOf(a)}`).join('; ')} }`;
}

function returnType({ schema }: Overload): string {
  const types = schema.returns.map((r) => TYPES[r.type]?.replace('readonly ', '') ?? 'unknown');
  if (types.length === 0) return 'void';
  return types.length === 1
    ? String(types[0])
    : `[${schema.returns.map((r, i) => (r.name ? `${camelCase(r.name).replace(/^$/, '_')}: ${types[i]}` : types[i])).join(', ')}]`;
}

/** Parameter lists of one overload: optional arguments by position, or by name in an options object at the end. */
function signatures(overload: Overload, skip: number): string[] {
  const positional = overload.positional.slice(skip);
  const required = Math.max(overload.required - skip, 0);
  const show = (a: SchemaArgument, optional: boolean) => `${parameterName(a.name)}${optional ? '?' : ''}: ${typeOf(a)}`;
  const needed = positional.slice(0, required).map((a) => show(a, false));
  const optional = positional.slice(required);
  const keywordNeeded = overload.keyword.filter((a) => !hasDefault(a) && !a.optional).length > 0;
  const lists: string[] = [];
  const named = [...optional, ...overload.keyword];
  if (optional.length > 0) {
    const tail = overload.keyword.length > 0 ? [`options?: ${optionsType(overload.keyword)}`] : [];
    lists.push([...needed, ...optional.map((a) => show(a, true)), ...tail].join(', '));
  }
  if (named.length > 0) lists.push([...needed, `options${keywordNeeded ? '' : '?'}: ${optionsType(named)}`].join(', '));
  if (lists.length === 0) lists.push(needed.join(', '));
  return lists;
}

const RESERVED = new Set([
  'var',
  'function',
  'default',
  'in',
  'new',
  'delete',
  'with',
  'import',
  'export',
  'return',
  'class',
  'arguments',
  'eval',
]);

function parameterName(name: string): string {
  const camel = camelCase(name);
  return RESERVED.has(camel) ? `${camel}_` : camel;
}

/** Does argument `index` decide that a call means `overload`? The test is on JavaScript types alone. */
function test(argument: SchemaArgument, value: string): string {
  switch (argument.type) {
    case 'Tensor':
      return argument.optional ? `maybeTensor(${value})` : `isTensor(${value})`;
    case 'Tensor[]':
    case 'Tensor?[]':
      return `isTensorArray(${value})`;
    case 'int[]':
    case 'float[]':
    case 'bool[]':
    case 'Scalar[]':
      return argument.size !== undefined || argument.optional ? `isNumbers(${value})` : `Array.isArray(${value})`;
    case 'str':
      return `typeof ${value} === 'string'`;
    case 'dtype':
      return `typeof ${value} === 'string'`;
    case 'bool':
      return `typeof ${value} === 'boolean'`;
    default:
      return `isScalar(${value})`;
  }
}

/** An expression that picks among overloads; the last one needs no test. */
function selection(group: Overload[], skip: number, name: string): string {
  if (group.length === 1) return constant(name, group[0]?.overload ?? '');
  const parts = group.map((overload, i) => {
    const chosen = constant(name, overload.overload);
    if (i === group.length - 1) return chosen;
    const tests = overload.positional.slice(skip, overload.required).map((a, k) => test(a, `args[${k}]`));
    const keywords = overload.keyword
      .filter((a) => !hasDefault(a))
      .map((a) => `hasOption(args, '${camelCase(a.name)}')`);
    const all = [...tests, ...keywords, ...tieBreak(overload, group[i + 1], skip)];
    return `${all.length === 0 ? 'args.length === 0' : all.join(' && ')} ? ${chosen} : `;
  });
  return parts.join('');
}

/**
 * Two overloads may need the same arguments and differ in an optional one: `clamp(min)` with a tensor or a number, `conv2d`
 * with its padding in words. Then the kinds of all given values decide.
 */
function tieBreak(overload: Overload, next: Overload | undefined, skip: number): string[] {
  if (next === undefined || overload.required !== next.required) return [];
  const test_ = (o: Overload) =>
    o.positional
      .slice(skip, o.required)
      .map((a) => test(a, ''))
      .join();
  if (test_(overload) !== test_(next) || overload.keyword.some((a) => !hasDefault(a))) return [];
  const kinds = (o: Overload) => [...o.positional.slice(o.required), ...o.keyword].map((a) => a.type);
  const extra = kinds(overload).find((type) => !kinds(next).includes(type));
  if (extra === 'Tensor') return ['given(args, isTensor)'];
  if (extra === 'str') return ['given(args, isString)'];
  throw new Error(`${overload.schema.name} and ${next.schema.name} cannot be told apart: drop one in DROPPED`);
}

function constant(name: string, overload: string): string {
  return `${camelCase(name)}$${overload}`;
}

function doc(group: Overload[]): string {
  const lines = group.map(({ schema, overload }) => {
    const show = (a: SchemaArgument) =>
      `${a.type}${a.size ? `[${a.size}]`.replace('[]', '') : ''}${a.optional ? '?' : ''} ${a.name}${hasDefault(a) ? `=${literal(a.default)}` : ''}`;
    return `\`${schema.name.replace(/\..*$/, '')}${overload ? `.${overload}` : ''}(${schema.arguments.map(show).join(', ')})\``;
  });
  return lines.length === 1 ? `/** ${lines[0]} */` : `/**\n${lines.map((l) => ` * ${l}`).join('\n *\n')}\n */`;
}

const HEADER = `// Generated by scripts/generate-ops.ts from the schemas of libtorch ${native.buildInfo().torchVersion}. Do not edit; run \`npm run generate\`.\n/* eslint-disable */\n`;

/** Merges overloads of equal parameters, so that TypeScript sees each signature once. */
function unique(list: string[]): string[] {
  return [...new Set(list)];
}

function constantsOf(used: Map<string, Overload[]>): string {
  const lines: string[] = [];
  for (const [name, group] of used) {
    for (const { overload } of group) {
      lines.push(
        `export const ${constant(name, overload)} = new Operator('aten::${name}'${overload ? `, '${overload}'` : ''});`,
      );
    }
  }
  return lines.join('\n');
}

function main(): void {
  const groups = collect();
  const methods: string[] = [];
  const functions: string[] = [];
  const exported: string[] = [];
  for (const [name, group] of groups) {
    const js = camelCase(name);
    const asMethods = group.filter(isMethod);
    if (asMethods.length > 0) {
      const sigs = unique(asMethods.flatMap((o) => signatures(o, 1).map((s) => `  ${js}(${s}): ${returnType(o)};`)));
      methods.push(
        `${doc(asMethods).replace(/^/gm, '  ')}\n${sigs.join('\n')}\n  ${js}(...args: unknown[]): unknown {\n    return invokeMethod(${selection(asMethods, 1, name)}, this, args);\n  }`,
      );
    }
    if (name.endsWith('_') && !name.startsWith('_foreach')) continue;
    const identifier = RESERVED.has(js) ? `${js}_` : js;
    const sigs = unique(
      group.flatMap((o) => signatures(o, 0).map((s) => `export function ${identifier}(${s}): ${returnType(o)};`)),
    );
    const chosen = selection(group, 0, name);
    functions.push(
      `${doc(group)}\n${sigs.join('\n')}\nexport function ${identifier}(...args: unknown[]): unknown {\n  return invoke(${chosen}, args);\n}`,
    );
    if (identifier !== js) exported.push(`export { ${identifier} as ${js} };`);
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'operators.ts'),
    `${HEADER}/** @file The operators behind the generated methods and functions; each is looked up when first called. */\n\nimport { Operator } from '../dispatch.ts';\n\n${constantsOf(groups)}\n`,
  );
  const imports = (body: string) => {
    const names = unique([...body.matchAll(/\b(\w+\$\w*)/g)].map((m) => String(m[1]))).sort();
    return `import {\n  ${names.join(',\n  ')},\n} from './operators.ts';`;
  };
  const helpers = (body: string) =>
    ['given', 'hasOption', 'isNumbers', 'isScalar', 'isString', 'isTensor', 'isTensorArray', 'maybeTensor'].filter(
      (h) => new RegExp(`\\b${h}\\b`).test(body),
    );
  const types = (body: string) =>
    ['Device', 'Layout', 'MemoryFormat', 'Scalar'].filter((t) => new RegExp(`\\b${t}\\b`).test(body));
  const methodBody = methods.join('\n\n');
  writeFileSync(
    join(folder, 'methods.ts'),
    `${HEADER}/** @file Every operator whose first argument is \`self\`, as a method. */\n\nimport type { DType } from '../../dtype.ts';\nimport { invokeMethod } from '../dispatch.ts';\nimport type { Generator } from '../generator.ts';\nimport { ${helpers(methodBody).join(', ')} } from '../select.ts';\nimport type { Tensor } from '../tensor.ts';\nimport type { ${types(methodBody).join(', ')} } from '../types.ts';\n${imports(methodBody)}\n\nexport abstract class TensorMethods {\n${methodBody}\n}\n`,
  );
  const functionBody = functions.join('\n\n');
  writeFileSync(
    join(folder, 'functions.ts'),
    `${HEADER}/** @file Every operator as a function. */\n\nimport type { DType } from '../../dtype.ts';\nimport { invoke } from '../dispatch.ts';\nimport type { Generator } from '../generator.ts';\nimport { ${helpers(functionBody).join(', ')} } from '../select.ts';\nimport type { Tensor } from '../tensor.ts';\nimport type { ${types(functionBody).join(', ')} } from '../types.ts';\n${imports(functionBody)}\n\n${functionBody}\n${exported.join('\n')}\n`,
  );
  console.log(`${groups.size} operators, ${methods.length} methods, ${functions.length} functions`);
}

main();
