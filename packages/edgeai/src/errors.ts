/** @file The errors of the command line: wrong usage ends with exit code 2, every other failure with 1. */

/** The user asked for something that cannot be done as asked: a wrong option, key, value or combination. Exit code 2. */
export class UsageError extends Error {
  /** Stable identifier for programs. */
  readonly code: string = 'USAGE';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The request was right but could not be carried out: a file, a folder, the disk. Exit code 1. */
export class FailureError extends Error {
  /** Stable identifier for programs; says what kind of thing failed. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Exit code of a process that ended because the user interrupted it (128 + SIGINT). */
export const INTERRUPTED_EXIT_CODE = 130;

/**
 * The exit code for an error that reached the top: 2 for wrong usage (our own or commander's), 0 where commander merely
 * printed help or the version, 1 for everything else.
 */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 2;
  if (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('commander.')
  ) {
    return 'exitCode' in error && error.exitCode === 0 ? 0 : 2;
  }
  return 1;
}

/** What the operating system's error codes mean to a user; the code itself where it needs no translation. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a file is in the way where a folder is needed',
  EEXIST: 'a file is in the way',
  EISDIR: 'a folder is in the way where a file is needed',
  ENOENT: 'it does not exist',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk reported an input/output error',
};

/** Why a file operation failed, in words: `the disk is full (ENOSPC)`. */
export function describeSystemError(error: unknown): string {
  const code = systemErrorCode(error);
  if (code !== undefined) {
    const reason = REASONS[code];
    if (reason !== undefined) return `${reason} (${code})`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** The operating system's error code (`ENOENT` …) of a thrown value, where it has one. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
