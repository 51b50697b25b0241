/** @file How the threads that compute wait for each other: set before the engine is loaded, which reads it once. */

/**
 * Lets waiting threads sleep after a few microseconds. By default they spin for milliseconds, which gains nothing on an idle
 * machine and, where other programs want the cores too, makes training many times slower. What the user has set stays.
 */
export function letThreadsSleep(env: NodeJS.ProcessEnv): void {
  if (env.OMP_WAIT_POLICY === undefined && env.GOMP_SPINCOUNT === undefined) env.GOMP_SPINCOUNT = '1000';
}
