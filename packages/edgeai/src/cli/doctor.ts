/** @file `edgeai doctor`: what the engine runs on, and what to do about what is wrong with it. */

import type { Diagnosis } from '@edgeai/torch/doctor';
import { Command } from 'commander';

import { type CommandContext, print, printJson } from './context.ts';
import { renderTable } from './table.ts';

export function doctorCommand(context: CommandContext): Command {
  return new Command('doctor')
    .description('show what the engine runs on, and cures for what is wrong')
    .option('--json', 'print everything as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const { diagnose } = await import('@edgeai/torch/doctor');
      const diagnosis = await diagnose();
      if (json === true) printJson(context, diagnosis);
      else report(diagnosis, context);
      if (diagnosis.problems.some(({ severity }) => severity === 'error')) context.exitCode = 1;
    });
}

function report(
  { node, cores, libtorch, addon, engine, blas, openblasCoreType, problems }: Diagnosis,
  context: CommandContext,
): void {
  const rows: [string, string][] = [
    ['Node', `${node.version} (${node.platform} ${node.arch})`],
    ['cores', String(cores)],
    ['libtorch', libtorch.found === undefined ? 'not found' : `${libtorch.found.version} in ${libtorch.found.libDir}`],
    ['addon', `${addon.loaded ? 'loaded' : 'not loaded'}, ${addon.state}: ${addon.addonPath}`],
  ];
  if (engine !== undefined) {
    rows.push(
      [
        'engine',
        `libtorch ${engine.torchVersion}${engine.libraryPath === undefined ? '' : ` from ${engine.libraryPath}`}`,
      ],
      ['threads', String(engine.threads)],
      ['vector instructions', engine.cpuCapability ?? 'not known'],
      ['oneDNN', yesNo(engine.mkldnn)],
      ['OpenMP', yesNo(engine.openmp)],
      ['LAPACK', yesNo(engine.lapack)],
      ['CUDA', engine.cudaDevices === 0 ? 'no GPU' : `${engine.cudaDevices} GPU${engine.cudaDevices === 1 ? '' : 's'}`],
    );
  }
  rows.push([
    'BLAS',
    blas === undefined ? 'not known' : `${blas.name}${blas.path === '' ? ', part of libtorch' : ` (${blas.path})`}`,
  ]);
  if (openblasCoreType !== undefined) rows.push(['OPENBLAS_CORETYPE', openblasCoreType]);
  print(context, renderTable(['what', 'found'], rows));
  print(context, '');
  if (problems.length === 0) print(context, context.style('good', 'Everything is as it should be.'));
  for (const { severity, message, cure } of problems) {
    print(context, `${context.style(severity, `${severity}:`)} ${message}\n  ${cure.replaceAll('\n', '\n  ')}`);
  }
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
