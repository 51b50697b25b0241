/** @file Renders a world at a moment, with the truth of every pixel: class, object, depth, and where it is at another moment. */

import { Camera, type Lens } from './camera.ts';
import { classIndex } from './classes.ts';
import { type Hit, meet, PlacedSolid } from './hit.ts';
import { groundAt, groundColour, illuminate, skyColour, solidShade } from './paint.ts';
import { SceneRandom } from './random.ts';
import type { Solid, Thing, World } from './world.ts';

/** One picture and its truth, row by row. */
export interface Frame {
  /** `(3, H, W)`. */
  readonly image: Uint8Array;
  /** Cityscapes' class of each pixel. */
  readonly classes: Uint8Array;
  /** Distance along the optical axis in metres; 0 for the sky. */
  readonly depth: Float32Array;
  /** 1 + position in `world.things` of the object that a pixel shows; 0 for none. */
  readonly instances: Uint16Array;
  /** 1 for pixels of objects that move. */
  readonly motion: Uint8Array;
  /** `(2, H, W)`: how far to the right and down each pixel's point is in the other moment's picture. */
  readonly flow: Float32Array;
}

/** The part of the picture that a solid can be in, the last column and row included. */
interface Extent {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const scratch = new Float64Array(3);
const corners = Array.from({ length: 8 }, () => new Float64Array(3));
/** Pairs of corners, by the bits of right, ahead and up. */
const EDGES = [1, 2, 4].flatMap((bit) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((i) => (i & bit) === 0).map((i) => [i, i | bit] as const),
);
const NEAR = 0.1;

/** `null` when the solid is behind the camera or beside the picture. */
function extentOf(placed: PlacedSolid, camera: Camera): Extent | null {
  const { width, height, focal } = camera.lens;
  const { solid, cos, sin } = placed;
  for (const [i, corner] of corners.entries()) {
    const right = ((i & 1) - 0.5) * solid.width;
    const ahead = (((i >> 1) & 1) - 0.5) * solid.length;
    const up = ((i >> 2) - 0.5) * solid.height;
    camera.place(placed.x + right * cos + ahead * sin, placed.y + up, placed.z - right * sin + ahead * cos, corner);
  }
  let [left, top, right, bottom] = [width, height, -1, -1];
  const see = (x: number, y: number, depth: number) => {
    const column = (focal * x) / depth + width / 2 - 0.5;
    const row = (focal * y) / depth + height / 2 - 0.5;
    left = Math.min(left, column);
    right = Math.max(right, column);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
  };
  for (const [x = 0, y = 0, depth = 0] of corners) if (depth >= NEAR) see(x, y, depth);
  // An edge that passes the camera is seen up to where it does.
  for (const [from, to] of EDGES) {
    const [x0 = 0, y0 = 0, z0 = 0] = corners[from] as Float64Array;
    const [x1 = 0, y1 = 0, z1 = 0] = corners[to] as Float64Array;
    if (z0 < NEAR === z1 < NEAR) continue;
    const share = (NEAR - z0) / (z1 - z0);
    see(x0 + share * (x1 - x0), y0 + share * (y1 - y0), NEAR);
  }
  if (right < 0 || left >= width || bottom < 0 || top >= height) return null;
  return {
    left: Math.max(0, Math.floor(left)),
    top: Math.max(0, Math.floor(top)),
    right: Math.min(width - 1, Math.ceil(right)),
    bottom: Math.min(height - 1, Math.ceil(bottom)),
  };
}

/**
 * Renders a world.
 *
 * @param time the moment, in seconds
 * @param other the moment that the flow leads to
 * @param seed of the sensor's noise
 */
export function renderFrame(world: World, lens: Lens, time: number, other: number, seed: number): Frame {
  const { width, height } = lens;
  const pixels = width * height;
  const camera = new Camera(lens, world.camera, time);
  const later = new Camera(lens, world.camera, other);
  const frame: Frame = {
    image: new Uint8Array(3 * pixels),
    classes: new Uint8Array(pixels),
    depth: new Float32Array(pixels),
    instances: new Uint16Array(pixels),
    motion: new Uint8Array(pixels),
    flow: new Float32Array(2 * pixels),
  };
  const colours = new Float64Array(3 * pixels);
  const nearest = new Float64Array(pixels).fill(Number.POSITIVE_INFINITY);
  drawBackground(world, camera, later, frame, nearest, colours);
  for (const [i, thing] of world.things.entries()) {
    for (const solid of thing.solids)
      drawSolid(world, thing, i, solid, time, other, camera, later, frame, nearest, colours);
  }
  expose(world, new SceneRandom(seed, Math.round(time * 1000)), colours, frame.image);
  return frame;
}

const direction = new Float64Array(3);
const colour = new Float64Array(3);
const hit: Hit = { distance: 0, normalX: 0, normalY: 0, normalZ: 0, u: 0, v: 0 };
/** Stands for the distance of the sky where flow is concerned: only turning moves it. */
const INFINITY = 1e7;

function drawBackground(
  world: World,
  camera: Camera,
  later: Camera,
  frame: Frame,
  nearest: Float64Array,
  colours: Float64Array,
): void {
  const { width, height } = camera.lens;
  const sky = classIndex('sky');
  const parts = { road: classIndex('road'), sidewalk: classIndex('sidewalk'), terrain: classIndex('terrain') };
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      camera.ray(column, row, direction);
      const dx = direction[0] as number;
      const dy = direction[1] as number;
      const dz = direction[2] as number;
      const distance = dy < -1e-9 ? -camera.y / dy : Number.POSITIVE_INFINITY;
      if (distance > 300) {
        skyColour(world.light, direction, world.street.seed, colour);
        frame.classes[at] = sky;
        writeFlow(
          frame,
          later,
          at,
          column,
          row,
          camera.x + dx * INFINITY,
          camera.y + dy * INFINITY,
          camera.z + dz * INFINITY,
        );
      } else {
        const x = camera.x + dx * distance;
        const z = camera.z + dz * distance;
        const part = groundAt(world.street, x, z);
        groundColour(world.street, part, x, z, colour);
        illuminate(world.light, 0, 1, 0, distance, colour);
        frame.classes[at] = parts[part];
        frame.depth[at] = distance;
        nearest[at] = distance;
        writeFlow(frame, later, at, column, row, x, 0, z);
      }
      colours[3 * at] = colour[0] as number;
      colours[3 * at + 1] = colour[1] as number;
      colours[3 * at + 2] = colour[2] as number;
    }
  }
}

