/** @file A street with what stands and moves in it, made from a seed: positions in metres, x to the right, y up, z ahead. */

import type { SceneClass } from './classes.ts';
import { SceneRandom } from './random.ts';

export type Colour = readonly [red: number, green: number, blue: number];

/** A box or an ellipsoid that stands upright, turned about the vertical. Position is the middle of its base. */
export interface Solid {
  readonly shape: 'box' | 'ellipsoid';
  readonly x: number;
  readonly y: number;
  readonly z: number;
  /** Sizes along its own right, up and forward axes. */
  readonly width: number;
  readonly height: number;
  readonly length: number;
  /** Turn about the vertical, in radians. */
  readonly yaw: number;
  readonly colour: Colour;
  readonly pattern: 'plain' | 'windows' | 'leaves' | 'cloth' | 'metal';
}

/** What moves as one and has one identity. Its solids are placed relative to it. */
export interface Thing {
  readonly kind: SceneClass;
  readonly solids: readonly Solid[];
  /** Metres a second, to the right and ahead. */
  readonly velocity: readonly [x: number, z: number];
  /** Whether it counts as an object of its own, with a box and an identity. */
  readonly isInstance: boolean;
  readonly seed: number;
}

export interface Street {
  /** Half the width of the carriageway. */
  readonly roadHalf: number;
  readonly sidewalk: number;
  /** How the middle of the road bends: x = bend · z². */
  readonly bend: number;
  readonly roadColour: Colour;
  readonly sidewalkColour: Colour;
  readonly terrainColour: Colour;
  readonly seed: number;
}

export interface Light {
  /** Towards the sun, of length 1. */
  readonly direction: readonly [x: number, y: number, z: number];
  readonly ambient: number;
  readonly strength: number;
  readonly sky: Colour;
  readonly horizon: Colour;
  /** Share of the light that is scattered away in each metre. */
  readonly haze: number;
}

/** Where the camera is and how it moves. */
export interface CameraMotion {
  readonly height: number;
  readonly x: number;
  readonly yaw: number;
  readonly pitch: number;
  /** Metres a second along its viewing direction. */
  readonly speed: number;
  /** Radians a second. */
  readonly yawRate: number;
}

export interface World {
  readonly street: Street;
  readonly light: Light;
  readonly camera: CameraMotion;
  readonly things: readonly Thing[];
  /** Standard deviation of the sensor's noise, in levels of 255. */
  readonly noise: number;
  readonly gain: number;
}

/** The middle of the road at a distance. */
export function roadCentre(street: Street, z: number): number {
  return street.bend * z * z;
}

const FAR = 90;

/** The world number `index` of a seed. */
export function makeWorld(seed: number, index: number): World {
  const random = new SceneRandom(seed, index);
  const street = makeStreet(random);
  const things = [
    ...makeFacades(random, street),
    ...makeGreenery(random, street),
    ...makePosts(random, street),
    ...makeTraffic(random, street),
    ...makeWalkers(random, street),
  ];
  return {
    street,
    light: makeLight(random),
    camera: {
      height: random.between(1.3, 1.7),
      x: street.roadHalf * random.between(0.2, 0.7),
      yaw: random.between(-0.06, 0.06),
      pitch: random.between(-0.03, 0.03),
      speed: random.chance(0.2) ? 0 : random.between(3, 15),
      yawRate: random.between(-0.12, 0.12),
    },
    things,
    noise: random.between(0.5, 4),
    gain: random.between(0.85, 1.15),
  };
}

function tinted(random: SceneRandom, base: Colour, spread: number): Colour {
  const light = random.between(-spread, spread);
  const channel = (value: number) => Math.min(1, Math.max(0, value + light + random.between(-spread / 2, spread / 2)));
  return [channel(base[0]), channel(base[1]), channel(base[2])];
}

function makeStreet(random: SceneRandom): Street {
  return {
    roadHalf: random.between(3.2, 6),
    sidewalk: random.between(1.5, 3.5),
    bend: random.between(-0.0012, 0.0012),
    roadColour: tinted(random, [0.34, 0.34, 0.36], 0.08),
    sidewalkColour: tinted(random, [0.58, 0.55, 0.52], 0.1),
    terrainColour: tinted(random, [0.42, 0.5, 0.26], 0.1),
    seed: random.whole(0, 2 ** 30),
  };
}

