/** @file The pinhole camera: from pixels to rays, from points to pixels. */

import type { CameraMotion } from './world.ts';

/** Size and focal length in pixels; the principal point is the middle. */
export interface Lens {
  readonly width: number;
  readonly height: number;
  readonly focal: number;
}

/** A camera at one moment. Its axes are x to the right, y down, z ahead; the world's y is up. */
export class Camera {
  readonly lens: Lens;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly #sinYaw: number;
  readonly #cosYaw: number;
  readonly #sinPitch: number;
  readonly #cosPitch: number;

  /** @param time in seconds; the camera is at z = 0 at time 0 */
  constructor(lens: Lens, motion: CameraMotion, time: number) {
    this.lens = lens;
    const yaw = motion.yaw + motion.yawRate * time;
    // The path is an arc; its chord points along the mean of both directions.
    const chord = motion.yaw + (motion.yawRate * time) / 2;
    this.x = motion.x + motion.speed * time * Math.sin(chord);
    this.y = motion.height;
    this.z = motion.speed * time * Math.cos(chord);
    this.#sinYaw = Math.sin(yaw);
    this.#cosYaw = Math.cos(yaw);
    this.#sinPitch = Math.sin(motion.pitch);
    this.#cosPitch = Math.cos(motion.pitch);
  }

  /** Direction in the world of the ray through the middle of a pixel, with depth 1: at t times this, the depth is t. */
  ray(column: number, row: number, out: Float64Array): void {
    const { width, height, focal } = this.lens;
    const right = (column + 0.5 - width / 2) / focal;
    const down = (row + 0.5 - height / 2) / focal;
    const up = -down * this.#cosPitch + this.#sinPitch;
    const ahead = this.#cosPitch + down * this.#sinPitch;
    out[0] = right * this.#cosYaw + ahead * this.#sinYaw;
    out[1] = up;
    out[2] = -right * this.#sinYaw + ahead * this.#cosYaw;
  }

  /** Right, down and ahead of a point in the world, in metres from the camera. */
  place(x: number, y: number, z: number, out: Float64Array): void {
    const dx = x - this.x;
    const dy = y - this.y;
    const dz = z - this.z;
    const ahead = dx * this.#sinYaw + dz * this.#cosYaw;
    out[0] = dx * this.#cosYaw - dz * this.#sinYaw;
    out[1] = -dy * this.#cosPitch + ahead * this.#sinPitch;
    out[2] = ahead * this.#cosPitch + dy * this.#sinPitch;
  }

  /** Column, row and depth of a point in the world; the first two mean nothing where the depth is not positive. */
  project(x: number, y: number, z: number, out: Float64Array): void {
    const { width, height, focal } = this.lens;
    this.place(x, y, z, out);
    const depth = out[2] as number;
    out[0] = (focal * (out[0] as number)) / depth + width / 2 - 0.5;
    out[1] = (focal * (out[1] as number)) / depth + height / 2 - 0.5;
  }
}
