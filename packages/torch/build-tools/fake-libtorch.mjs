/** @file Writes folders that look like a libtorch, for the tests of the search and of the download. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The files of a made-up libtorch, path to content.
 * @param {{version?: string, cxx11?: boolean, config?: string, cuda?: boolean, machine?: number, lib?: string}} [options]
 * @returns {Record<string, string | Buffer>}
 */
export function fakeLibtorchFiles({
  version = '2.5.1',
  cxx11 = true,
  config = '',
  cuda = false,
  machine,
  lib = 'lib',
} = {}) {
  const core = Buffer.from(`..........................${cxx11 ? '_ZNSt7__cxx1112basic_string' : '_ZNSs'}`);
  if (machine !== undefined) {
    core.writeUInt32BE(0x7f454c46, 0);
    core.writeUInt16LE(machine, 18);
  }
  return {
    'include/ATen/ATen.h': '',
    'include/torch/csrc/api/include/torch/torch.h': '',
    'include/torch/csrc/api/include/torch/version.h': `#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION \\\n  "${version}"\n`,
    'share/cmake/Torch/TorchConfig.cmake': config,
    [`${lib}/libc10.so`]: core,
    [`${lib}/libtorch_cpu.so`]: '',
    [`${lib}/libtorch.so`]: '',
    ...(cuda ? { [`${lib}/libtorch_cuda.so`]: '' } : {}),
  };
}

/** @param {string} root @param {Record<string, string | Buffer>} files */
export function writeFiles(root, files) {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}