function makeLight(random: SceneRandom): Light {
  const azimuth = random.between(0, 2 * Math.PI);
  const elevation = random.between(0.3, 1.2);
  const overcast = random.chance(0.35);
  return {
    direction: [Math.cos(elevation) * Math.sin(azimuth), Math.sin(elevation), Math.cos(elevation) * Math.cos(azimuth)],
    ambient: overcast ? random.between(0.6, 0.75) : random.between(0.35, 0.5),
    strength: overcast ? random.between(0.15, 0.3) : random.between(0.5, 0.75),
    sky: overcast ? tinted(random, [0.66, 0.69, 0.73], 0.06) : tinted(random, [0.38, 0.58, 0.86], 0.08),
    horizon: tinted(random, [0.82, 0.85, 0.88], 0.05),
    haze: random.between(0.001, 0.008),
  };
}

function single(kind: SceneClass, random: SceneRandom, ...solids: readonly Solid[]): Thing {
  return { kind, solids, velocity: [0, 0], isInstance: false, seed: random.whole(0, 2 ** 30) };
}

function makeFacades(random: SceneRandom, street: Street): Thing[] {
  const things: Thing[] = [];
  for (const side of [-1, 1]) {
    const setback = street.roadHalf + street.sidewalk + random.between(0, 5);
    for (let z = -8; z < FAR; ) {
      const length = random.between(8, 22);
      const width = random.between(8, 14);
      if (random.chance(0.8)) {
        const middle = z + length / 2;
        things.push(
          single('building', random, {
            shape: 'box',
            x: roadCentre(street, middle) + side * (setback + width / 2),
            y: 0,
            z: middle,
            width,
            height: random.between(5, 22),
            length,
            yaw: Math.atan(2 * street.bend * middle),
            colour: tinted(
              random,
              random.pick([
                [0.6, 0.5, 0.42],
                [0.55, 0.56, 0.58],
                [0.66, 0.6, 0.48],
                [0.5, 0.36, 0.3],
              ]),
              0.08,
            ),
            pattern: 'windows',
          }),
        );
      }
      z += length + (random.chance(0.3) ? random.between(2, 8) : 0.3);
    }
  }
  return things;
}

function makeGreenery(random: SceneRandom, street: Street): Thing[] {
  return Array.from({ length: random.whole(1, 9) }, () => {
    const z = random.between(4, 60);
    const side = random.chance(0.5) ? 1 : -1;
    const x = roadCentre(street, z) + side * (street.roadHalf + random.between(0.8, street.sidewalk + 2));
    const trunk = random.between(1.6, 2.8);
    const crown = random.between(2, 4.5);
    const base = { yaw: random.between(0, Math.PI), x, z };
    return single(
      'vegetation',
      random,
      {
        ...base,
        shape: 'box',
        y: 0,
        width: 0.3,
        height: trunk,
        length: 0.3,
        colour: [0.33, 0.25, 0.18],
        pattern: 'plain',
      },
      {
        ...base,
        shape: 'ellipsoid',
        y: trunk - 0.4,
        width: crown,
        height: crown * random.between(0.9, 1.4),
        length: crown,
        colour: tinted(random, [0.2, 0.36, 0.14], 0.06),
        pattern: 'leaves',
      },
    );
  });
}

function makePosts(random: SceneRandom, street: Street): Thing[] {
  const things: Thing[] = [];
  for (let i = random.whole(1, 5); i > 0; i--) {
    const z = random.between(5, 45);
    const side = random.chance(0.5) ? 1 : -1;
    const x = roadCentre(street, z) + side * (street.roadHalf + 0.5);
    const isSign = random.chance(0.5);
    const height = isSign ? random.between(2.2, 3) : random.between(4.5, 7);
    const base = { x, z, yaw: 0, pattern: 'metal' as const };
    const grey: Colour = [0.45, 0.46, 0.48];
    things.push(
      single('pole', random, { ...base, shape: 'box', y: 0, width: 0.14, height, length: 0.14, colour: grey }),
    );
    if (isSign) {
      const colour = random.pick<Colour>([
        [0.8, 0.12, 0.1],
        [0.1, 0.25, 0.7],
        [0.9, 0.75, 0.1],
      ]);
      things.push(
        single('traffic sign', random, {
          ...base,
          shape: 'box',
          y: height - 0.4,
          width: 0.75,
          height: 0.75,
          length: 0.08,
          z: z - 0.12,
          colour,
        }),
      );
    }
  }
  return things;
}

