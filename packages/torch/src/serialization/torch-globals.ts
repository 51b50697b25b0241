/** @file The part of the unpickler's allow-list that rebuilds tensors, and the storages that tensors refer to. */

import { type DType, dtypeSize, dtypes } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { NUMPY_GLOBALS } from './numpy-globals.ts';
import { PickleConstant, type PickleFunction, type PickleGlobals } from './pickle-reader.ts';
import { finish, PyDict, PyGlobal, Size, TorchDevice, TorchDType, Tuple, type Unfinished } from './pickle-values.ts';
import { PLAIN_GLOBALS } from './plain-globals.ts';
import { type StorageRecord, TensorRecord } from './records.ts';

/** torch has no tensor of more; a bound on what one call may make. */
const MAX_DIMENSIONS = 64;

/** Element types that torch has and this library lacks: known by name, so that the message can say what is wrong. */
const OTHER_TYPES =
  'uint16 uint32 uint64 complex32 quint4x2 quint2x4 float8_e5m2 float8_e4m3fn float8_e5m2fnuz float8_e4m3fnuz float8_e8m0fnu ComplexHalfStorage QUInt4x2Storage QUInt2x4Storage';
const NO_SUCH_TYPE = 'an element type that this library does not have (convert it in Python)';

/** Python's name of the typed storage class of each element type. */
export const STORAGE_CLASSES: Readonly<Record<DType, string>> = {
  uint8: 'ByteStorage',
  int8: 'CharStorage',
  int16: 'ShortStorage',
  int32: 'IntStorage',
  int64: 'LongStorage',
  float16: 'HalfStorage',
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  complex64: 'ComplexFloatStorage',
  complex128: 'ComplexDoubleStorage',
  bool: 'BoolStorage',
  qint8: 'QInt8Storage',
  quint8: 'QUInt8Storage',
  qint32: 'QInt32Storage',
  bfloat16: 'BFloat16Storage',
};

/** `torch.FloatStorage` and its like as a value: names the element type, `undefined` for `UntypedStorage`. */
export class StorageClass {
  readonly dtype: DType | undefined;

  constructor(dtype: DType | undefined) {
    this.dtype = dtype;
  }
}

/** A storage as tensors refer to it. On its own in a checkpoint it reads as a one-dimensional tensor. */
export class StorageReference implements Unfinished {
  readonly storage: StorageRecord;
  readonly dtype: DType;
  /** In elements of `dtype`. */
  readonly offset: number;
  readonly numel: number;
  readonly #onTensor: (tensor: TensorRecord) => void;

  constructor(
    storage: StorageRecord,
    dtype: DType,
    offset: number,
    numel: number,
    onTensor: (tensor: TensorRecord) => void,
  ) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.numel = numel;
    this.#onTensor = onTensor;
  }

  [finish](): TensorRecord {
    const { storage, dtype, numel } = this;
    const tensor = new TensorRecord({ dtype, shape: [numel], storageOffset: this.offset, storage });
    this.#onTensor(tensor);
    return tensor;
  }
}

/** What a persistent id `('storage', class, key, device, numel, view)` says. */
export interface StorageId {
  dtype: DType;
  /** Whether the class was `UntypedStorage`, whose element type is unknown. */
  untyped: boolean;
  key: string;
  device: string;
  numel: number;
  /** The legacy format's view of a part of the storage: key, offset and length in elements. */
  view: unknown;
}

