/** @file Where a ray meets a solid: the distance, the point on its surface and the direction that the surface faces. */

import type { Solid } from './world.ts';

/** A solid where it is at a moment, with what every ray needs of it worked out once. */
export class PlacedSolid {
  readonly solid: Solid;
  readonly cos: number;
  readonly sin: number;
  /** Middle, not the base. */
  readonly x: number;
  readonly y: number;
  readonly z: number;

  /** @param dx and @param dz how far it has moved */
  constructor(solid: Solid, dx: number, dz: number) {
    this.solid = solid;
    this.cos = Math.cos(solid.yaw);
    this.sin = Math.sin(solid.yaw);
    this.x = solid.x + dx;
    this.y = solid.y + solid.height / 2;
    this.z = solid.z + dz;
  }
}

/** What {@link meet} finds. One object serves all rays. */
export interface Hit {
  distance: number;
  normalX: number;
  normalY: number;
  normalZ: number;
  /** Place on the surface, in metres: along it, and up. */
  u: number;
  v: number;
}

const NEAR = 0.05;

/**
 * Meets the ray `origin + t · d` with a solid.
 *
 * @param x, @param y, @param z the origin seen from the solid's middle, in the solid's own axes
 * @param dx, @param dy, @param dz the direction, in the world's axes
 * @returns whether it is met in front of the origin; `out` then holds the rest
 */
export function meet(
  placed: PlacedSolid,
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  out: Hit,
): boolean {
  const { solid, cos, sin } = placed;
  const ownX = dx * cos - dz * sin;
  const ownZ = dx * sin + dz * cos;
  const found =
    solid.shape === 'box'
      ? meetBox(solid, x, y, z, ownX, dy, ownZ, out)
      : meetEllipsoid(solid, x, y, z, ownX, dy, ownZ, out);
  if (!found) return false;
  const { normalX, normalZ } = out;
  out.normalX = normalX * cos + normalZ * sin;
  out.normalZ = -normalX * sin + normalZ * cos;
  return true;
}

function meetBox(solid: Solid, x: number, y: number, z: number, dx: number, dy: number, dz: number, out: Hit): boolean {
  // Where the ray enters and leaves the three pairs of planes; a direction of 0 gives infinities, which compare as they should.
  const halfX = solid.width / 2;
  const halfY = solid.height / 2;
  const halfZ = solid.length / 2;
  const signX = dx < 0 ? -1 : 1;
  const signY = dy < 0 ? -1 : 1;
  const signZ = dz < 0 ? -1 : 1;
  const enterX = (-signX * halfX - x) / dx;
  const enterY = (-signY * halfY - y) / dy;
  const enterZ = (-signZ * halfZ - z) / dz;
  let enter = enterX > enterY ? enterX : enterY;
  if (enterZ > enter) enter = enterZ;
  if (!(enter > NEAR)) return false;
  if (enter >= (signX * halfX - x) / dx || enter >= (signY * halfY - y) / dy || enter >= (signZ * halfZ - z) / dz)
    return false;
  out.distance = enter;
  out.normalX = enter === enterX ? -signX : 0;
  out.normalY = enter === enterY ? -signY : 0;
  out.normalZ = enter === enterZ ? -signZ : 0;
  out.u = enter === enterX ? z + enter * dz : x + enter * dx;
  out.v = enter === enterY ? z + enter * dz : y + enter * dy + halfY;
  return true;
}

function meetEllipsoid(
  solid: Solid,
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
  out: Hit,
): boolean {
  const a = 2 / solid.width;
  const b = 2 / solid.height;
  const c = 2 / solid.length;
  const fromX = x * a;
  const fromY = y * b;
  const fromZ = z * c;
  const toX = dx * a;
  const toY = dy * b;
  const toZ = dz * c;
  const square = toX * toX + toY * toY + toZ * toZ;
  const cross = fromX * toX + fromY * toY + fromZ * toZ;
  const root = cross * cross - square * (fromX * fromX + fromY * fromY + fromZ * fromZ - 1);
  if (root < 0) return false;
  const distance = (-cross - Math.sqrt(root)) / square;
  if (distance < NEAR) return false;
  const normalX = (fromX + distance * toX) * a;
  const normalY = (fromY + distance * toY) * b;
  const normalZ = (fromZ + distance * toZ) * c;
  const size = Math.sqrt(normalX * normalX + normalY * normalY + normalZ * normalZ);
  out.distance = distance;
  out.normalX = normalX / size;
  out.normalY = normalY / size;
  out.normalZ = normalZ / size;
  out.u = (Math.atan2(normalX, normalZ) * solid.width) / 2;
  out.v = y + distance * dy + solid.height / 2;
  return true;
}
