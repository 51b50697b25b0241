/** @file Turns the output of a failed CMake run into the few lines that matter and what to do about them. */

const MOST_LINES = 24;

/** @type {readonly [pattern: RegExp, cure: string][]} */
const CURES = [
  [
    /Killed signal|Killed\b.*cc1plus|out of memory|virtual memory exhausted|cannot allocate memory/i,
    'The compiler ran out of memory: run again with EDGEAI_BUILD_JOBS=1.',
  ],
  [
    /unrecognized command.line option.*-std=|unknown.*-std=c\+\+|CXX_STANDARD.*(no known features|not known)|dialect.*does not know/i,
    'The compiler is too old for this libtorch: use g++ 11 or clang 14 or newer (CXX=… chooses one), or an older libtorch.',
  ],
  [
    /No CMAKE_CXX_COMPILER could be found|CMAKE_CXX_COMPILER not set|is not a full path to an existing compiler/,
    'No C++ compiler: install g++ (Debian, Ubuntu), gcc-c++ (Fedora) or the Xcode command line tools (xcode-select --install).',
  ],
  [/CMake \d+\.\d+ or higher is required/, 'This CMake is too old: version 3.18 or newer is needed.'],
  [/No space left on device/, 'The disk is full: the build needs about 100 MB.'],
  [
    /fatal error: (torch|ATen|c10|caffe2)\/.*No such file|Could not find lib_(c10|torch)/,
    'This libtorch is incomplete: name a complete one with LIBTORCH=/path/to/libtorch (a folder with include/ and lib/).',
  ],
  [
    /undefined reference to|undefined symbols? for architecture/i,
    'The libraries do not fit the headers: they may come from two versions of libtorch. Check what LIBTORCH points to.',
  ],
];

/**
 * A message for the user: the last errors of the compiler, a cure where one is known, where the whole output is.
 * @param {string} output @param {string} logPath
 */
export function explainBuildFailure(output, logPath) {
  const cure = CURES.find(([pattern]) => pattern.test(output))?.[1];
  return [
    'building the addon failed:',
    ...errorLines(output).map((line) => `  ${line}`),
    ...(cure === undefined ? [] : [cure]),
    `The whole output is in ${logPath}`,
  ].join('\n');
}

/** The last lines that speak of errors, each with the two after it (the code and the caret). @param {string} output */
function errorLines(output) {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== '');
  const wanted = new Set();
  lines.forEach((line, index) => {
    if (!/\berror\b|undefined reference|Killed|not found|No space left/i.test(line)) return;
    for (let near = index; near <= index + 2 && near < lines.length; near++) wanted.add(near);
  });
  const picked = wanted.size > 0 ? lines.filter((_, index) => wanted.has(index)) : lines;
  return picked.slice(-MOST_LINES);
}