function drawSolid(
  world: World,
  thing: Thing,
  index: number,
  solid: Solid,
  time: number,
  other: number,
  camera: Camera,
  later: Camera,
  frame: Frame,
  nearest: Float64Array,
  colours: Float64Array,
): void {
  const [vx, vz] = thing.velocity;
  const here = new PlacedSolid(solid, vx * time, vz * time);
  const area = extentOf(here, camera);
  if (area === null) return;
  const { width } = camera.lens;
  const moves = vx !== 0 || vz !== 0;
  const kind = classIndex(thing.kind);
  const [red, green, blue] = solid.colour;
  const shiftX = vx * (other - time);
  const shiftZ = vz * (other - time);
  // The camera seen from the solid's middle, in the solid's own axes.
  const fromX = (camera.x - here.x) * here.cos - (camera.z - here.z) * here.sin;
  const fromY = camera.y - here.y;
  const fromZ = (camera.x - here.x) * here.sin + (camera.z - here.z) * here.cos;
  for (let row = area.top; row <= area.bottom; row++) {
    for (let column = area.left; column <= area.right; column++) {
      const at = row * width + column;
      camera.ray(column, row, direction);
      const dx = direction[0] as number;
      const dy = direction[1] as number;
      const dz = direction[2] as number;
      if (!meet(here, fromX, fromY, fromZ, dx, dy, dz, hit) || hit.distance >= (nearest[at] as number)) continue;
      const { distance } = hit;
      nearest[at] = distance;
      const shade = solidShade(solid.pattern, hit.u, hit.v, thing.seed);
      colour[0] = red * shade;
      colour[1] = green * shade;
      colour[2] = blue * shade;
      illuminate(world.light, hit.normalX, hit.normalY, hit.normalZ, distance, colour);
      colours[3 * at] = colour[0];
      colours[3 * at + 1] = colour[1];
      colours[3 * at + 2] = colour[2];
      frame.classes[at] = kind;
      frame.depth[at] = distance;
      frame.instances[at] = thing.isInstance ? index + 1 : 0;
      frame.motion[at] = moves ? 1 : 0;
      const x = camera.x + dx * distance + shiftX;
      const z = camera.z + dz * distance + shiftZ;
      writeFlow(frame, later, at, column, row, x, camera.y + dy * distance, z);
    }
  }
}

function writeFlow(
  frame: Frame,
  later: Camera,
  at: number,
  column: number,
  row: number,
  x: number,
  y: number,
  z: number,
): void {
  later.project(x, y, z, scratch);
  const pixels = frame.depth.length;
  // A point that the other camera has passed has no place in its picture.
  const visible = (scratch[2] as number) > 0.05;
  frame.flow[at] = visible ? (scratch[0] as number) - column : 0;
  frame.flow[pixels + at] = visible ? (scratch[1] as number) - row : 0;
}

/** Turns light into levels: gain, a display's gamma, noise. */
function expose(world: World, random: SceneRandom, colours: Float64Array, image: Uint8Array): void {
  const pixels = image.length / 3;
  for (let at = 0; at < pixels; at++) {
    for (let channel = 0; channel < 3; channel++) {
      const light = Math.min(1, Math.max(0, (colours[3 * at + channel] as number) * world.gain));
      const level = 255 * light ** 0.8 + world.noise * random.normal();
      image[channel * pixels + at] = Math.min(255, Math.max(0, Math.round(level)));
    }
  }
}