const PAINTS: readonly Colour[] = [
  [0.75, 0.76, 0.78],
  [0.1, 0.1, 0.12],
  [0.6, 0.08, 0.08],
  [0.1, 0.22, 0.5],
  [0.86, 0.86, 0.84],
  [0.3, 0.34, 0.3],
];

function makeVehicle(
  random: SceneRandom,
  kind: 'car' | 'truck',
  place: { x: number; z: number; yaw: number },
  velocity: readonly [number, number],
): Thing {
  const colour = tinted(random, random.pick(PAINTS), 0.05);
  const [width, height, length] =
    kind === 'car'
      ? [random.between(1.65, 1.9), random.between(0.75, 0.95), random.between(3.8, 4.8)]
      : [random.between(2.2, 2.5), random.between(2.2, 3), random.between(6, 8.5)];
  const body = { ...place, shape: 'box' as const, y: 0.25, width, height, length, colour, pattern: 'metal' as const };
  const cabin: Solid = {
    ...place,
    shape: 'box',
    y: 0.25 + height,
    width: width * 0.86,
    height: kind === 'car' ? random.between(0.5, 0.65) : 0.3,
    length: length * (kind === 'car' ? 0.5 : 0.3),
    colour: [0.13, 0.15, 0.18],
    pattern: 'metal',
  };
  return { kind, solids: [body, cabin], velocity, isInstance: true, seed: random.whole(0, 2 ** 30) };
}

function makeTraffic(random: SceneRandom, street: Street): Thing[] {
  const things: Thing[] = [];
  const lane = street.roadHalf / 2;
  const add = (offset: number, z: number, speed: number) => {
    const slope = 2 * street.bend * z;
    const kind = random.chance(0.15) ? 'truck' : 'car';
    const place = { x: roadCentre(street, z) + offset, z, yaw: Math.atan(slope) };
    things.push(makeVehicle(random, kind, place, [speed * Math.sin(place.yaw), speed * Math.cos(place.yaw)]));
  };
  for (let z = random.between(8, 20); z < 70; z += random.between(9, 40))
    add(lane, z, random.chance(0.3) ? 0 : random.between(2, 14));
  for (let z = random.between(6, 25); z < 70; z += random.between(10, 40)) add(-lane, z, -random.between(3, 14));
  for (const side of [-1, 1]) {
    if (random.chance(0.45)) continue;
    for (let z = random.between(3, 15); z < 60; z += random.between(5.5, 16)) add(side * (street.roadHalf - 0.2), z, 0);
  }
  return things;
}

function makeWalkers(random: SceneRandom, street: Street): Thing[] {
  return Array.from({ length: random.whole(0, 6) }, () => {
    const z = random.between(5, 35);
    const crossing = random.chance(0.35);
    const side = random.chance(0.5) ? 1 : -1;
    const offset = crossing
      ? random.between(-street.roadHalf, street.roadHalf)
      : side * (street.roadHalf + random.between(0.4, street.sidewalk));
    const still = random.chance(0.25);
    const pace = still ? 0 : random.between(0.7, 1.8) * (random.chance(0.5) ? 1 : -1);
    const height = random.between(1.5, 1.9);
    const base = { x: roadCentre(street, z) + offset, z, yaw: random.between(0, Math.PI) };
    const cloth = (): Colour => [random.next(), random.next(), random.next()];
    return {
      kind: 'person' as const,
      velocity: crossing ? ([pace, 0] as const) : ([0, pace] as const),
      isInstance: true,
      seed: random.whole(0, 2 ** 30),
      solids: [
        {
          ...base,
          shape: 'box' as const,
          y: 0,
          width: 0.34,
          height: height * 0.48,
          length: 0.22,
          colour: cloth(),
          pattern: 'cloth' as const,
        },
        {
          ...base,
          shape: 'ellipsoid' as const,
          y: height * 0.42,
          width: 0.52,
          height: height * 0.46,
          length: 0.32,
          colour: cloth(),
          pattern: 'cloth' as const,
        },
        {
          ...base,
          shape: 'ellipsoid' as const,
          y: height - 0.26,
          width: 0.2,
          height: 0.26,
          length: 0.22,
          colour: [0.72, 0.55, 0.45] as const,
          pattern: 'plain' as const,
        },
      ],
    };
  });
}