/** Reads a persistent id; anything but a storage is an error. */
export function parseStorageId(id: unknown): StorageId {
  const [kind, type, key, device, numel, view] = id instanceof Tuple ? id : [];
  if (type instanceof PyGlobal) throw new FileFormatError(`holds a ${type.name}, ${NO_SUCH_TYPE}`);
  const isKey = typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint';
  if (kind !== 'storage' || !(type instanceof StorageClass) || !isKey || typeof device !== 'string' || !isSize(numel)) {
    throw new FileFormatError('corrupt: the pickle refers to data outside itself that is not a tensor storage');
  }
  const untyped = type.dtype === undefined;
  const dtype = type.dtype ?? 'uint8';
  if (!Number.isSafeInteger(numel * dtypeSize(dtype))) {
    throw new FileFormatError(`corrupt: a storage claims ${numel} elements`);
  }
  return { dtype, untyped, key: String(key), device, numel, view: view ?? null };
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function sizes(value: unknown, what: string): number[] {
  if (!Array.isArray(value) || value.length > MAX_DIMENSIONS || !value.every(isSize)) {
    throw new FileFormatError(`corrupt: a tensor has invalid ${what}`);
  }
  return [...value];
}

function unsupported(what: string): PickleFunction {
  return () => {
    throw new FileFormatError(`holds ${what}, which this library does not read`);
  };
}

/**
 * The whole allow-list for PyTorch checkpoints, numpy's and plain Python's part included.
 *
 * @param onTensor is told of each tensor as it is made; its storage may not be filled yet.
 */
export function torchGlobals(onTensor: (tensor: TensorRecord) => void): PickleGlobals {
  const rebuildTensor = (args: readonly unknown[], dtype?: DType): TensorRecord => {
    const [reference, offset, shape, strides, requiresGrad] = args;
    if (!(reference instanceof StorageReference) || !isSize(offset)) {
      throw new FileFormatError('corrupt: a tensor lacks its storage or offset');
    }
    const tensor = new TensorRecord({
      dtype: dtype ?? reference.dtype,
      shape: sizes(shape, 'sizes'),
      strides: sizes(strides, 'strides'),
      storageOffset: reference.offset + offset,
      storage: reference.storage,
      requiresGrad: requiresGrad === true,
    });
    onTensor(tensor);
    return tensor;
  };
  const rebuildV2: PickleFunction = (args) => {
    refuseLazyBits(args[6]);
    return rebuildTensor(args);
  };
  const rebuildV3: PickleFunction = (args) => {
    refuseLazyBits(args[7]);
    const type = args[6];
    if (type instanceof PyGlobal) throw new FileFormatError(`holds a tensor of ${type.name}, ${NO_SUCH_TYPE}`);
    if (!(type instanceof TorchDType)) throw new FileFormatError('corrupt: a tensor lacks its dtype');
    return rebuildTensor(args, type.dtype);
  };
  const rebuildParameter: PickleFunction = ([data, requiresGrad]) => {
    if (!(data instanceof TensorRecord)) throw new FileFormatError('corrupt: a parameter holds no tensor');
    return new TensorRecord({ ...data, requiresGrad: requiresGrad !== false, isParameter: true });
  };
  const rebuilders: Record<string, PickleFunction> = {
    'torch._utils._rebuild_tensor': (args) => rebuildTensor(args.slice(0, 4)),
    'torch._utils._rebuild_tensor_v2': rebuildV2,
    'torch._utils._rebuild_tensor_v3': rebuildV3,
    'torch._utils._rebuild_parameter': rebuildParameter,
    'torch._utils._rebuild_parameter_with_state': rebuildParameter,
  };
  return {
    ...PLAIN_GLOBALS,
    ...NUMPY_GLOBALS,
    ...constants(),
    ...rebuilders,
    'torch.nn.parameter.Parameter': rebuildParameter,
    'torch.nn.Parameter': rebuildParameter,
    'torch.Tensor': unsupported('a tensor in the form of PyTorch before 0.4'),
    // A tensor with Python attributes: (rebuild function, class, its arguments, attributes); attributes are dropped.
    'torch._tensor._rebuild_from_type_v2': ([rebuild, , args]) => {
      const inner =
        rebuild instanceof PyGlobal && Object.hasOwn(rebuilders, rebuild.name) ? rebuilders[rebuild.name] : undefined;
      if (inner === undefined || !(args instanceof Tuple))
        throw new FileFormatError('holds a tensor of an unknown subclass');
      return inner(args);
    },
    'torch.Size': ([items]) => Size.fromItems(sizes(items ?? [], 'sizes')),
    'torch.device': ([type, index]) => new TorchDevice(index === undefined ? String(type) : `${type}:${index}`),
    'torch._utils._rebuild_qtensor': unsupported(
      'a quantised tensor (save its int_repr(), scale and zero point instead)',
    ),
    'torch._utils._rebuild_sparse_tensor': unsupported('a sparse tensor (save to_dense() instead)'),
    'torch._utils._rebuild_sparse_csr_tensor': unsupported('a sparse tensor (save to_dense() instead)'),
    'torch._utils._rebuild_meta_tensor_no_storage': unsupported('a tensor on the meta device, which has no data'),
    'torch._utils._rebuild_nested_tensor': unsupported('a nested tensor'),
    'torch.storage._load_from_bytes': unsupported(
      'a storage pickled outside torch.save (write the file by torch.save)',
    ),
  };
}

/** A lazily conjugated or negated tensor would read as the wrong numbers. */
function refuseLazyBits(metadata: unknown): void {
  if (metadata instanceof PyDict && [...metadata.values()].some((bit) => bit === true)) {
    throw new FileFormatError(
      'holds a lazily conjugated or negated tensor (save resolve_conj().resolve_neg() instead)',
    );
  }
}

/** Dtypes and storage classes. */
function constants(): PickleGlobals {
  const untyped = new PickleConstant(new StorageClass(undefined));
  const all: Record<string, PickleConstant | PickleFunction> = {
    'torch.UntypedStorage': untyped,
    'torch.storage.UntypedStorage': untyped,
    'torch.storage._UntypedStorage': untyped,
  };
  for (const name of OTHER_TYPES.split(' ')) all[`torch.${name}`] = unsupported(`torch.${name}, ${NO_SUCH_TYPE}`);
  for (const dtype of dtypes) {
    const storage = new PickleConstant(new StorageClass(dtype));
    all[`torch.${dtype}`] = new PickleConstant(new TorchDType(dtype));
    all[`torch.${STORAGE_CLASSES[dtype]}`] = storage;
    // Storages saved on a GPU by old versions; where they were is in the persistent id.
    all[`torch.cuda.${STORAGE_CLASSES[dtype]}`] = storage;
  }
  return all;
}
