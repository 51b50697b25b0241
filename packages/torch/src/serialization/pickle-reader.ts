/** @file A safe unpickler: it interprets the data instructions of Python pickles and calls nothing off its allow-list. */

import { EdgeAIError, FileFormatError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { finishTree } from './pickle-finish.ts';
import { corrupt, PickleStack } from './pickle-stack.ts';
import {
  decodeLong,
  decodePython2String,
  decodeQuoted,
  decodeRawUnicode,
  decodeUtf8,
  parseFloatText,
  parseInteger,
} from './pickle-text.ts';
import { FrozenSet, hashable, isStateful, PyDict, PyGlobal, setState, Tuple } from './pickle-values.ts';

/** What a pickle's call of an allowed global does. Dicts among `args` are `PyDict`s. */
export type PickleFunction = (args: readonly unknown[]) => unknown;

/** An allowed global that stands for a value, such as `torch.float32`, and cannot be called. */
export class PickleConstant {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** The allow-list: Python's full names (Python 3's, such as `builtins.set`) and what stands for them here. */
export type PickleGlobals = Readonly<Record<string, PickleFunction | PickleConstant>>;

export interface UnpickleOptions {
  /** Nothing is allowed when left out. */
  globals?: PickleGlobals;
  /** Resolves persistent ids; they are an error when left out. */
  persistentLoad?: (id: unknown) => unknown;
  /** The file's name, for messages. */
  source?: string;
}

/** A pickle asks for code that is not on the allow-list. Nothing has been executed. */
export class UnsafePickleError extends EdgeAIError {
  /** The refused name, such as `posix.system`. */
  readonly global: string;
  readonly path: string | undefined;

  constructor(global: string, path?: string) {
    const where = path === undefined ? '' : `${path}: `;
    super(
      'UNSAFE_PICKLE',
      `${where}refused to load '${global}': it is not among the names that tensors and plain values need, and a pickle can run any code through such names. If the file is from someone you trust, save its state_dict, or safetensors, from Python and load that`,
    );
    this.global = global;
    this.path = path;
  }
}

/**
 * Reads one pickle, protocols 0 to 5. dict and OrderedDict become plain objects where every key is a string, `Map`s
 * otherwise; list an array; tuple a {@link Tuple}; set a `Set`; bytes a `Uint8Array`; int a number, or a bigint
 * beyond 2^53; None null.
 *
 * @throws UnsafePickleError when it names a global that is not allowed.
 * @throws FileFormatError when it is truncated, corrupt, or nests or repeats beyond all measure.
 */
export function unpickle(input: Uint8Array | ByteReader, options: UnpickleOptions = {}): unknown {
  const reader = input instanceof ByteReader ? input : new ByteReader(input, options.source);
  const source = options.source ?? reader.source;
  try {
    return finishTree(new Unpickler(reader, options).run());
  } catch (error) {
    if (error instanceof FileFormatError && error.path === undefined && source !== undefined) {
      throw new FileFormatError(error.message, source, { cause: error });
    }
    if (error instanceof UnsafePickleError && error.path === undefined && source !== undefined) {
      throw new UnsafePickleError(error.global, source);
    }
    throw error;
  }
}

/** Work that a pickle may cause whatever its length; further work must be paid for in bytes. */
const FREE_WORK = 1_000_000;
const WORK_PER_BYTE = 32;
const PYTHON_2_MODULES: Readonly<Record<string, string>> = { __builtin__: 'builtins', copy_reg: 'copyreg' };

/** A callable on the stack: only {@link Unpickler} makes them, so data cannot pass for code. */
class Callable extends PyGlobal {
  readonly call: PickleFunction;

  constructor(name: string, call: PickleFunction) {
    super(name);
    this.call = call;
  }
}

class Unpickler {
  readonly #reader: ByteReader;
  readonly #globals: PickleGlobals;
  readonly #persistentLoad: ((id: unknown) => unknown) | undefined;
  readonly #stack = new PickleStack();
  readonly #memo = new Map<number, unknown>();
  readonly #start: number;
  #work = 0;

  constructor(reader: ByteReader, options: UnpickleOptions) {
    this.#reader = reader;
    this.#start = reader.position;
    this.#globals = options.globals ?? {};
    this.#persistentLoad = options.persistentLoad;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#reader.u8();
      if (opcode === 0x2e /* STOP */) return this.#stack.pop();
      if (!this.#scalar(opcode) && !this.#container(opcode) && !this.#control(opcode)) {
        throw new FileFormatError(
          `not a pickle that can be read: unknown instruction 0x${opcode.toString(16)} at offset ${this.#reader.position - 1}`,
        );
      }
    }
  }

  /** Numbers, strings and bytes. */
  #scalar(opcode: number): boolean {
    const reader = this.#reader;
    switch (opcode) {
      case 0x4e /* N NONE */:
        return this.#push(null);
      case 0x88 /* NEWTRUE */:
        return this.#push(true);
      case 0x89 /* NEWFALSE */:
        return this.#push(false);
      case 0x4a /* J BININT */:
        return this.#push(reader.i32());
      case 0x4b /* K BININT1 */:
        return this.#push(reader.u8());
      case 0x4d /* M BININT2 */:
        return this.#push(reader.u16());
      case 0x49 /* I INT */:
        {
          const text = this.#textLine();
          return this.#push(text === '00' ? false : text === '01' ? true : parseInteger(text));
        }
      case 0x4c /* L LONG */:
        return this.#push(parseInteger(this.#textLine()));
      case 0x8a /* LONG1 */:
        return this.#push(decodeLong(reader.bytes(reader.u8())));
      case 0x8b /* LONG4 */:
        return this.#push(decodeLong(this.#run(reader.u32())));
      case 0x46 /* F FLOAT */:
        return this.#push(parseFloatText(this.#textLine()));
      case 0x47 /* G BINFLOAT */:
        return this.#push(reader.f64be());
      case 0x58 /* X BINUNICODE */:
        return this.#push(decodeUtf8(this.#run(reader.u32())));
      case 0x8c /* SHORT_BINUNICODE */:
        return this.#push(decodeUtf8(this.#run(reader.u8())));
      case 0x8d /* BINUNICODE8 */:
        return this.#push(decodeUtf8(this.#run(reader.u64())));
      case 0x56 /* V UNICODE */:
        return this.#push(decodeRawUnicode(reader.line()));
      case 0x53 /* S STRING */:
        return this.#push(decodePython2String(decodeQuoted(reader.line())));
      case 0x54 /* T BINSTRING */:
        return this.#push(decodePython2String(this.#run(reader.u32())));
      case 0x55 /* U SHORT_BINSTRING */:
        return this.#push(decodePython2String(this.#run(reader.u8())));
      case 0x42 /* B BINBYTES */:
        return this.#push(this.#run(reader.u32()));
      case 0x43 /* C SHORT_BINBYTES */:
        return this.#push(this.#run(reader.u8()));
      case 0x8e /* BINBYTES8 */:
      case 0x96 /* BYTEARRAY8 */:
        return this.#push(this.#run(reader.u64()));
      default:
        return false;
    }
  }

  /** Tuples, lists, dicts and sets. */
  #container(opcode: number): boolean {
    switch (opcode) {
      case 0x29 /* ) EMPTY_TUPLE */:
        return this.#push(new Tuple());
      case 0x85 /* TUPLE1 */:
        return this.#push(Tuple.fromItems(this.#stack.popItems(1)));
      case 0x86 /* TUPLE2 */:
        return this.#push(Tuple.fromItems(this.#stack.popItems(2)));
      case 0x87 /* TUPLE3 */:
        return this.#push(Tuple.fromItems(this.#stack.popItems(3)));
      case 0x74 /* t TUPLE */:
        return this.#push(Tuple.fromItems(this.#stack.popMark()));
      case 0x5d /* ] EMPTY_LIST */:
        return this.#push([]);
      case 0x6c /* l LIST */:
        return this.#push(this.#stack.popMark());
      case 0x61 /* a APPEND */:
        return this.#append(this.#stack.popItems(1));
      case 0x65 /* e APPENDS */:
        return this.#append(this.#stack.popMark());
      case 0x7d /* } EMPTY_DICT */:
        return this.#push(new PyDict());
      case 0x64 /* d DICT */:
        {
          const items = this.#stack.popMark();
          this.#push(new PyDict());
          return this.#setItems(items);
        }
      case 0x73 /* s SETITEM */:
        return this.#setItems(this.#stack.popItems(2));
      case 0x75 /* u SETITEMS */:
        return this.#setItems(this.#stack.popMark());
      case 0x8f /* EMPTY_SET */:
        return this.#push(new Set());
      case 0x90 /* ADDITEMS */:
        {
          const items = this.#stack.popMark();
          const target = this.#stack.top();
          if (!(target instanceof Set)) throw corrupt('adds to something that is not a set');
          for (const item of items) target.add(hashable(item));
          return true;
        }
      case 0x91 /* FROZENSET */:
        return this.#push(new FrozenSet(this.#stack.popMark().map(hashable)));
      default:
        return false;
    }
  }

  /** Stack, memo, globals and calls. */
  #control(opcode: number): boolean {
    const reader = this.#reader;
    switch (opcode) {
      case 0x80 /* PROTO */:
        {
          const protocol = reader.u8();
          if (protocol > 5) throw new FileFormatError(`pickle protocol ${protocol} is not known; the highest is 5`);
          return true;
        }
      case 0x95 /* FRAME */:
        reader.u64();
        return true;
      case 0x28 /* ( MARK */:
        this.#stack.mark();
        return true;
      case 0x30 /* 0 POP */:
        this.#stack.drop();
        return true;
      case 0x31 /* 1 POP_MARK */:
        this.#stack.popMark();
        return true;
      case 0x32 /* 2 DUP */:
        return this.#push(this.#stack.top());
      case 0x70 /* p PUT */:
        return this.#remember(Number(parseInteger(this.#textLine())));
      case 0x71 /* q BINPUT */:
        return this.#remember(reader.u8());
      case 0x72 /* r LONG_BINPUT */:
        return this.#remember(reader.u32());
      case 0x94 /* MEMOIZE */:
        return this.#remember(this.#memo.size);
      case 0x67 /* g GET */:
        return this.#recall(Number(parseInteger(this.#textLine())));
      case 0x68 /* h BINGET */:
        return this.#recall(reader.u8());
      case 0x6a /* j LONG_BINGET */:
        return this.#recall(reader.u32());
      case 0x50 /* P PERSID */:
        return this.#persistent(this.#textLine());
      case 0x51 /* Q BINPERSID */:
        return this.#persistent(this.#stack.pop());
      case 0x63 /* c GLOBAL */:
        return this.#push(this.#global(this.#textLine(), this.#textLine()));
      case 0x93 /* STACK_GLOBAL */:
        {
          const [module, name] = this.#stack.popItems(2);
          if (typeof module !== 'string' || typeof name !== 'string')
            throw corrupt('names a global by other than strings');
          return this.#push(this.#global(module, name));
        }
      case 0x52 /* R REDUCE */:
      case 0x81 /* NEWOBJ */:
        {
          const [callee, args] = this.#stack.popItems(2);
          return this.#call(callee, args);
        }
      case 0x92 /* NEWOBJ_EX */:
        {
          const [callee, args, named] = this.#stack.popItems(3);
          if (!(named instanceof PyDict) || named.size > 0) throw corrupt('calls with keyword arguments');
          return this.#call(callee, args);
        }
      case 0x69 /* i INST */:
        {
          const callee = this.#global(this.#textLine(), this.#textLine());
          return this.#call(callee, Tuple.fromItems(this.#stack.popMark()));
        }
      case 0x6f /* o OBJ */:
        {
          const [callee, ...args] = this.#stack.popMark();
          return this.#call(callee, Tuple.fromItems(args));
        }
      case 0x62 /* b BUILD */:
        {
          const state = this.#stack.pop();
          const target = this.#stack.top();
          if (!isStateful(target)) throw corrupt('sets the state of a value that has none');
          this.#charge([state]);
          target[setState](state);
          return true;
        }
      default:
        return false;
    }
  }

  #push(value: unknown): true {
    this.#stack.push(value);
    return true;
  }

  #remember(index: number): true {
    this.#memo.set(index, this.#stack.top());
    return true;
  }

  #recall(index: number): true {
    const value = this.#memo.get(index);
    if (value === undefined) throw corrupt(`recalls value ${index}, which it never stored`);
    return this.#push(value);
  }

  #append(items: unknown[]): true {
    const target = this.#stack.top();
    if (!Array.isArray(target) || target instanceof Tuple) throw corrupt('appends to something that is not a list');
    for (const item of items) target.push(item);
    return true;
  }

  #setItems(items: unknown[]): true {
    const target = this.#stack.top();
    if (!(target instanceof PyDict)) throw corrupt('sets an item of something that is not a dict');
    if (items.length % 2 !== 0) throw corrupt('sets a key without a value');
    for (let i = 0; i < items.length; i += 2) target.set(hashable(items[i]), items[i + 1]);
    return true;
  }

  #persistent(id: unknown): true {
    if (this.#persistentLoad === undefined) throw corrupt('refers to data outside itself');
    return this.#push(this.#persistentLoad(id));
  }

  #global(module: string, name: string): unknown {
    const module3 = Object.hasOwn(PYTHON_2_MODULES, module) ? PYTHON_2_MODULES[module] : module;
    const full = `${module3}.${name}`;
    const allowed = Object.hasOwn(this.#globals, full) ? this.#globals[full] : undefined;
    if (allowed === undefined) throw new UnsafePickleError(`${module}.${name}`);
    return allowed instanceof PickleConstant ? allowed.value : new Callable(full, allowed);
  }

  #call(callee: unknown, args: unknown): true {
    if (!(args instanceof Tuple)) throw corrupt('calls without a tuple of arguments');
    let actual = callee;
    let actualArgs: readonly unknown[] = args;
    // Protocols 0 and 1 make objects as copyreg._reconstructor(class, object, None).
    if (actual instanceof Callable && actual.name === 'copyreg._reconstructor') {
      actual = args[0];
      actualArgs = [];
    }
    if (!(actual instanceof Callable)) throw corrupt('calls a value that is not callable');
    this.#charge(actualArgs);
    return this.#push(actual.call(actualArgs));
  }

  /**
   * Pays for work in proportion to the values handed over. Without this, a few bytes that recall a long list and
   * hand it to `set` would cost time and memory at each repetition.
   */
  #charge(values: readonly unknown[]): void {
    for (const value of values) {
      this.#work += 1 + sizeOf(value);
      if (Array.isArray(value)) for (const item of value) this.#work += sizeOf(item);
    }
    const read = this.#reader.position - this.#start;
    if (this.#work > FREE_WORK + read * WORK_PER_BYTE) {
      throw new FileFormatError('the pickle repeats large values far beyond its own length');
    }
  }

  #textLine(): string {
    return decodeUtf8(this.#reader.line()).replace(/\r$/, '');
  }

  #run(length: number | undefined): Uint8Array {
    if (length === undefined) throw corrupt('holds a run of more than 2^53 bytes');
    return this.#reader.bytes(length, 'a pickled string');
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof Map || value instanceof Set) return value.size;
  return 0;
}
